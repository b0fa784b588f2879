"""The states of a bracket: every journal of two units that the table of order states allows, folded by the journal's own fold.

Legs are planned when the domain plans them (stop and target for what is held, an exit for what is to be closed), each once.
Whatever the broker may tell in whatever order is among them: an edge that no healthy day sees (a reversal, a fill after a
cancel that crossed it) is drawn because the domain has to bear it.
"""

from collections.abc import Iterator

from ops.diagrams.walking import Edges, walk
from trader.domain.brackets import live_orders
from trader.domain.journal import fold
from trader.domain.orders import changed, may_become
from trader.domain.records import BracketClosed, BracketExiting, BracketPlanned, OrderPlanned, Record
from trader.domain.state import Bracket, Durable, Order
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    Leg,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)
from trader.domain.views import bracket_state

_INTENT, _KEY, _NOW, _UNITS = IntentId("ABCDEFGH"), InstrumentKey("NFO:ANY26DECFUT"), MarketTime(1), 2
_PRICE = Paise(100)
_WORDS = {Leg.ENTRY: "entry", Leg.STOP: "stop", Leg.TARGET: "target", Leg.EXIT: "exit"}
CLOSED = "closed"


def bracket_edges() -> Edges:
    """From the plan to the close."""
    plan = BracketPlanned(
        market_time=_NOW,
        intent=_INTENT,
        trading_date="2026-11-23",
        strategy="any",
        signal_key=SignalKey("any"),
        instrument=_KEY,
        side=Side.BUY,
        quantity=Quantity(_UNITS),
        product=Product.MIS,
        entry_price=_PRICE,
        stop_price=Paise(90),
        target_price=Paise(120),
    )
    start = fold(fold(Durable(), plan), _planned(Leg.ENTRY))
    return walk(start, _moves, key=_key, name=_name)


def _name(durable: Durable) -> str:
    bracket = durable.open.get(_INTENT)
    return CLOSED if bracket is None else bracket_state(bracket)


def _key(durable: Durable) -> tuple[object, ...]:
    bracket = durable.open.get(_INTENT)
    if bracket is None:
        return (CLOSED,)
    orders = sorted((order.leg, order.status.is_terminal, order.filled_quantity) for order in bracket.orders.values())
    return (bool(bracket.exiting), *orders)


def _moves(durable: Durable) -> Iterator[tuple[str, Durable]]:
    bracket = durable.open.get(_INTENT)
    if bracket is None:
        return
    for words, record in _records(bracket):
        yield words, fold(durable, record)


def _records(bracket: Bracket) -> Iterator[tuple[str, Record]]:
    legs = {order.leg for order in bracket.orders.values()}
    for leg in (Leg.EXIT,) if bracket.exiting else (Leg.STOP, Leg.TARGET):
        if leg not in legs and _held(bracket) > 0:
            yield f"{_WORDS[leg]} planned", _planned(leg)
    for order in bracket.orders.values():
        yield from _changes(order)
    if not bracket.exiting:
        yield "exit decided", BracketExiting(_NOW, _INTENT, "any")
    if _held(bracket) == 0 and not live_orders(bracket):
        yield "nothing held, nothing live", BracketClosed(_NOW, _INTENT, "any", Paise(0))


def _held(bracket: Bracket) -> int:
    return sum(order.side.sign * order.filled_quantity for order in bracket.orders.values())


def _changes(order: Order) -> Iterator[tuple[str, Record]]:
    words, known = _WORDS[order.leg], BrokerOrderId(order.leg.value)
    if may_become(order, OrderStatus.COMPLETE):
        yield (
            f"{words} fills",
            changed(order, _NOW, status=OrderStatus.COMPLETE, order_id=known, filled_quantity=Quantity(_UNITS)),
        )
    if may_become(order, OrderStatus.WORKING) and not order.filled_quantity:
        part = Quantity(1)
        stands = changed(order, _NOW, status=OrderStatus.WORKING, order_id=known, filled_quantity=part)
        yield f"{words} fills in part", stands
    if may_become(order, OrderStatus.CANCELLED):
        yield f"{words} ends", changed(order, _NOW, status=OrderStatus.CANCELLED, order_id=known)


def _planned(leg: Leg) -> OrderPlanned:
    return OrderPlanned(
        market_time=_NOW,
        tag=encode_tag(TagParts(Epoch(1), _INTENT, leg, 0)),
        intent=_INTENT,
        leg=leg,
        attempt=0,
        epoch=Epoch(1),
        instrument=_KEY,
        side=Side.BUY if leg is Leg.ENTRY else Side.SELL,
        order_type=OrderType.STOP_LIMIT if leg is Leg.STOP else OrderType.LIMIT,
        product=Product.MIS,
        quantity=Quantity(_UNITS),
        price=_PRICE,
        trigger_price=Paise(0),
    )
