"""The stream to one process: quotes, and the updates of orders, each of which may be lost, doubled, late or out of order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from ops.simulating.dice import Dice
from ops.simulating.exchange import BookOrder
from ops.simulating.troubles import Kind
from trader.domain.events import BrokerOrder, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey, Paise
from trader.engine.ports import FeedDown, FeedItem, FeedUp

if TYPE_CHECKING:
    from ops.simulating.process import Process


class Stream:
    """One subscription: an asynchronous iterator over what arrives."""

    def __init__(self, feed: "SimulatedFeed") -> None:
        self._feed = feed
        self._items: deque[FeedItem] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, item: FeedItem) -> None:
        self._items.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> FeedItem:
        while not self._items:
            self._waiting = self._feed.process.loop.create_future()
            await self._waiting
        return self._items.popleft()


class SimulatedFeed:
    """`Feed` of one process."""

    def __init__(self, process: "Process", dice: Dice) -> None:
        self.process = process
        self._world = process.world
        self._dice = dice
        self._stream: Stream | None = None
        self.is_up = False

    def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        self._stream = Stream(self)
        self.is_up = False
        self._world.scheduler.after(self._dice.nanoseconds(0.02, 0.15), self._connect, self._stream)
        return self._stream

    def drop(self) -> None:
        """The connection is lost; noticed at once, or by its silence."""
        if self.is_up and self._stream is not None:
            self.is_up = False
            seconds = 0.001 if self._dice.chance() < 0.6 else 5.0
            self._world.scheduler.after(int(seconds * 1e9), self._notice, self._stream)

    def _notice(self, stream: Stream) -> None:
        stream.put(FeedDown("the connection was lost"))
        self._world.scheduler.after(self._dice.nanoseconds(0.05, 0.3), self._connect, stream)

    def _connect(self, stream: Stream) -> None:
        if stream is not self._stream or self.process.loop.is_dead:
            return
        now = self._world.scheduler.now
        if self.process.weather.has(Kind.FEED_DOWN, now):
            wait = self.process.weather.until[Kind.FEED_DOWN] - now
            self._world.scheduler.after(wait + 50_000_000, self._connect, stream)
            return
        self.is_up = True
        stream.put(FeedUp())

    def quote(self, instrument: InstrumentKey, last: int, half_spread: int) -> None:
        """A tick leaves the exchange."""
        if not self.is_up:
            return
        if self.process.weather.until and self.process.weather.has(Kind.FEED_SILENT, self._world.scheduler.now):
            return
        self._world.scheduler.after(
            self._dice.nanoseconds(0.002, 0.02), self._deliver_quote, self._stream, instrument, last, half_spread
        )

    def _deliver_quote(self, stream: Stream, instrument: InstrumentKey, last: int, half_spread: int) -> None:
        process = self.process
        if stream is not self._stream or not self.is_up or process.loop.is_stopped:
            return
        clock = process.clock
        stream.put(
            Quote(
                clock.machine_time(),
                clock.market_time(),
                instrument,
                Paise(last),
                Paise(last - half_spread),
                Paise(last + half_spread),
            )
        )

    def update(self, order: BookOrder) -> None:
        """An order changed at the exchange."""
        if not self.is_up:
            return
        weather, scheduler = self.process.weather, self._world.scheduler
        now = scheduler.now
        delay = self._dice.nanoseconds(0.002, 0.05)
        row = order.as_row()
        if order.visible_at > now:
            return
        if weather.until:
            if weather.has(Kind.UPDATES_LOST, now) and self._dice.chance() < 0.7:
                self._world.reach("update lost")
                return
            if weather.has(Kind.UPDATES_LATE, now):
                delay += self._dice.nanoseconds(0, 3.0)
            if weather.has(Kind.UPDATES_DOUBLED, now):
                scheduler.after(delay + self._dice.nanoseconds(0, 1.0), self._deliver, self._stream, row)
        scheduler.after(delay, self._deliver, self._stream, row)

    def _deliver(self, stream: Stream, row: BrokerOrder) -> None:
        if stream is self._stream and self.is_up:
            stream.put(row)
