"""Every intent passes every guard, in one fixed order; the first that objects denies it with its code.

The registry is the closed list: metric labels, documents and screens derive from it. Guards look at a view and change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trader.domain.brackets import live_orders
from trader.domain.calendars import Phase
from trader.domain.events import Quote
from trader.domain.evolving import quick
from trader.domain.instruments import Instrument
from trader.domain.journal import bracket_of
from trader.domain.positions import day_profit, portfolio_heat
from trader.domain.prices import validate_order_price
from trader.domain.profiles import RiskProfile
from trader.domain.references import reference_price
from trader.domain.sizing import Sizing, bounded, share_of, size_entry
from trader.domain.spreads import limits_at, widest
from trader.domain.state import ForeignPolicy
from trader.domain.strategies import Intent
from trader.domain.tags import intent_id
from trader.domain.throttle import Budget
from trader.domain.turn import Turn
from trader.domain.values import SECOND, GuardCode, IntentId, OrderStatus, Paise, Standing, TradingState

# Calls that closing one bracket may need at the worst: its entry's cancel, the exit, the target's cancel, and one reprice.
_CALLS_TO_FLATTEN = 4
# Users report that a 429 lasts to the end of the broker's minute (kite.trade/forum, 11404).
_LIMITED_FOR = 60 * SECOND
_NO_SIZING = bounded(0, 0, 0)


@quick
@dataclass(frozen=True, slots=True)
class Case:
    """An intent, and everything that its judges look at."""

    turn: Turn
    intent: Intent
    identity: IntentId
    quote: Quote | None
    instrument: Instrument | None
    profile: RiskProfile | None
    heat: Paise
    sizing: Sizing
    budget: Budget

    @property
    def stop_distance(self) -> int:
        """What one unit loses at its stop."""
        return (self.intent.entry_price - self.intent.stop_price) * self.intent.side.sign

    @property
    def net_liquidation(self) -> Paise:
        """Of the last read; nothing before."""
        return self.turn.control.net_liquidation or Paise(0)


@dataclass(frozen=True, slots=True)
class Denial:
    """Which guard objected, and why, in words."""

    code: GuardCode
    detail: str


def make_case(turn: Turn, intent: Intent) -> Case:
    """Gather what the guards need."""
    instrument = turn.instrument(intent.instrument)
    profile = turn.control.profile
    budget = turn.budget()
    heat = portfolio_heat(turn.durable.open.values())
    distance = (intent.entry_price - intent.stop_price) * intent.side.sign
    sizing = _NO_SIZING
    if instrument and profile and turn.control.net_liquidation and distance > 0 and instrument.lot_size > 0:
        slices = 1 if profile.entry_slices == 1 else _slices(turn, profile, budget)
        sizing = size_entry(profile, turn.control.net_liquidation, heat, distance, instrument, slices=slices)
    identity = intent_id(turn.settings.account, turn.durable.trading_date, intent.strategy, intent.signal_key)
    quote = turn.market.quotes.get(intent.instrument)
    return Case(turn, intent, identity, quote, instrument, profile, heat, sizing, budget)


def _slices(turn: Turn, profile: RiskProfile, budget: Budget) -> int:
    """As many as can still be closed in time, and sent in this second without the exits' share; one is left to the guards."""
    tactics = turn.settings.tactics
    closable = profile.orders_per_second * tactics.flatten_seconds // _CALLS_TO_FLATTEN - len(turn.durable.open)
    sendable = budget.second - tactics.entry_reserve_per_second
    return max(1, min(profile.entry_slices, closable, sendable))


def judge(case: Case) -> Denial | None:
    """The first objection, or None."""
    for code, guard in GUARDS:
        detail = guard(case)
        if detail:
            return Denial(code, detail)
    return None


def _not_leader(case: Case) -> str:
    standing = case.turn.control.standing
    return "" if standing is Standing.LEADER else f"standing is {standing}: only a leader adds risk"


def _killed(case: Case) -> str:
    return "a kill stands" if case.turn.is_killed else ""


