"""What the outside may see of the state: `/v1/state`, metrics and the Lease's report are derived from `view(state)`."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from trader.domain.brackets import (
    OrderWatcher,
    entry_price,
    held_quantity,
    live_orders,
    position_of,
)
from trader.domain.events import Quote
from trader.domain.evolving import quick
from trader.domain.flattening import Flatness, flatness
from trader.domain.positions import bracket_profit, day_charges, day_profit, portfolio_heat
from trader.domain.records import KillStood
from trader.domain.state import Bracket, Durable, EngineState, Order
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    Leg,
    MarketTime,
    OrderStatus,
    Paise,
    Side,
    Standing,
    Tag,
    TradingState,
)

_NOTHING = Paise(0)


@quick
@dataclass(frozen=True, slots=True)
class PositionView:
    """Our own position in one instrument."""

    instrument: InstrumentKey
    quantity: int
    average_price: Paise
    last_price: Paise
    profit: Paise


@quick
@dataclass(frozen=True, slots=True)
class OrderView:
    """The latest order of one leg."""

    tag: Tag
    order_id: BrokerOrderId | None
    status: OrderStatus
    attempt: int
    quantity: int
    filled_quantity: int
    price: Paise
    trigger_price: Paise
    average_price: Paise
    message: str


@quick
@dataclass(frozen=True, slots=True)
class BracketView:
    """One open bracket. `state` is entering, protected, unprotected, exiting or reversed."""

    intent: IntentId
    instrument: InstrumentKey
    side: Side
    quantity: int
    held: int
    state: str
    exiting: str
    entry: OrderView | None
    stop: OrderView | None
    target: OrderView | None
    exit: OrderView | None


@quick
@dataclass(frozen=True, slots=True)
class StateView:
    """One consistent picture."""

    trading_state: TradingState
    message: str
    """What keeps it from LIVE; empty in LIVE."""
    standing: Standing
    epoch: Epoch
    risk_generation: int
    config_hash: str
    market_time: MarketTime
    trading_date: str
    kill: KillStood | None
    flat_at: MarketTime | None
    is_flat: bool
    """Proved by the broker's book and positions (rule 5)."""
    is_provisional: bool
    """Flat but for orders in doubt."""
    positions: tuple[PositionView, ...]
    brackets: tuple[BracketView, ...]
    orders_placed: int
    working_orders: int
    in_doubt_orders: int
    duplicates: int
    """Orders beyond the first that the broker accepted for the same intent, leg and attempt, with or without the same tag; a
    copy that was cancelled unfilled counts no more; must be 0."""
    orphans: int
    """Working exits of brackets that hold nothing."""
    naked: int
    """Brackets that hold a quantity without a stop or exit for all of it."""
    heat: Paise
    day_profit: Paise
    net_liquidation: Paise
    day_charges: Paise = _NOTHING
    """What the fills of the day cost; `day_profit` is after it."""
    stage: str = ""
    config_waiting: str = ""
    """The hash of a configuration that loosens something as soon as nothing is open; empty without one."""


def news(state: EngineState) -> tuple[object, ...]:
    """What of the picture is worth telling at once: trading state, kill, proof of flat, configuration. Far cheaper than `view`."""
    durable, control = state.durable, state.control
    config_hash = control.config.config_hash if control.config else ""
    return control.trading_state, durable.kill and durable.kill.kill_id, durable.flat_at, config_hash


def view(state: EngineState) -> StateView:
    """The picture of this state; pure, cheap enough for every scrape."""
    durable, control, quotes = state.durable, state.control, state.market.quotes
    flat = flatness(state)
    brackets = tuple(durable.open.values())
    live = [order for bracket in brackets for order in live_orders(bracket)]
    in_doubt = sum(order.status is OrderStatus.IN_DOUBT for order in live)
    watchers = [OrderWatcher(bracket) for bracket in brackets]
    return StateView(
        trading_state=control.trading_state,
        message=control.message,
        standing=control.standing,
        epoch=control.epoch,
        risk_generation=control.risk_generation,
        config_hash=control.config.config_hash if control.config else "",
        market_time=state.market.market_time,
        trading_date=durable.trading_date,
        kill=durable.kill,
        flat_at=durable.flat_at,
        is_flat=flat is Flatness.PROVED,
        is_provisional=flat is Flatness.PROVISIONAL,
        positions=_positions(durable, quotes),
        brackets=tuple(_bracket_view(bracket) for bracket in brackets),
        orders_placed=durable.orders_planned,
        working_orders=len(live) - in_doubt,
        in_doubt_orders=in_doubt,
        duplicates=_duplicates(durable) + control.copies,
        orphans=sum(len(watcher.orphans) for watcher in watchers),
        naked=sum(not watcher.is_protected and held_quantity(watcher.bracket) != 0 for watcher in watchers),
        heat=portfolio_heat(brackets),
        day_profit=day_profit(durable, quotes),
        net_liquidation=control.net_liquidation or Paise(0),
        day_charges=day_charges(durable),
        stage=control.config.stage if control.config else "",
        config_waiting=control.config_waiting.config_hash if control.config_waiting else "",
    )


def _positions(durable: Durable, quotes: Mapping[InstrumentKey, Quote]) -> tuple[PositionView, ...]:
    grouped: dict[InstrumentKey, list[Bracket]] = {}
    for bracket in durable.open.values():
        if position_of(bracket):
            grouped.setdefault(bracket.plan.instrument, []).append(bracket)
    return tuple(_position_view(key, group, quotes.get(key)) for key, group in grouped.items())


def _position_view(key: InstrumentKey, group: list[Bracket], quote: Quote | None) -> PositionView:
    units = sum(abs(position_of(each)) for each in group)
    average = sum(abs(position_of(each)) * entry_price(each) for each in group) // units
    return PositionView(
        instrument=key,
        quantity=sum(position_of(each) for each in group),
        average_price=Paise(average),
        last_price=quote.last_price if quote else Paise(0),
        profit=Paise(sum(bracket_profit(each, quote) for each in group)),
    )


def _bracket_view(bracket: Bracket) -> BracketView:
    plan = bracket.plan
    latest = {order.leg: order for order in bracket.orders.values()}
    return BracketView(
        intent=plan.intent,
        instrument=plan.instrument,
        side=plan.side,
        quantity=plan.quantity,
        held=held_quantity(bracket),
        state=bracket_state(bracket),
        exiting=bracket.exiting,
        entry=_order_view(latest.get(Leg.ENTRY)),
        stop=_order_view(latest.get(Leg.STOP)),
        target=_order_view(latest.get(Leg.TARGET)),
        exit=_order_view(latest.get(Leg.EXIT)),
    )


def bracket_state(bracket: Bracket) -> str:
    """In one word, where an open bracket is: entering, unprotected, protected, exiting or reversed."""
    watcher = OrderWatcher(bracket)
    if watcher.is_reversed:
        return "reversed"
    if bracket.exiting:
        return "exiting"
    if held_quantity(bracket) == 0:
        return "entering"
    return "protected" if watcher.is_protected else "unprotected"


def _order_view(order: Order | None) -> OrderView | None:
    if order is None:
        return None
    return OrderView(
        tag=order.tag,
        order_id=order.order_id,
        status=order.status,
        attempt=order.attempt,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        average_price=order.average_price,
        message=order.message,
    )


def _duplicates(durable: Durable) -> int:
    """Orders beyond the first that the broker accepted for one (intent, leg, attempt), whatever the epoch."""
    return sum(map(_duplicates_of, chain(durable.open.values(), durable.closed.values())))


_duplicates_of = attrgetter("orders.duplicates")
