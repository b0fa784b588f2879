"""What waits for the loop: events in order, none ever dropped; quotes and clock ticks only as the newest of their kind.

Events of orders go first: a lagging loop sees fewer quotes, and later, but never a late fill. The bound on events is a
fuse, not a policy: a loop that far behind is broken, and the process ends rather than trade on an old picture.
"""

import asyncio
from collections import deque

from trader.domain.events import ClockTick, Event, Quote
from trader.domain.values import InstrumentKey

EVENT_LIMIT = 20_000


class InboxOverflow(Exception):  # noqa: N818
    """The loop fell hopelessly behind."""


class Inbox:
    """Many writers on the loop's thread, one reader."""

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._quotes: dict[InstrumentKey, Quote] = {}
        self._tick: ClockTick | None = None
        self._reader: asyncio.Future[None] | None = None
        self.is_draining = False
        """Set for a planned stop: quotes and ticks, which begin things, are no longer taken; answers still are."""
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._events) + len(self._quotes) + (self._tick is not None)

    def put(self, event: Event) -> None:
        """Take an event; replaces the waiting quote of the same instrument, and the waiting clock tick."""
        if self.is_draining and isinstance(event, Quote | ClockTick):
            return
        if isinstance(event, Quote):
            self.conflated += event.instrument in self._quotes
            self._quotes[event.instrument] = event
        elif isinstance(event, ClockTick):
            self._tick = event
        else:
            if len(self._events) >= self._limit:
                raise InboxOverflow(f"{self._limit} events wait for the loop")
            self._events.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Event:
        """The next event: orders and answers first, then time, then quotes (the instrument that waits longest first)."""
        while True:
            if self._events:
                return self._events.popleft()
            if self._tick is not None:
                tick, self._tick = self._tick, None
                return tick
            if self._quotes:
                return self._quotes.pop(next(iter(self._quotes)))
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
