"""The account's order budget, which every pod and Job of it shares (Kite counts per client account, kite.md §4.1).

*Entries* ask Redis, in one Lua call of 50 ms at most, and leave what exits may need. *Exits* (stops, targets, cancels, modifies,
flattening) ask nobody: they are counted after the fact, and no network stands in their way.

Attempts count, not successes; modifies and cancels count like placements. A first 429 closes entries, for all pods, until the
broker's minute is over for certain.

Without Redis nobody knows what the other pods send. Then a process may send entries only within a local share that is safe
beside four others of its kind (`LOCAL_SHARE`), its own exits counted in, and not at all once it has seen a 429 within the minute.
Where no Redis is configured there is nobody to share with: the whole budget is this process's own.
"""

import asyncio
import itertools
import secrets
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.exceptions import RedisError

from trader.adapters.redis_scripts import COUNT, NOTE, TAKE
from trader.adapters.redis_urls import redis_of

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 0.05
AWAY_SECONDS: Final = 1.0
"""How long Redis is not asked again after it did not answer: an entry does not wait 50 ms each time."""
MINUTE: Final = 60.0
# Users report that a 429 lasts to the end of the broker's minute (kite.trade/forum, 11404).
CLOSED_SECONDS: Final = 60.0
LOCAL_SHARE: Final = 5
LOOK_SECONDS: Final = 0.5
SEEN_SECONDS: Final = 2.0
"""How long what was seen of the account's budget is shown: longer than a look or two may take, far shorter than a minute."""
LATE_NOTES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What entries may use of the account's limits; the rest is the exits'.

    Kite: 10 order calls a second, 400 a minute, 5,000 placements a day (kite.trade/docs/connect/v3/exceptions, 2026-07-14).
    """

    per_second: int = 10 - 4
    per_minute: int = 400 - 100
    per_day: int = 5_000 - 250


class BudgetSpent(Exception):  # noqa: N818 - what happened
    """No entry may leave now; the message says which limit forbids it."""


class OrderBudget:
    """One process's share in the account's budget."""

    def __init__(
        self,
        url: str | None,
        account: str,
        trading_date: Callable[[], str],
        limits: Limits | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` of Redis, None without one; `trading_date` names the day of the daily count.

        Raises:
            ValueError: the URL cannot be used.
        """
        self._redis = (
            redis_of(url, socket_timeout=answer_seconds, socket_connect_timeout=answer_seconds, retry=None)
            if url
            else None
        )
        self._prefix = f"tradeops:{{{account}}}:orders"
        self._answer_seconds = answer_seconds
        self._trading_date = trading_date
        self._limits = limits or Limits()
        self._now = now
        boot = secrets.token_hex(6)
        self._names = (f"{boot}-{number}" for number in itertools.count())
        self._sent: deque[float] = deque()
        """This process's attempts of the last minute, oldest first."""
        self._unnoted: deque[tuple[str, float, int]] = deque(maxlen=LATE_NOTES)
        """Attempts that Redis has not heard of: name, when, and whether they count towards the day."""
        self._noting: asyncio.Task[None] | None = None
        self._seen: tuple[float, dict[float, int]] | None = None
        """When the account's budget was looked at last, and what it counts in a second and in a minute."""
        self._away_until = 0.0
        self._closed_until = 0.0
        self._is_away = False

    async def take(self) -> None:
        """Count one entry, if the account's budget has room for it.

        Raises:
            BudgetSpent: it has not, or that cannot be known and the local share is used up.
        """
        now = self._now()
        if now < self._closed_until:
            raise BudgetSpent(f"the broker counted too many calls: closed for {self._closed_until - now:.0f} s more")
        name = next(self._names)
        verdict = await self._ask(name, now)
        if verdict is None:
            self._take_locally(name, now)
            return
        if verdict:
            raise BudgetSpent(f"the account's budget for entries is used up {verdict}")
        self._count(now)

    def note(self, *, is_placement: bool) -> None:
        """Count an attempt that asked nobody; waits for nothing."""
        now = self._now()
        self._count(now)
        if self._redis is not None:
            self._unnoted.append((next(self._names), now, int(is_placement)))
            self._flush()

    def limited(self) -> None:
        """The broker answered 429: no entries for the window, in any pod."""
        self._closed_until = self._now() + CLOSED_SECONDS
        log.warning("entries_closed", reason="429", seconds=CLOSED_SECONDS)
        self._flush()

    def sent_within(self, seconds: float) -> int:
        """This process's attempts of the last `seconds`, a minute at most."""
        return len(self._sent) - bisect_right(self._sent, self._now() - seconds)

    def depth(self, seconds: float) -> int:
        """The account's attempts of the last second or minute, as of the last look; this process's own while nobody tells them.

        Never below our own: Redis hears of exits after they left.
        """
        own = self.sent_within(seconds)
        if self._seen is None or self._now() - self._seen[0] > SEEN_SECONDS:
            return own
        return max(own, self._seen[1].get(seconds, 0))

    async def follow(self) -> None:
        """Look at the account's budget twice a second, until cancelled; for who watches, never for an order."""
        if self._redis is None:
            return
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    second, minute = await self._redis.eval(COUNT, 1, f"{self._prefix}:sent")
                self._seen = (self._now(), {1.0: int(second), MINUTE: int(minute)})
            except (RedisError, OSError, TimeoutError, ValueError, TypeError):
                self._seen = None  # whoever asks for an order says that Redis is away
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Let the connections go."""
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.wait({self._noting})
        if self._redis is not None:
            await self._redis.aclose()

    def _count(self, now: float) -> None:
        self._sent.append(now)
        while self._sent[0] <= now - MINUTE:
            self._sent.popleft()

    def _take_locally(self, name: str, now: float) -> None:
        for seconds, limit in ((1.0, self._limits.per_second), (MINUTE, self._limits.per_minute)):
            share = limit if self._redis is None else max(1, limit // LOCAL_SHARE)
            if self.sent_within(seconds) >= share:
                why = "" if self._redis is None else "Redis is away; "
                raise BudgetSpent(f"{why}{share} calls in {seconds:g} s are all that entries may use here")
        self._count(now)
        if self._redis is not None:
            self._unnoted.append((name, now, 1))
            self._flush()

    async def _ask(self, name: str, now: float) -> str | None:
        """Empty when the entry is counted, which limit forbids it, or None when Redis cannot be asked."""
        if self._redis is None or now < self._away_until:
            return None
        keys = (f"{self._prefix}:sent", f"{self._prefix}:closed", self._day_key())
        limits = (self._limits.per_second, self._limits.per_minute, self._limits.per_day)
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer = await self._redis.eval(TAKE, len(keys), *keys, *map(str, limits), name)
        except (RedisError, OSError, TimeoutError) as error:
            self._away(now, error)
            return None
        self._back()
        return str(answer, "utf-8") if isinstance(answer, bytes) else str(answer)

    def _flush(self) -> None:
        if self._redis is not None and (self._noting is None or self._noting.done()):
            self._noting = asyncio.create_task(self._note(), name="order-budget")

    async def _note(self) -> None:
        """Tell Redis what it has not heard; what it cannot be told is tried again until it is older than any window."""
        assert self._redis is not None
        while self._unnoted or self._now() < self._closed_until:
            now = self._now()
            batch = [each for each in self._unnoted if now - each[1] < MINUTE]
            closed_for = max(0, round((self._closed_until - now) * 1000))
            keys = (f"{self._prefix}:sent", f"{self._prefix}:closed", self._day_key())
            told = [value for name, at, day in batch for value in (name, str(round((now - at) * 1e6)), str(day))]
            known = len(self._unnoted)
            try:
                async with asyncio.timeout(1.0):
                    await self._redis.eval(NOTE, len(keys), *keys, str(closed_for), *told)
            except (RedisError, OSError, TimeoutError) as error:
                self._away(now, error)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            self._back()
            for _ in range(min(known, len(self._unnoted))):
                self._unnoted.popleft()
            if not self._unnoted:
                return

    def _away(self, now: float, error: Exception) -> None:
        self._away_until = now + AWAY_SECONDS
        if not self._is_away:
            log.warning("order_budget_away", reason=str(error) or type(error).__name__)
        self._is_away = True

    def _back(self) -> None:
        if self._is_away:
            log.info("order_budget_back")
        self._is_away, self._away_until = False, 0.0

    def _day_key(self) -> str:
        return f"{self._prefix}:day:{self._trading_date()}"
