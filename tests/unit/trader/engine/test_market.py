"""The leader's ears at the market: what the exchange moves in the day is heard."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from tests.unit.trader.engine.fakes import FUTURE, FakeBroker
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.events import Event, InstrumentsLoaded
from trader.domain.instruments import Instrument
from trader.domain.profiles import RiskProfile
from trader.domain.values import Paise
from trader.engine.gate import OrderGate
from trader.engine.market import LIMITS_SECONDS, MarketTask
from trader.engine.ports import FeedItem, Unknown


class SilentFeed:
    """Connected, and nothing to say."""

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


class MovingLimits(FakeBroker):
    """A broker whose upper limit falls with each look, after the first one failed."""

    looks = 0

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        self.looks += 1
        if self.looks == 1:
            raise Unknown("no answer")
        upper = Paise(FUTURE.upper_circuit - 1000) if self.looks < 4 else Paise(FUTURE.upper_circuit - 2000)
        return tuple(replace(each, upper_circuit=upper) for each in instruments)


PROFILE = RiskProfile(
    name="any",
    per_trade_risk_ppm=1,
    max_heat_ppm=1,
    max_daily_loss_ppm=1,
    underlyings=("NIFTY",),
    kinds=("FUT",),
    orders_per_second=1,
    orders_per_minute=1,
    orders_per_day=1,
    market_data_stale_after=1,
    order_stream_stale_after=1,
)


def test_moved_circuit_limits_are_told_and_standing_ones_are_not() -> None:
    """Looked at every few seconds; an answer that fails costs one look; the same limits again are no news."""
    heard: list[Event] = []

    async def main(clock: VirtualClock) -> None:
        broker = MovingLimits(OrderGate(clock.machine_time), clock)
        task = asyncio.create_task(MarketTask(broker, SilentFeed(), clock, lambda: PROFILE, heard.append).run())
        await asyncio.sleep(LIMITS_SECONDS * 4.9)
        task.cancel()

    run_virtually(main)
    told = [each.instruments[0].upper_circuit for each in heard if isinstance(each, InstrumentsLoaded)]
    upper = FUTURE.upper_circuit
    assert told == [upper, upper - 1000, upper - 2000]
