"""A domain with a broker around it, in one thread and with a clock that the test moves.

`World.feed` steps the state and performs the effects; calls and reads wait in queues until `pump` answers them, each by the fate
that the test chose. After every step the journal is replayed and compared with the durable part (invariant I16).
"""

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.trader.domain.exchange import Exchange
from tests.unit.trader.domain.shortcuts import check_shortcuts
from trader.domain.calendars import AlwaysOpen, Calendar, midnight_of
from trader.domain.effects import (
    Announce,
    CancelOrder,
    Effect,
    EngageKill,
    GuardTripped,
    ModifyOrder,
    Persist,
    PlaceOrder,
    ReadBook,
    ReadFunds,
    ReadPositions,
)
from trader.domain.engine import replay, step
from trader.domain.events import (
    BookRead,
    ClockTick,
    CommitRefused,
    Committed,
    Event,
    FeedChanged,
    FundsRead,
    InstrumentsLoaded,
    KillEngaged,
    ModeWanted,
    MutationReply,
    OrderUpdated,
    PlaceAccepted,
    PlaceRefused,
    PlaceUnknown,
    PositionsRead,
    PreflightJudged,
    ProfileApplied,
    Quote,
    StandingChanged,
)
from trader.domain.instruments import Instrument
from trader.domain.opening_range import OpeningRangeBreakout
from trader.domain.orders import may_become
from trader.domain.profiles import RiskProfile
from trader.domain.records import Record
from trader.domain.state import Bracket, Durable, EngineSettings, EngineState, ForeignPolicy, Order, initial_state
from trader.domain.strategies import Strategy
from trader.domain.values import (
    MILLISECOND,
    SECOND,
    AccountId,
    Epoch,
    InstrumentKey,
    KillReason,
    Leg,
    MachineTime,
    MarketTime,
    Paise,
    Quantity,
    Standing,
)

NIFTY = InstrumentKey("NFO:NIFTY26DECFUT")
BANK = InstrumentKey("NFO:BANKNIFTY26DECFUT")
MORNING = MarketTime(midnight_of(dt.date(2026, 11, 23)) + 9 * 3600 * SECOND)
START = MachineTime(1_000 * SECOND)
Call = PlaceOrder | ModifyOrder | CancelOrder
Fate = str
"""`ok`, `refused`, `gate` (our own gate refused), `lost` (never arrived, nobody knows), `unanswered` (arrived, nobody knows)."""


def nifty(**changes: object) -> Instrument:
    fields: dict[str, object] = {
        "key": NIFTY,
        "token": 1,
        "underlying": "NIFTY",
        "kind": "FUT",
        "expiry": "2026-12-29",
        "tick_size": Paise(10),
        "lot_size": Quantity(65),
        "freeze_quantity": Quantity(1800),
        "lower_circuit": Paise(2_160_000),
        "upper_circuit": Paise(2_640_000),
    }
    return Instrument(**{**fields, **changes})  # type: ignore[arg-type]


def bank() -> Instrument:
    return nifty(
        key=BANK,
        token=2,
        underlying="BANKNIFTY",
        lot_size=Quantity(30),
        freeze_quantity=Quantity(600),
        lower_circuit=Paise(4_680_000),
        upper_circuit=Paise(5_720_000),
        tick_size=Paise(20),
    )


def profile(**changes: object) -> RiskProfile:
    fields: dict[str, object] = {
        "name": "paper",
        "per_trade_risk_ppm": 5_000,
        "max_heat_ppm": 20_000,
        "max_daily_loss_ppm": 20_000,
        "underlyings": ("NIFTY", "BANKNIFTY"),
        "kinds": ("FUT",),
        "orders_per_second": 10,
        "orders_per_minute": 400,
        "orders_per_day": 5_000,
        "market_data_stale_after": 5 * SECOND,
        "order_stream_stale_after": 5 * SECOND,
    }
    return RiskProfile(**{**fields, **changes})  # type: ignore[arg-type]


def settings(
    calendar: Calendar | None = None,
    foreign: ForeignPolicy = ForeignPolicy.REFUSE,
    strategies: tuple[Strategy, ...] = (OpeningRangeBreakout(),),
) -> EngineSettings:
    return EngineSettings(AccountId("AB1234"), calendar or AlwaysOpen(), strategies, foreign)


def check_moves(before: Durable, after: Durable) -> None:
    """Orders move along the table only, a broker's end stays, fills never fall (invariant I11)."""
    if before is after:
        return
    for intent, bracket in (*before.open.items(), *before.closed.items()):
        now = after.open.get(intent) or after.closed.get(intent)
        if now is bracket or now is None:
            assert now is not None or after.trading_date != before.trading_date
            continue
        for tag, order in bracket.orders.items():
            moved = now.orders[tag]
            assert moved.filled_quantity >= order.filled_quantity
            assert moved.status is order.status or may_become(order, moved.status), (order, moved)
            assert order.order_id in (None, moved.order_id)