def _session_closed(case: Case) -> str:
    session = case.turn.market.session
    if session is None or session.phase is not Phase.OPEN:
        return f"the session takes no entries: {session.phase if session else 'no market time yet'}"
    if case.turn.durable.trading_date != session.trading_date:
        return f"the trading day {session.trading_date} is not opened yet"
    return ""


def _not_live(case: Case) -> str:
    state = case.turn.control.trading_state
    if state is not TradingState.LIVE:
        return f"trading state is {state}"
    for bracket in case.turn.durable.open.values():
        if bracket.plan.instrument == case.intent.instrument:
            for order in live_orders(bracket):
                if order.status is OrderStatus.IN_DOUBT:
                    return f"order {order.tag} of this instrument is in doubt"
    return ""


def _instrument_not_allowed(case: Case) -> str:
    if case.instrument is None:
        return "not in the day's instrument master"
    profile = case.profile
    if profile is None:
        return "no risk profile is applied"
    if case.instrument.underlying not in profile.underlyings or case.instrument.kind not in profile.kinds:
        return f"profile {profile.name} does not allow {case.instrument.underlying} {case.instrument.kind}"
    return ""


def _expiring(case: Case) -> str:
    """The instrument master says when: exchanges move expiries for holidays."""
    session, instrument = case.turn.market.session, case.instrument
    assert session is not None
    assert instrument is not None
    if not instrument.expiry or instrument.expiry > session.trading_date:
        return ""
    if instrument.expiry < session.trading_date:
        return f"it expired on {instrument.expiry}"
    is_late = case.turn.market_time >= session.expiry_cutoff
    return "it expires today, and the last hours of a contract take no new risk" if is_late else ""


def _foreign_activity(case: Case) -> str:
    turn = case.turn
    if turn.settings.foreign is ForeignPolicy.IGNORE:
        return ""
    if turn.control.foreign_orders:
        return f"{len(turn.control.foreign_orders)} working orders of the account are not ours"
    return "a position of the account is not ours" if turn.durable.foreign else ""


def _stale_data(case: Case) -> str:
    if not case.turn.control.is_feed_up:
        return "the stream is down"
    if case.quote is None:
        return "no quote yet"
    assert case.profile is not None
    age = case.turn.now - case.quote.at
    return "" if age <= case.profile.market_data_stale_after else f"the last quote is {age // 1_000_000} ms old"


def _duplicate(case: Case) -> str:
    known = bracket_of(case.turn.durable, case.identity)
    if known is not None:
        return f"signal {case.intent.signal_key} is intent {case.identity} already"
    for bracket in case.turn.durable.open.values():
        if bracket.plan.instrument == case.intent.instrument:
            return f"bracket {bracket.plan.intent} is open in this instrument"
    return ""


def _tick_size(case: Case) -> str:
    assert case.instrument is not None
    tick = case.instrument.tick_size
    for price in (case.intent.entry_price, case.intent.stop_price, case.intent.target_price):
        if tick <= 0 or price % tick:
            return f"price {price} is not a multiple of the tick {tick}"
    return ""


def _freeze_band(case: Case) -> str:
    assert case.instrument is not None
    intent, instrument = case.intent, case.instrument
    problem = (
        validate_order_price(intent.stop_price, instrument)
        or validate_order_price(intent.target_price, instrument)
        or validate_order_price(
            intent.entry_price, instrument, intent.side, reference_price(case.turn, intent.instrument)
        )
    )
    if problem:
        return problem
    lot, freeze = case.instrument.lot_size, case.instrument.freeze_quantity
    return f"freeze quantity {freeze} is below one lot of {lot}" if freeze and freeze < lot else ""


def _spread_blowout(case: Case) -> str:
    quote, instrument, tactics = case.quote, case.instrument, case.turn.settings.tactics
    assert quote is not None
    assert instrument is not None
    spread = quote.ask - quote.bid
    if not quote.bid or spread < 0:
        return f"bid {quote.bid} and ask {quote.ask} are no market"
    normal = case.turn.market.spreads.get(quote.instrument)
    most = widest(limits_at(quote, instrument, tactics), normal, tactics)
    if spread > most:
        return f"bid {quote.bid} and ask {quote.ask} are more than {most} apart"
    if normal is not None and normal.is_latched:
        return f"the spread was above {normal.widest}, and is near its normal of {normal.median} for too short a time"
    return ""


