"""The life of one order: which states may follow which, and how a row of the broker's changes what we know.

Fills only grow; a terminal state that the broker told is terminal. A terminal state that we concluded ourselves (ABSENT, or a
refusal without an order id) yields to the broker's row: its book is the evidence, ours was the inference.
The set of Kite's interim statuses is documented as open-ended (kite.trade/docs/connect/v3/orders, "Order statuses"), so
everything that is not terminal is WORKING. Rows may come late, twice or out of order: the fold of any permutation is the same.
"""

from trader.domain.events import BrokerOrder
from trader.domain.records import OrderChanged
from trader.domain.state import Order
from trader.domain.values import BrokerOrderId, MarketTime, OrderStatus, OrderType, Paise, Quantity

_S = OrderStatus
_SEEN = frozenset({_S.WORKING, _S.COMPLETE, _S.CANCELLED, _S.REJECTED})

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.UNSENT: frozenset({_S.SENT, _S.IN_DOUBT, _S.ABSENT}) | _SEEN,
    _S.SENT: frozenset({_S.IN_DOUBT}) | _SEEN,
    _S.IN_DOUBT: frozenset({_S.SENT, _S.ABSENT}) | _SEEN,
    _S.WORKING: frozenset({_S.IN_DOUBT}) | (_SEEN - {_S.WORKING}),
    _S.COMPLETE: frozenset(),
    _S.CANCELLED: frozenset(),
    # Only without an order id, that is when the refusal was a reply and the order turned up all the same.
    _S.REJECTED: frozenset({_S.SENT}) | (_SEEN - {_S.REJECTED}),
    _S.ABSENT: frozenset({_S.SENT}) | _SEEN,
}

_TERMINAL_TEXTS = {"COMPLETE": _S.COMPLETE, "CANCELLED": _S.CANCELLED, "REJECTED": _S.REJECTED}


def status_from_broker(text: str) -> OrderStatus:
    """Our word for Kite's status text."""
    return _TERMINAL_TEXTS.get(text, OrderStatus.WORKING)


def is_final(order: Order) -> bool:
    """Whether the broker itself ended the order: nothing but a late fill count can still arrive."""
    if order.status in (_S.COMPLETE, _S.CANCELLED):
        return True
    return order.status is _S.REJECTED and order.order_id is not None


def may_become(order: Order, status: OrderStatus) -> bool:
    """Whether the table allows this step for this order."""
    return not is_final(order) and status in TRANSITIONS[order.status]


def changed(
    order: Order,
    market_time: MarketTime,
    *,
    status: OrderStatus | None = None,
    order_id: BrokerOrderId | None = None,
    quantity: Quantity | None = None,
    filled_quantity: Quantity | None = None,
    average_price: Paise | None = None,
    price: Paise | None = None,
    trigger_price: Paise | None = None,
    modifications: int | None = None,
    message: str | None = None,
    order_type: OrderType | None = None,
    reprices: int | None = None,
) -> OrderChanged:
    """The record of a change; what is not named stays."""
    return OrderChanged(
        market_time=market_time,
        tag=order.tag,
        status=order.status if status is None else status,
        order_id=order.order_id if order_id is None else order_id,
        quantity=order.quantity if quantity is None else quantity,
        filled_quantity=order.filled_quantity if filled_quantity is None else filled_quantity,
        average_price=order.average_price if average_price is None else average_price,
        price=order.price if price is None else price,
        trigger_price=order.trigger_price if trigger_price is None else trigger_price,
        modifications=order.modifications if modifications is None else modifications,
        message=order.message if message is None else message,
        order_type=order.order_type if order_type is None else order_type,
        charges=order.charges,
        reprices=order.reprices if reprices is None else reprices,
    )


def observed(order: Order, row: BrokerOrder, market_time: MarketTime, *, trusts_terms: bool) -> OrderChanged | None:
    """What a row of the broker's changes; None when it tells nothing new.

    `trusts_terms`: whether the row also says quantity and prices (a snapshot taken after our last event, nothing in flight);
    a pushed update may be older than our last modification and does not.
    """
    told = status_from_broker(row.status)
    status = told if may_become(order, told) else order.status
    filled = max(order.filled_quantity, row.filled_quantity)
    has_newer_fills = row.filled_quantity > order.filled_quantity or (
        row.filled_quantity == order.filled_quantity and order.average_price == 0
    )
    takes_terms = trusts_terms and not status.is_terminal
    record = changed(
        order,
        market_time,
        status=status,
        order_id=row.order_id if order.order_id is None else None,
        filled_quantity=Quantity(filled),
        average_price=row.average_price if has_newer_fills else None,
        quantity=row.quantity if takes_terms else None,
        price=row.price if takes_terms else None,
        trigger_price=row.trigger_price if takes_terms else None,
        order_type=_type_told(order, row) if takes_terms else None,
        message=row.status_message if row.status_message and status is told else None,
    )
    return record if differs(order, record) else None


def differs(order: Order, record: OrderChanged) -> bool:
    """Whether the record says anything that the order does not."""
    return (
        record.status is not order.status
        or record.filled_quantity != order.filled_quantity
        or record.order_id != order.order_id
        or record.average_price != order.average_price
        or record.quantity != order.quantity
        or record.price != order.price
        or record.trigger_price != order.trigger_price
        or record.order_type is not order.order_type
        or record.modifications != order.modifications
    )


def _type_told(order: Order, row: BrokerOrder) -> OrderType:
    """Kite echoes a MARKET order as LIMIT: the type that we asked for stays, unless a stop is still or again a stop."""
    if row.order_type is OrderType.STOP_LIMIT or order.order_type is not OrderType.STOP_LIMIT:
        return row.order_type
    # A triggered stop-limit is echoed as LIMIT by some books; to us it stays a stop until we change it.
    return order.order_type
