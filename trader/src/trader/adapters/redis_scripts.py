"""Lua for Redis: each runs as a whole or not at all, on Redis's own clock, so that the pods need not agree on the time.

KEYS: attempts of the last minute (a sorted set by microsecond), the mark of a 429, the day's placements. Each attempt has a name,
and is counted once however often it is told: an answer that was lost costs nothing.
A sliding window is at least as strict as the broker's calendar second, whatever lies between their clock and this one.
"""

from typing import Final

_NOW: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60000000)
local function count(name, age, day)
  local added = redis.call('ZADD', KEYS[1], 'NX', now - age, name)
  redis.call('PEXPIRE', KEYS[1], 120000)
  if added == 1 and day == 1 then
    redis.call('INCR', KEYS[3])
    redis.call('EXPIRE', KEYS[3], 172800)
  end
end
"""

TAKE: Final = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return 'after a 429, for this minute' end
local second = redis.call('ZCOUNT', KEYS[1], '(' .. (now - 1000000), '+inf')
if second >= tonumber(ARGV[1]) then return 'for this second: ' .. second .. ' calls of at most ' .. ARGV[1] end
local minute = redis.call('ZCARD', KEYS[1])
if minute >= tonumber(ARGV[2]) then return 'for this minute: ' .. minute .. ' calls of at most ' .. ARGV[2] end
local day = tonumber(redis.call('GET', KEYS[3]) or '0')
if day >= tonumber(ARGV[3]) then return 'for today: ' .. day .. ' orders of at most ' .. ARGV[3] end
count(ARGV[4], 0, 1)
return ''
"""
)
"""ARGV: what entries may use per second, minute and day, and the attempt's name. Counts one entry and answers '', or says
which limit forbids it."""

NOTE: Final = (
    _NOW
    + """
if tonumber(ARGV[1]) > 0 then redis.call('SET', KEYS[2], '1', 'PX', ARGV[1]) end
for i = 2, #ARGV, 3 do count(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])) end
return ''
"""
)
"""ARGV: for how many milliseconds entries stay closed after a 429 (0: they are not), then each attempt's name, its age
in microseconds, and 1 if it counts towards the day."""

COUNT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function since(microseconds) return redis.call('ZCOUNT', KEYS[1], '(' .. (now - microseconds), '+inf') end
return {since(1000000), since(60000000)}
"""
"""Reads how many attempts the last second and the last minute had; changes nothing."""