def _lot_size(case: Case) -> str:
    assert case.instrument is not None
    lot = case.instrument.lot_size
    return "" if lot > 0 else f"lot size must be above 0, was {lot}"


def _per_trade_risk(case: Case) -> str:
    assert case.profile is not None
    assert case.instrument is not None
    if case.stop_distance <= 0:
        return f"the stop {case.intent.stop_price} does not limit the loss of an entry at {case.intent.entry_price}"
    if case.sizing.by_risk > 0:
        return ""
    allowed = share_of(case.net_liquidation, case.profile.per_trade_risk_ppm)
    return f"one lot risks {case.stop_distance * case.instrument.lot_size} paise, {allowed} are allowed"


def _heat(case: Case) -> str:
    if case.sizing.by_heat > 0:
        return ""
    return f"heat is {case.heat} paise: no room for one lot"


def _daily_loss(case: Case) -> str:
    assert case.profile is not None
    profit = day_profit(case.turn.durable, case.turn.market.quotes)
    limit = daily_loss_limit(case.turn)
    risk = case.sizing.quantity * case.stop_distance
    return f"a day's profit of {profit} less {risk} at risk is beyond -{limit}" if profit - risk <= -limit else ""


def _flatten_budget(case: Case) -> str:
    assert case.profile is not None
    tactics = case.turn.settings.tactics
    calls = (len(case.turn.durable.open) + case.sizing.orders) * _CALLS_TO_FLATTEN
    in_time = case.profile.orders_per_second * tactics.flatten_seconds
    if calls > in_time:
        return f"flattening would take {calls} calls, {in_time} fit into {tactics.flatten_seconds} s"
    if calls > case.budget.minute or calls > case.budget.day:
        return (
            f"flattening would take {calls} calls, {case.budget.minute} are left this minute, {case.budget.day} today"
        )
    return ""


def _rate_limit(case: Case) -> str:
    limited_at = case.turn.control.limited_at
    if limited_at and case.turn.now - limited_at < _LIMITED_FOR:
        return "the broker counted too many calls within this minute"
    reserve = case.turn.settings.tactics.entry_reserve_per_second
    left = case.budget.second
    return "" if left > reserve else f"{left} calls are left this second, {reserve} belong to exits"


def daily_loss_limit(turn: Turn) -> int:
    """The loss of the day, in paise, at which the engine kills itself."""
    profile = turn.control.profile
    return share_of(turn.durable.opening_net_liquidation, profile.max_daily_loss_ppm) if profile else 0


Guard = Callable[[Case], str]

GUARDS: tuple[tuple[GuardCode, Guard], ...] = (
    (GuardCode.NOT_LEADER, _not_leader),
    (GuardCode.KILLED, _killed),
    (GuardCode.SESSION_CLOSED, _session_closed),
    (GuardCode.INSTRUMENT_NOT_ALLOWED, _instrument_not_allowed),
    (GuardCode.EXPIRING, _expiring),
    (GuardCode.FOREIGN_ACTIVITY, _foreign_activity),
    (GuardCode.STALE_DATA, _stale_data),
    (GuardCode.NOT_LIVE, _not_live),
    (GuardCode.DUPLICATE, _duplicate),
    (GuardCode.TICK_SIZE, _tick_size),
    (GuardCode.LOT_SIZE, _lot_size),
    (GuardCode.FREEZE_BAND, _freeze_band),
    (GuardCode.SPREAD_BLOWOUT, _spread_blowout),
    (GuardCode.PER_TRADE_RISK, _per_trade_risk),
    (GuardCode.HEAT, _heat),
    (GuardCode.DAILY_LOSS, _daily_loss),
    (GuardCode.FLATTEN_BUDGET, _flatten_budget),
    (GuardCode.RATE_LIMIT, _rate_limit),
)
