"""One trader process in virtual time: the real domain and engine, the world in memory."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.component.trader.orders import bracket
from tests.unit.trader.engine.fakes import ACCOUNT, FakeBroker, FakeElector, FakeFeed, MemoryStore, Tally
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.calendars import AlwaysOpen
from trader.domain.events import BrokerOrder
from trader.domain.profiles import RiskProfile
from trader.domain.state import EngineSettings as DomainSettings
from trader.domain.state import EngineState
from trader.domain.values import (
    SECOND,
    BrokerOrderId,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
)
from trader.engine.domains import trading_domain
from trader.engine.gate import OrderGate
from trader.engine.leading import Identity
from trader.engine.leases import LeaseTimes
from trader.engine.ports import FeedUp, Preflight
from trader.engine.session import TradingEngine
from trader.engine.settings import Ending, EnginePorts, EngineSettings

PROFILE = RiskProfile(
    name="full",
    per_trade_risk_ppm=5_000,
    max_heat_ppm=20_000,
    max_daily_loss_ppm=20_000,
    underlyings=("NIFTY",),
    kinds=("FUT",),
    orders_per_second=10,
    orders_per_minute=200,
    orders_per_day=3_000,
    market_data_stale_after=5 * SECOND,
    order_stream_stale_after=5 * SECOND,
)


class Process:
    """One trader process, by hand of the test."""

    def __init__(
        self,
        clock: VirtualClock,
        directory: Path,
        *,
        store: MemoryStore | None = None,
        nonce: str = "a",
        preflight: Preflight | None = None,
    ) -> None:
        self.clock = clock
        self.store = store or MemoryStore()
        self.gate = OrderGate(clock.machine_time)
        self.broker = FakeBroker(self.gate, clock)
        self.feed = FakeFeed()
        self.tally = Tally()
        self.exits: list[int] = []
        self.elector: FakeElector
        identity = Identity("trader-0", "uid0", nonce)
        self.holder = identity.holder
        self.engine: TradingEngine[EngineState] = TradingEngine(
            EngineSettings(ACCOUNT, identity, LeaseTimes(), PROFILE, "hash", directory, live=True),
            EnginePorts(
                clock,
                self.gate,
                self.broker,
                self.feed,
                self.store,
                lease=None,  # type: ignore[arg-type]
                telemetry=self.tally,
                preflight=preflight,
            ),
            trading_domain(DomainSettings(ACCOUNT, AlwaysOpen())),
            end_process=self.exits.append,
            elector=self._elector,
            new_kill_id=lambda: "kill-1",
        )

    def _elector(self, heard: Any, annotations: Any) -> FakeElector:
        self.elector = FakeElector(self.clock, self.gate, heard)
        self.elector.annotations = annotations
        return self.elector

    async def lead(self) -> "asyncio.Task[Ending]":
        """Boot, win, and be past the take-over."""
        running = asyncio.ensure_future(self.engine.run())
        await asyncio.sleep(0.5)
        self.elector.win()
        self.feed.queue.put_nowait(FeedUp())
        await asyncio.sleep(2.0)
        return running


def virtually(tmp_path: Path, story: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    async def main(clock: VirtualClock) -> None:
        await story(Process(clock, tmp_path))

    run_virtually(main)


def row(tag: str | None, status: str = "OPEN") -> BrokerOrder:
    """A row of the broker's book."""
    return BrokerOrder(
        order_id=BrokerOrderId("1"),
        tag=tag,  # type: ignore[arg-type]
        instrument=bracket().instrument,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        status=status,
        status_message="",
        quantity=Quantity(75),
        filled_quantity=Quantity(0),
        pending_quantity=Quantity(75),
        price=Paise(2_400_000),
        trigger_price=Paise(0),
        average_price=Paise(0),
    )
