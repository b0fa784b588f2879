"""Our side of the step benchmark: a quote enters `step`, and the order command leaves it; started by `ops.bench.step`.

The state is that of a LIVE leader that has come here by the same events as in a pod: funds, book and positions read, twice
agreed. A strategy proposes an entry on every quote; all guards judge it, at Kite's own limits (time stands in the events and
moves 200 ms from quote to quote, so the windows hold about 300 calls); the bracket is planned and the entry emitted with its
records. Between the timed quotes, outside the measurement, the order is committed, accepted and cancelled, and its bracket
closes. After 200 entries the next trading day begins.
"""

import time
from dataclasses import dataclass

from ops.bench.laps import INSTRUMENTS, answer, price_cents
from trader.domain.calendars import AlwaysOpen
from trader.domain.effects import Effect, PlaceOrder, ReadBook, ReadFunds, ReadPositions
from trader.domain.engine import step
from trader.domain.events import (
    BookRead,
    BrokerOrder,
    ClockTick,
    Committed,
    Event,
    FeedChanged,
    FundsRead,
    InstrumentsLoaded,
    ModeWanted,
    OrderUpdated,
    PlaceAccepted,
    PositionsRead,
    PreflightJudged,
    ProfileApplied,
    Quote,
    StandingChanged,
)
from trader.domain.instruments import Instrument
from trader.domain.profiles import RiskProfile
from trader.domain.state import EngineSettings, initial_state
from trader.domain.strategies import Intent, Memory, StrategyView
from trader.domain.values import (
    MILLISECOND,
    SECOND,
    AccountId,
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    MachineTime,
    MarketTime,
    Paise,
    Quantity,
    Side,
    SignalKey,
    Standing,
    TradingState,
)

KEYS = [InstrumentKey(f"NFO:STOCK{number}26DECFUT") for number in range(INSTRUMENTS)]
DAY_LENGTH = 24 * 3600 * SECOND
DAY = 200
"""Entries of a trading day."""
MORNING = 1_795_405_500 * SECOND
NOTHING = Paise(0)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Proposes one entry for every quote."""

    name: str = "buyer"
    entry_timeout: int = 10 * SECOND

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """Buy at the ask, with a stop and a target."""
        quote = view.quote
        entry = quote.ask
        return memory, (
            Intent(
                strategy="buyer",
                signal_key=SignalKey(str(quote.market_time)),
                instrument=quote.instrument,
                side=Side.BUY,
                entry_price=entry,
                stop_price=Paise(entry - 200),
                target_price=Paise(entry + 300),
            ),
        )


def instrument(number: int) -> Instrument:
    """A future that takes the prices of the laps."""
    return Instrument(
        key=KEYS[number],
        token=number,
        underlying="STOCK",
        kind="FUT",
        expiry="2030-12-31",
        tick_size=Paise(1),
        lot_size=Quantity(10),
        freeze_quantity=Quantity(1_000),
        lower_circuit=Paise(18_000),
        upper_circuit=Paise(24_000),
    )


PROFILE = RiskProfile(
    name="bench",
    per_trade_risk_ppm=5_000,
    max_heat_ppm=20_000,
    max_daily_loss_ppm=20_000,
    underlyings=("STOCK",),
    kinds=("FUT",),
    orders_per_second=10,
    orders_per_minute=400,
    orders_per_day=5_000,
    market_data_stale_after=5 * SECOND,
    order_stream_stale_after=5 * SECOND,
)


class Ours:
    """The domain of a leader, LIVE."""

    def __init__(self) -> None:
        self.now, self.market_time = MachineTime(1_000 * SECOND), MarketTime(MORNING)
        self.state = initial_state(EngineSettings(AccountId("AB1234"), AlwaysOpen(), (Buyer(),)))
        at = (self.now, self.market_time)
        for event in (
            InstrumentsLoaded(*at, tuple(instrument(number) for number in range(INSTRUMENTS))),
            ProfileApplied(*at, PROFILE, "hash"),
            ModeWanted(*at, live=True, suspended=False),
            PreflightJudged(*at, passed=True, message=""),
            FeedChanged(*at, up=True),
            StandingChanged(*at, Standing.LEADER, Epoch(1)),
        ):
            self.feed(event)
        self.open_day()

    def open_day(self) -> None:
        """The next morning, until the engine is LIVE again."""
        self.market_time = MarketTime(MORNING + (self.market_time - MORNING) // DAY_LENGTH * DAY_LENGTH + DAY_LENGTH)
        for _ in range(20):
            self.pass_time()
            self.feed(ClockTick(self.now, self.market_time))
        assert self.state.control.trading_state is TradingState.LIVE, self.state.control.message
        assert not self.state.durable.closed, "the books of the day before should be closed"

    def pass_time(self) -> None:
        """Time stands in the events alone."""
        self.now = MachineTime(self.now + 200 * MILLISECOND)
        self.market_time = MarketTime(self.market_time + 200 * MILLISECOND)

    def feed(self, event: Event) -> None:
        """Step, and answer the reads that it asks for with an empty book, no positions and the same funds."""
        self.state, effects = step(self.state, event)
        for effect in effects:
            match effect:
                case ReadBook():
                    self.feed(BookRead(self.now, self.market_time, self.now, ()))
                case ReadPositions():
                    self.feed(PositionsRead(self.now, self.market_time, self.now, ()))
                case ReadFunds():
                    self.feed(FundsRead(self.now, self.market_time, Paise(100_000_000)))

    def lap(self, number: int) -> int:
        """One quote until its order command, in nanoseconds; afterwards the order is accepted and cancelled."""
        if number % DAY == 0:
            self.open_day()
        self.pass_time()
        cents = price_cents(number)
        quote = Quote(
            self.now, self.market_time, KEYS[number % INSTRUMENTS], Paise(cents), Paise(cents), Paise(cents + 2)
        )
        begin = time.perf_counter_ns()
        self.state, effects = step(self.state, quote)
        order = first_order(effects)
        taken = time.perf_counter_ns() - begin
        assert order is not None, f"quote {number} brought no order: {effects}"
        at, order_id = (self.now, self.market_time), BrokerOrderId(str(number))
        self.feed(Committed(*at, (order.tag,)))
        self.feed(PlaceAccepted(*at, order.tag, order_id))
        self.feed(OrderUpdated(*at, row(order, order_id, "CANCELLED")))
        assert not self.state.durable.open, "the cancelled bracket should have closed"
        return taken


def first_order(effects: tuple[Effect, ...]) -> PlaceOrder | None:
    """The command, found as the loop finds it."""
    for effect in effects:
        if isinstance(effect, PlaceOrder):
            return effect
    return None


def row(order: PlaceOrder, order_id: BrokerOrderId, status: str) -> BrokerOrder:
    """The broker's row of an order that nothing filled."""
    return BrokerOrder(
        order_id=order_id,
        tag=order.tag,
        instrument=order.instrument,
        side=order.side,
        order_type=order.order_type,
        product=order.product,
        status=status,
        status_message="",
        quantity=order.quantity,
        filled_quantity=Quantity(0),
        pending_quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        average_price=NOTHING,
    )


if __name__ == "__main__":
    answer(Ours().lap)
