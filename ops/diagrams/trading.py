"""The trading states: the domain's own `step`, fed with every kind of news from every situation that news has led to.

The trading state is a function of the present, not a table; so the walk asks `step` itself. Situations that differ in nothing the
function looks at are taken for one.
"""

import datetime as dt
from collections.abc import Callable, Iterator

from ops.diagrams.walking import Edges, walk
from trader.domain.calendars import ExchangeCalendar, midnight_of
from trader.domain.engine import apply, step
from trader.domain.events import (
    BookRead,
    BrokerPosition,
    ClockTick,
    Event,
    FeedChanged,
    FundsRead,
    InstrumentsLoaded,
    KillEngaged,
    KillReleased,
    ModeWanted,
    PositionsRead,
    PreflightJudged,
    ProfileApplied,
    StandingChanged,
)
from trader.domain.flattening import flatness
from trader.domain.instruments import Instrument
from trader.domain.orders import changed
from trader.domain.profiles import RiskProfile
from trader.domain.records import BracketClosed, BracketPlanned, OrderPlanned
from trader.domain.state import EngineSettings, EngineState, initial_state
from trader.domain.tags import TagParts, encode_tag, intent_id
from trader.domain.values import (
    SECOND,
    AccountId,
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    KillReason,
    Leg,
    MachineTime,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
    Standing,
    TradingState,
)

_KEY, _UNITS, _FUNDS = InstrumentKey("NFO:ANY26DECFUT"), Quantity(1), Paise(1_000_000)
_DAY = dt.date(2026, 11, 23)
_MORNING = MarketTime(midnight_of(_DAY) + 10 * 3600 * SECOND)
_EVENING = MarketTime(midnight_of(_DAY) + (15 * 3600 + 30 * 60) * SECOND)
_INSTRUMENT = Instrument(_KEY, 1, "ANY", "FUT", "2026-12-29", Paise(5), _UNITS, Quantity(0), Paise(1), Paise(1_000_000))
_PROFILE = RiskProfile("any", 1, 1, 1_000_000, ("ANY",), ("FUT",), 10, 400, 5_000, SECOND, SECOND)
Move = Callable[[EngineState], EngineState]


def trading_edges() -> Edges:
    """From a process that has only heard its configuration."""
    start = initial_state(EngineSettings(AccountId("ANY"), ExchangeCalendar(frozenset())))
    start = _heard(start, ClockTick, market_time=_MORNING)
    start = _heard(start, lambda at, now: InstrumentsLoaded(at, now, (_INSTRUMENT,)))
    start = _heard(start, lambda at, now: ProfileApplied(at, now, _PROFILE, "any"))
    return walk(start, _moves, key=_situation, name=lambda state: state.control.trading_state.value)


def _situation(state: EngineState) -> tuple[object, ...]:
    """What the trading state depends on."""
    control, kill, session = state.control, state.durable.kill, state.market.session
    return (
        control.trading_state,
        control.was_live,
        control.standing,
        control.is_feed_up,
        control.agreements >= control.agreements_needed,
        control.wants_live,
        control.preflight_passed,
        kill.reason if kill else None,
        session.phase if session else None,
        flatness(state),
    )


def _heard(
    state: EngineState, event: Callable[[MachineTime, MarketTime], Event], *, market_time: MarketTime | None = None
) -> EngineState:
    """The state after an event, a second later by the machine."""
    at, now = MachineTime(state.market.now + SECOND), market_time or state.market.market_time
    return step(state, event(at, now))[0]


