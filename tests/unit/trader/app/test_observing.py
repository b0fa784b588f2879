"""How fresh the stream is, as heartbeats tell it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from tests.unit.trader.app.pictures import SNAPSHOT
from tests.unit.trader.app.test_telemetry import telemetry, value
from trader.app.observing import ObservedFeed
from trader.domain.instruments import Instrument
from trader.domain.values import SECOND, MachineTime, MarketTime
from trader.engine.ports import FeedAlive, FeedDown, FeedItem, FeedUp


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def machine_time(self) -> MachineTime:
        return MachineTime(round(self.seconds * SECOND))

    def market_time(self) -> MarketTime:
        return MarketTime(0)

    def wall_time(self, market_time: MarketTime) -> int:
        return int(market_time)


class Script:
    """A feed that says these things, each after so many seconds."""

    def __init__(self, clock: HandClock, items: Sequence[tuple[float, FeedItem]]) -> None:
        self._clock = clock
        self._items = items

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        for seconds, item in self._items:
            self._clock.seconds += seconds
            yield item


async def ages(items: Sequence[tuple[float, FeedItem]]) -> list[float]:
    """The stream's age after each item."""
    clock, found = HandClock(), []
    feed = ObservedFeed(Script(clock, items), clock, telemetry(SNAPSHOT))
    async for _ in feed.items([]):
        assert feed.stream_at is not None
        found.append((clock.machine_time() - feed.stream_at) / SECOND)
    return found


async def test_a_stream_that_connects_again_and_again_and_stays_mute_grows_stale() -> None:
    """A new connection is no frame: behind a black hole each connection stands, and each is silent."""
    mute: list[tuple[float, FeedItem]] = [
        (0.0, FeedUp()),
        (5.0, FeedDown("silent for 5 s")),
        (0.2, FeedUp()),
        (5.0, FeedDown("silent for 5 s")),
    ]
    assert await ages(mute) == [0, 5, 5.2, 10.2]


async def test_any_frame_is_a_sign_of_life() -> None:
    """Heartbeats count."""
    assert await ages([(0.0, FeedUp()), (2.0, FeedAlive()), (1.0, FeedDown("closed")), (1.0, FeedAlive())]) == [
        0,
        0,
        1,
        0,
    ]


async def test_a_kill_that_waits_for_its_proof_is_seen_waiting() -> None:
    """From the first look on, until it is flat or over."""
    made = telemetry(SNAPSHOT)
    assert value(made, "trader_kill_flatten_pending_seconds") == 0
    made.flattening(is_pending=True)
    await asyncio.sleep(0.02)
    made.flattening(is_pending=True)
    assert value(made, "trader_kill_flatten_pending_seconds") >= 0.02
    made.flattening(is_pending=False)
    assert value(made, "trader_kill_flatten_pending_seconds") == 0