@dataclass
class World:
    """One process, its journal, and the broker."""

    settings: EngineSettings = field(default_factory=settings)
    exchange: Exchange = field(default_factory=Exchange)
    funds: int = 100_000_000_00
    now: MachineTime = START
    market_time: MarketTime = MORNING
    journal: list[Record] = field(default_factory=list)
    calls: deque[Call] = field(default_factory=deque)
    reads: deque[tuple[str, MachineTime]] = field(default_factory=deque)
    effects: list[Effect] = field(default_factory=list)
    sent: list[tuple[MachineTime, Call]] = field(default_factory=list)
    fate: Callable[[Call], Fate] = lambda call: "ok"
    replays_always: bool = True
    pushes: bool = True
    answers_reads: bool = True
    commits: bool = True
    refuses_risk: bool = False
    """Whether the store refuses what adds risk: a kill that this process has not heard of, or a database that is away."""
    emergency: list[Record] = field(default_factory=list)
    """What was journalled without the database."""
    instruments: tuple[Instrument, ...] = field(default_factory=lambda: (nifty(),))
    profile: RiskProfile = field(default_factory=profile)

    def __post_init__(self) -> None:
        self.state: EngineState = initial_state(self.settings)

    # Stepping

    def feed(self, event: Event) -> tuple[Effect, ...]:
        before = self.state
        self.state, effects = step(before, event)
        check_moves(before.durable, self.state.durable)
        check_shortcuts(before, event, self.state, effects)
        self.effects.extend(effects)
        orders: list[Call] = []
        for effect in effects:
            if isinstance(effect, PlaceOrder | ModifyOrder | CancelOrder):
                orders.append(effect)
                self.sent.append((self.now, effect))
            else:
                self.take(effect)
        if self.replays_always:
            self.check_replay()
        if orders and self.commits:
            orders = self.refuse_risk(orders)
            tags = tuple(order.tag for order in orders if isinstance(order, PlaceOrder))
            self.calls.extend(orders)
            if tags:
                self.feed(Committed(self.now, self.market_time, tags))
        return effects

    def take(self, effect: Effect) -> None:
        match effect:
            case Persist():
                self.journal.extend(effect.records)
                if self.state.control.standing is Standing.LEASE_ONLY:
                    self.emergency.extend(effect.records)
            case ReadBook():
                self.reads.append(("book", self.now))
            case ReadPositions():
                self.reads.append(("positions", self.now))
            case ReadFunds():
                self.reads.append(("funds", self.now))
            case EngageKill():
                self.calls_for_kill(effect)

    def refuse_risk(self, orders: list[Call]) -> list[Call]:
        """Take out what the store refuses; its records stand, its orders never existed."""
        refused = [each for each in orders if isinstance(each, PlaceOrder) and each.adds_risk and self.refuses_risk]
        if refused:
            tags = tuple(each.tag for each in refused)
            self.feed(CommitRefused(self.now, self.market_time, tags, "killed"))
        return [each for each in orders if each not in refused]

    def lose_emergency_journal(self) -> None:
        """The disk of the dead pod took it along."""
        lost = {id(record) for record in self.emergency}
        self.journal[:] = [record for record in self.journal if id(record) not in lost]
        self.emergency.clear()

    def check_replay(self) -> None:
        """I16: the journal alone gives the durable part."""
        durable = self.state.durable
        assert replay(initial_state(self.settings), self.journal).durable == durable
        assert durable.day_booked == sum(durable.profit_booked.values())

    def calls_for_kill(self, effect: EngageKill) -> None:
        self.feed(KillEngaged(self.now, self.market_time, "K-risk", effect.reason, effect.note, "engine"))

    def pass_time(self, nanoseconds: int = MILLISECOND) -> None:
        self.now = MachineTime(self.now + nanoseconds)
        self.market_time = MarketTime(self.market_time + nanoseconds)

    def pump(self, limit: int = 200) -> None:
        """Answer what waits, until nothing does."""
        for _ in range(limit):
            if self.exchange.updates and self.pushes:
                self.deliver(self.exchange.updates.pop(0))
            elif self.calls:
                self.pass_time()
                self.perform(self.calls.popleft())
            elif self.reads and self.answers_reads:
                self.pass_time()
                self.answer(*self.reads.popleft())
            else:
                return

    def deliver(self, row: object) -> None:
        self.feed(OrderUpdated(self.now, self.market_time, row))  # type: ignore[arg-type]

    def perform(self, call: Call) -> None:
        fate = self.fate(call)
        at, market = self.now, self.market_time
        if isinstance(call, PlaceOrder):
            if fate in ("refused", "gate", "rate_limited"):
                kind = "refused" if fate == "gate" else fate
                self.feed(PlaceRefused(at, market, call.tag, "RMS: refused", by_gate=fate == "gate", kind=kind))
                return
            order_id = self.exchange.place(call) if fate in ("ok", "unanswered") else None
            if fate == "ok" and order_id is not None:
                self.feed(PlaceAccepted(at, market, call.tag, order_id))
            else:
                self.feed(PlaceUnknown(at, market, call.tag, "read timed out"))
            return
        operation = "modify" if isinstance(call, ModifyOrder) else "cancel"
        problem = "refused by fate"
        if fate in ("ok", "unanswered"):
            problem = self.exchange.modify(call) if isinstance(call, ModifyOrder) else self.exchange.cancel(call)
        outcome = "unknown" if fate in ("lost", "unanswered") else "refused" if problem else "accepted"
        kind = fate if fate == "rate_limited" else "refused"
        self.feed(MutationReply(at, market, call.tag, operation, outcome, problem, kind))

    def answer(self, what: str, requested_at: MachineTime) -> None:
        at, market = self.now, self.market_time
        if what == "book":
            self.feed(BookRead(at, market, requested_at, self.exchange.book()))
        elif what == "positions":
            self.feed(PositionsRead(at, market, requested_at, self.exchange.positions()))
        else:
            self.feed(FundsRead(at, market, Paise(self.funds)))

    def run(self, seconds: float, step_ms: int = 100) -> None:
        """Let time pass in clock ticks, answering everything."""
        for _ in range(round(seconds * 1000 / step_ms)):
            self.pass_time(step_ms * MILLISECOND)
            self.feed(ClockTick(self.now, self.market_time))
            self.pump()

    # Beginnings

    def prepare(self) -> None:
        """What every process hears before it leads."""
        at, market = self.now, self.market_time
        self.feed(InstrumentsLoaded(at, market, self.instruments))
        self.feed(ProfileApplied(at, market, self.profile, "hash"))
        self.feed(ModeWanted(at, market, live=True, suspended=False))
        self.feed(PreflightJudged(at, market, passed=True, message=""))
        self.feed(FeedChanged(at, market, up=True))

    def lead(self, epoch: int = 1, standing: Standing = Standing.LEADER) -> None:
        self.feed(StandingChanged(self.now, self.market_time, standing, Epoch(epoch)))
        self.pump()

    def start(self, epoch: int = 1) -> "World":
        """Up to LIVE."""
        self.prepare()
        self.lead(epoch)
        self.run(1)
        return self

    def restart(self, epoch: int, *, prepare: bool = True) -> None:
        """The process dies; a successor replays the journal and leads under a new epoch."""
        self.state = replay(initial_state(self.settings), self.journal)
        self.calls.clear()
        self.reads.clear()
        self.exchange.updates.clear()
        self.pass_time(SECOND)
        if prepare:
            self.prepare()
        self.lead(epoch)

    # The market

    def quote(self, price: int, instrument: InstrumentKey = NIFTY, spread: int = 20, *, matches: bool = True) -> None:
        if matches:
            self.exchange.move(instrument, price)
        bid, ask = Paise(price - spread // 2), Paise(price + spread // 2)
        self.feed(Quote(self.now, self.market_time, instrument, Paise(price), bid, ask))

    def walk(self, prices: list[int], seconds: float = 30, instrument: InstrumentKey = NIFTY) -> None:
        """One quote after the other, so far apart in time."""
        for price in prices:
            self.run(seconds, step_ms=1000)
            self.quote(price, instrument)
            self.pump()

    def open_range(self, instrument: InstrumentKey = NIFTY, middle: int = 2_400_000) -> None:
        """See the whole range of a new session: middle ± 20 rupees."""
        session = self.state.market.session
        assert session is not None
        gap = session.end - self.market_time
        self.pass_time(gap)
        self.feed(ClockTick(self.now, self.market_time))
        self.pump()
        self.quote(middle, instrument)
        self.walk([middle + 2_000, middle - 2_000, *[middle] * 9], instrument=instrument)

    def enter(self, instrument: InstrumentKey = NIFTY, price: int = 2_402_500) -> Bracket:
        """A long bracket by the strategy's own signal."""
        self.open_range(instrument)
        self.quote(price, instrument)
        assert self.state.durable.open, self.guard_trips()
        return next(iter(self.state.durable.open.values()))

    # Looking

    @property
    def bracket(self) -> Bracket:
        """The only open bracket."""
        (bracket,) = self.state.durable.open.values()
        return bracket

    def order(self, leg: Leg) -> Order:
        """The latest order of a leg of the only bracket."""
        return [order for order in self.bracket.orders.values() if order.leg is leg][-1]

    def guard_trips(self) -> list[GuardTripped]:
        return [effect for effect in self.effects if isinstance(effect, GuardTripped)]

    def announced(self, name: str) -> list[Announce]:
        return [effect for effect in self.effects if isinstance(effect, Announce) and effect.name == name]

    def placed(self, leg: Leg | None = None) -> list[PlaceOrder]:
        return [call for _, call in self.sent if isinstance(call, PlaceOrder) and (leg is None or call.leg is leg)]

    def kill(self, reason: KillReason = KillReason.MANUAL, kill_id: str = "K1") -> None:
        self.feed(KillEngaged(self.now, self.market_time, kill_id, reason, "by hand", "desk"))
