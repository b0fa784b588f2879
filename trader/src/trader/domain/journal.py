"""The fold: how each record changes the durable part. `replay(journal) == durable` holds because nothing else changes it.

Folding is idempotent: a plan that is known, a close of what is closed, a kill that stands change nothing; a change of an order
that the journal never planned is ignored (its plan was refused by the store, so it never existed).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

from trader.domain.evolving import evolve
from trader.domain.records import (
    BracketClosed,
    BracketExiting,
    BracketPlanned,
    ClosedOutside,
    ConfigTaken,
    DayOpened,
    FlatProven,
    ForeignPosition,
    KillEnded,
    KillStood,
    OrderChanged,
    OrderPlanned,
    Record,
)
from trader.domain.state import Bracket, Durable, EngineState, Order, Orders
from trader.domain.tags import intent_of
from trader.domain.values import IntentId, KillReason, OrderStatus, Paise, Quantity

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def with_entry(mapping: Mapping[_Key, _Value], key: _Key, value: _Value) -> dict[_Key, _Value]:
    """A copy with one entry set."""
    return {**mapping, key: value}


def without(mapping: Mapping[_Key, _Value], key: _Key) -> dict[_Key, _Value]:
    """A copy without one entry."""
    return {each: value for each, value in mapping.items() if each != key}


def fold(durable: Durable, record: Record) -> Durable:
    """The durable part after one record."""
    return _FOLDS[type(record)](durable, record)


def apply(state: EngineState, record: Record) -> EngineState:
    """Fold one record of the journal into the durable part; a record that is already in it changes nothing."""
    return EngineState(state.settings, fold(state.durable, record), state.market, state.control)


def replay(state: EngineState, records: Iterable[Record]) -> EngineState:
    """The state after a whole journal."""
    durable = state.durable
    for record in records:
        durable = fold(durable, record)
    return EngineState(state.settings, durable, state.market, state.control)


def bracket_of(durable: Durable, intent: IntentId) -> Bracket | None:
    """The bracket of an intent of today, open or closed."""
    return durable.open.get(intent) or durable.closed.get(intent)


def _opened(durable: Durable, intent: IntentId, bracket: Bracket, **changes: object) -> Durable:
    """With the bracket open: whatever moves in a closed bracket opens it again, until it is closed anew."""
    if intent not in durable.closed:
        return evolve(durable, open=with_entry(durable.open, intent, bracket), **changes)
    return evolve(
        durable,
        **changes,
        open=with_entry(durable.open, intent, bracket),
        closed=without(durable.closed, intent),
        profit_booked=without(durable.profit_booked, intent),
        day_booked=durable.day_booked - durable.profit_booked.get(intent, 0),
    )


def _bracket_planned(durable: Durable, record: BracketPlanned) -> Durable:
    if bracket_of(durable, record.intent) is not None:
        return durable
    return evolve(durable, open=with_entry(durable.open, record.intent, Bracket(plan=record, orders=Orders())))


def _order_planned(durable: Durable, record: OrderPlanned) -> Durable:
    bracket = bracket_of(durable, record.intent)
    if bracket is None or record.tag in bracket.orders:
        return durable
    order = Order(
        tag=record.tag,
        intent=record.intent,
        leg=record.leg,
        attempt=record.attempt,
        epoch=record.epoch,
        instrument=record.instrument,
        side=record.side,
        order_type=record.order_type,
        product=record.product,
        status=OrderStatus.UNSENT,
        order_id=None,
        quantity=record.quantity,
        filled_quantity=Quantity(0),
        average_price=Paise(0),
        price=record.price,
        trigger_price=record.trigger_price,
        modifications=0,
        message="",
    )
    planned = evolve(bracket, orders=bracket.orders.with_order(order))
    return _opened(durable, record.intent, planned, orders_planned=durable.orders_planned + 1)


def _order_changed(durable: Durable, record: OrderChanged) -> Durable:
    intent = intent_of(record.tag)
    bracket = bracket_of(durable, intent)
    order = None if bracket is None else bracket.orders.get(record.tag)
    if bracket is None or order is None:
        return durable
    changed = evolve(
        order,
        status=record.status,
        order_id=record.order_id,
        quantity=record.quantity,
        filled_quantity=record.filled_quantity,
        average_price=record.average_price,
        price=record.price,
        trigger_price=record.trigger_price,
        modifications=record.modifications,
        message=record.message,
        order_type=record.order_type or order.order_type,
        charges=record.charges,
        reprices=record.reprices,
    )
    if changed == order:
        return durable
    return _opened(durable, intent, evolve(bracket, orders=bracket.orders.with_order(changed)))


def _bracket_closed(durable: Durable, record: BracketClosed) -> Durable:
    bracket = durable.open.get(record.intent)
    if bracket is None:
        return durable
    return evolve(
        durable,
        open=without(durable.open, record.intent),
        closed=with_entry(durable.closed, record.intent, bracket),
        profit_booked=with_entry(durable.profit_booked, record.intent, record.profit),
        day_booked=durable.day_booked + record.profit,
    )


def _bracket_exiting(durable: Durable, record: BracketExiting) -> Durable:
    bracket = durable.open.get(record.intent)
    if bracket is None or bracket.exiting:
        return durable
    return evolve(durable, open=with_entry(durable.open, record.intent, evolve(bracket, exiting=record.reason)))


def _closed_outside(durable: Durable, record: ClosedOutside) -> Durable:
    bracket = durable.open.get(record.intent)
    if bracket is None:
        return durable
    changed = evolve(
        bracket,
        closed_outside=bracket.closed_outside + record.quantity,
        outside_value=bracket.outside_value + record.quantity * record.price,
    )
    return evolve(durable, open=with_entry(durable.open, record.intent, changed))


def _kill_stood(durable: Durable, record: KillStood) -> Durable:
    standing = durable.kill
    # The database's word decides which of two kills made apart stands, and that one is proved flat and released by its id.
    # Only the end of the day has no latch, and takes no other kill's place.
    if standing is not None and (standing.kill_id == record.kill_id or record.reason is KillReason.END_OF_DAY):
        return durable
    return evolve(durable, kill=record, flat_at=None)


def _kill_ended(durable: Durable, record: KillEnded) -> Durable:
    if durable.kill is None or durable.kill.kill_id != record.kill_id:
        return durable
    return evolve(durable, kill=None, flat_at=None)


def _day_opened(durable: Durable, record: DayOpened) -> Durable:
    if durable.trading_date == record.trading_date:
        return durable
    kill = durable.kill
    if kill is not None and kill.reason is KillReason.END_OF_DAY:
        kill = None
    return Durable(
        trading_date=record.trading_date,
        opening_net_liquidation=record.net_liquidation,
        open=durable.open,
        kill=kill,
        flat_at=durable.flat_at if kill else None,
        foreign=durable.foreign,
        config=durable.config,
    )


def _foreign_position(durable: Durable, record: ForeignPosition) -> Durable:
    foreign = without(durable.foreign, record.instrument)
    if record.quantity:
        foreign[record.instrument] = record.quantity
    return evolve(durable, foreign=foreign)


def _flat_proven(durable: Durable, record: FlatProven) -> Durable:
    if durable.kill is None or durable.kill.kill_id != record.kill_id or durable.flat_at is not None:
        return durable
    return evolve(durable, flat_at=record.market_time)


def _config_taken(durable: Durable, record: ConfigTaken) -> Durable:
    return evolve(durable, config=record)


_Fold = Callable[[Durable, Record], Durable]
# The key of each row is the type that its function takes: a relation that annotations cannot say.
_FOLDS = cast(
    "dict[type[Record], _Fold]",
    {
        BracketPlanned: _bracket_planned,
        OrderPlanned: _order_planned,
        OrderChanged: _order_changed,
        BracketClosed: _bracket_closed,
        BracketExiting: _bracket_exiting,
        ClosedOutside: _closed_outside,
        KillStood: _kill_stood,
        KillEnded: _kill_ended,
        DayOpened: _day_opened,
        ForeignPosition: _foreign_position,
        FlatProven: _flat_proven,
        ConfigTaken: _config_taken,
    },
)