def _moves(state: EngineState) -> Iterator[tuple[str, EngineState]]:
    for words, news in _NEWS.items():
        yield words, _heard(state, news)
    epoch = state.control.epoch
    if state.control.standing is Standing.NONE:
        yield "leadership gained", _standing(state, Standing.LEADER, Epoch(epoch + 1))
    else:
        yield "leadership lost", _standing(state, Standing.NONE, epoch)
        yield "Lease lost to the network", _standing(state, Standing.EPOCH_ONLY, epoch)
        yield "database away", _standing(state, Standing.LEASE_ONLY, epoch)
        yield "both proofs back", _standing(state, Standing.LEADER, epoch)
    kill = state.durable.kill
    if kill is not None:
        yield "kill released", _heard(state, lambda at, now: KillReleased(at, now, kill.kill_id))
    session = state.market.session
    is_evening = session is not None and state.market.market_time >= session.square_off
    tomorrow = MarketTime(state.market.market_time // _LENGTH * _LENGTH + _MORNING % _LENGTH + _LENGTH)
    evening = MarketTime(state.market.market_time + _EVENING - _MORNING)
    if is_evening:
        yield "next morning", _heard(state, ClockTick, market_time=tomorrow)
    else:
        yield "square-off", _heard(state, ClockTick, market_time=evening)
    yield "broker agrees", _agreed(state)
    if state.durable.open:
        yield "position closed", _closed(state)
    elif state.control.trading_state is TradingState.LIVE:
        yield "entry filled", _entered(state)


_LENGTH = 24 * 3600 * SECOND
_NEWS: dict[str, Callable[[MachineTime, MarketTime], Event]] = {
    "kill": lambda at, now: KillEngaged(at, now, "K1", KillReason.MANUAL, "any", "desk"),
    "end of day": lambda at, now: KillEngaged(at, now, "K2", KillReason.END_OF_DAY, "any", "desk"),
    "stream lost": lambda at, now: FeedChanged(at, now, up=False),
    "stream back": lambda at, now: FeedChanged(at, now, up=True),
    "mode Live": lambda at, now: ModeWanted(at, now, live=True, suspended=False),
    "mode Paper or suspended": lambda at, now: ModeWanted(at, now, live=False, suspended=False),
    "preflight passed": lambda at, now: PreflightJudged(at, now, passed=True, message=""),
    "preflight failed": lambda at, now: PreflightJudged(at, now, passed=False, message="any"),
}


def _standing(state: EngineState, standing: Standing, epoch: Epoch) -> EngineState:
    return _heard(state, lambda at, now: StandingChanged(at, now, standing, epoch))


def _agreed(state: EngineState) -> EngineState:
    """Funds, two books and two positions that say what we hold, asked for after all that was."""
    held = _UNITS if state.durable.open else Quantity(0)
    positions = (BrokerPosition(_KEY, Product.MIS, held, Paise(100)),)
    state = _heard(state, lambda at, now: FundsRead(at, now, _FUNDS))
    for _ in range(2):
        state = _heard(state, lambda at, now: BookRead(at, now, at, ()))
        state = _heard(state, lambda at, now: PositionsRead(at, now, at, positions))
    return state


def _entered(state: EngineState) -> EngineState:
    """With one bracket whose entry filled."""
    now, signal = state.market.market_time, SignalKey(str(state.market.now))
    intent = intent_id(state.settings.account, state.durable.trading_date, "any", signal)
    plan = BracketPlanned(
        market_time=now,
        intent=intent,
        trading_date=state.durable.trading_date,
        strategy="any",
        signal_key=signal,
        instrument=_KEY,
        side=Side.BUY,
        quantity=_UNITS,
        product=Product.MIS,
        entry_price=Paise(100),
        stop_price=Paise(90),
        target_price=Paise(120),
    )
    entry = OrderPlanned(
        market_time=now,
        tag=encode_tag(TagParts(state.control.epoch, intent, Leg.ENTRY, 0)),
        intent=intent,
        leg=Leg.ENTRY,
        attempt=0,
        epoch=state.control.epoch,
        instrument=_KEY,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        quantity=_UNITS,
        price=Paise(100),
        trigger_price=Paise(0),
    )
    state = apply(apply(state, plan), entry)
    order = state.durable.open[intent].orders[entry.tag]
    done = changed(order, now, status=OrderStatus.COMPLETE, order_id=BrokerOrderId("1"), filled_quantity=_UNITS)
    return _heard(apply(state, done), ClockTick)


def _closed(state: EngineState) -> EngineState:
    """As if its exit had filled and its other legs were gone."""
    for intent in state.durable.open:
        state = apply(state, BracketClosed(state.market.market_time, intent, "any", Paise(0)))
    return _heard(state, ClockTick)
