"""What replies and updates tell of our orders: each becomes at most one record, and never lowers what is known.

A reply never decides the state of an order that the broker has shown already; a refusal of a modify or cancel says nothing about
the order itself ("already filled" and "unknown order" both come as refusals), so it only asks for the book.
"""

from trader.domain.brackets import held_quantity
from trader.domain.calendars import date_of
from trader.domain.events import (
    BrokerOrder,
    CommitRefused,
    Committed,
    MutationReply,
    OrderUpdated,
    PlaceAccepted,
    PlaceRefused,
    PlaceUnknown,
)
from trader.domain.evolving import evolve
from trader.domain.journal import bracket_of, with_entry, without
from trader.domain.orders import changed, may_become, observed
from trader.domain.protecting import has_passed_stop
from trader.domain.records import OrderChanged, OrderPlanned
from trader.domain.state import Bracket, Order
from trader.domain.tags import decode_tag
from trader.domain.turn import Turn
from trader.domain.values import BrokerOrderId, Leg, OrderStatus, OrderType, Tag


def find_order(turn: Turn, tag: Tag | None) -> Order | None:
    """Our order with this tag; None for tags that are not ours, or not known."""
    parts = decode_tag(tag)
    if tag is None or parts is None:
        return None
    bracket = bracket_of(turn.durable, parts.intent)
    return None if bracket is None else bracket.orders.get(tag)


def find_by_id(turn: Turn, order_id: BrokerOrderId) -> Order | None:
    """Our order with this broker's id, for rows that came without their tag."""
    for bracket in turn.durable.open.values():
        for order in bracket.orders.values():
            if order.order_id == order_id:
                return order
    return None


def is_copy(order: Order, row: BrokerOrder) -> bool:
    """Whether a row bears the tag of an order that the broker knows by another id: its fills are none of ours."""
    return order.order_id is not None and row.order_id != order.order_id


def bracket_holding(turn: Turn, order: Order) -> Bracket:
    """The bracket that an order of ours belongs to."""
    bracket = bracket_of(turn.durable, order.intent)
    assert bracket is not None
    return bracket


def on_place_accepted(turn: Turn, event: PlaceAccepted) -> None:
    """Received is not accepted (kite.trade/forum, 7489): the order has an id now, the exchange has yet to speak."""
    order = find_order(turn, event.tag)
    if order is None or order.order_id is not None:
        return
    status = OrderStatus.SENT if may_become(order, OrderStatus.SENT) else order.status
    turn.record(changed(order, turn.market_time, status=status, order_id=event.order_id))
    _touch(turn, order, doubt_since=None)


def on_place_refused(turn: Turn, event: PlaceRefused) -> None:
    """No order exists, for certain; unless the broker has shown it already, for then its book is right."""
    order = find_order(turn, event.tag)
    if order is None or order.order_id is not None or order.status.is_terminal:
        return
    was_judged = event.kind == "refused" and not event.by_gate
    status = OrderStatus.REJECTED if was_judged else OrderStatus.ABSENT
    _note_limit(turn, event.kind)
    turn.record(changed(order, turn.market_time, status=status, message=event.message))
    turn.announce("order_refused", tag=order.tag, leg=order.leg.value, message=event.message)
    _touch(turn, order)


def on_place_unknown(turn: Turn, event: PlaceUnknown) -> None:
    """An order may exist: from now on it is in doubt, and only the book resolves it (rule 2)."""
    order = find_order(turn, event.tag)
    if order is None or order.order_id is not None or not may_become(order, OrderStatus.IN_DOUBT):
        return
    turn.record(changed(order, turn.market_time, status=OrderStatus.IN_DOUBT, message=event.message))
    turn.announce("order_in_doubt", tag=order.tag, leg=order.leg.value, message=event.message)
    _touch(turn, order, doubt_since=turn.now, absent_reads=0)


def on_mutation_reply(turn: Turn, event: MutationReply) -> None:
    """An accepted modify changes the terms we believe in; an accepted cancel changes nothing until the broker shows it."""
    order = find_order(turn, event.tag)
    if order is None:
        return
    track = turn.track(order)
    mutation = track.mutation
    if mutation is None or mutation.operation != event.operation:
        return
    turn.change_control(touched_at=turn.now)
    if event.outcome == "unknown" or (event.outcome == "accepted" and event.operation == "cancel"):
        return
    if event.outcome == "refused" and event.kind != "refused":
        # Not looked at, for certain: nothing is in flight, and the same call is due again after a short rest.
        _note_limit(turn, event.kind)
        turn.set_track(order.tag, evolve(track, mutation=None, unheard=track.unheard + 1, mutated_at=turn.now))
        return
    if event.outcome == "accepted":
        if not order.status.is_terminal:
            turn.record(
                changed(
                    order,
                    turn.market_time,
                    order_type=mutation.order_type,
                    quantity=mutation.quantity,
                    price=mutation.price,
                    trigger_price=mutation.trigger_price,
                )
            )
        turn.set_track(order.tag, evolve(track, mutation=None, mutation_refusals=0, unheard=0, changed_at=turn.now))
        return
    refusals = track.mutation_refusals + 1
    turn.set_track(order.tag, evolve(track, mutation=None, mutation_refusals=refusals, changed_at=turn.now))
    turn.announce("mutation_refused", tag=order.tag, operation=event.operation, message=event.message)


def on_committed(turn: Turn, event: Committed) -> None:
    """These may be on the wire from now on."""
    for tag in event.tags:
        order = find_order(turn, tag)
        if order is not None and order.status is OrderStatus.UNSENT:
            turn.set_track(tag, evolve(turn.track(order), is_committed=True))


def on_commit_refused(turn: Turn, event: CommitRefused) -> None:
    """What the store refused was never sent. Its records are written again, for the refused commit may have held them."""
    for tag in event.tags:
        order = find_order(turn, tag)
        if order is None:
            continue
        track = turn.track(order)
        if order.status is OrderStatus.UNSENT and not track.is_committed:
            turn.record(bracket_holding(turn, order).plan)
            turn.record(_plan_of(turn, order))
            turn.record(changed(order, turn.market_time, status=OrderStatus.ABSENT, message=event.message))
            _touch(turn, order)
        elif track.mutation is not None:
            refusals = track.mutation_refusals + 1
            turn.set_track(tag, evolve(track, mutation=None, mutation_refusals=refusals, changed_at=turn.now))
    if event.message.startswith("epoch"):
        # Somebody leads with a newer epoch: not even a cancel may follow (rule 1).
        turn.change_control(is_fenced=True, risk_generation=turn.control.risk_generation + 1)
        turn.announce("fenced", message=event.message)


def on_order_updated(turn: Turn, event: OrderUpdated) -> None:
    """A pushed row, of one of our orders or of somebody else's."""
    row = event.order
    order = find_order(turn, row.tag) or find_by_id(turn, row.order_id)
    if order is not None and not is_copy(order, row):
        take_row(turn, order, row, trusts_terms=False)
    elif order is not None or decode_tag(row.tag) is None:
        note_foreign(turn, row)
    else:
        # Ours by its tag, unknown to the journal: the whole book is needed to adopt it.
        turn.change_control(agreements=0, agreements_needed=max(1, turn.control.agreements_needed))


def is_told(order: Order, row: BrokerOrder) -> bool:
    """Whether the order is over and the row only repeats it: at the end of a day that is nearly every row of every book."""
    return order.is_settled and row.filled_quantity == order.filled_quantity


def take_row(turn: Turn, order: Order, row: BrokerOrder, *, trusts_terms: bool) -> bool:
    """Fold a row into our order; whether fills or an end came with it."""
    if is_told(order, row):
        return False
    record = observed(order, row, turn.market_time, trusts_terms=trusts_terms)
    track = turn.track(order)
    triggered = track.triggered_since
    if order.leg is Leg.STOP and order.order_type is OrderType.STOP_LIMIT:
        if row.status == "OPEN":
            triggered = triggered if triggered is not None else turn.now
        elif row.status == "TRIGGER PENDING" and not has_passed_stop(turn, bracket_holding(turn, order)):
            triggered = None
    if record is None:
        seen = evolve(track, absent_reads=0, broker_status=row.status, triggered_since=triggered)
        if seen != track:
            turn.set_track(order.tag, seen)
        return False
    record = _charged(turn, order, record)
    turn.record(record)
    has_filled = record.filled_quantity > order.filled_quantity
    if has_filled:
        turn.change_control(filled_at=with_entry(turn.control.filled_at, order.instrument, turn.now))
        if order.leg is not Leg.ENTRY:
            turn.change_control(reduced_at=with_entry(turn.control.reduced_at, order.instrument, turn.now))
        turn.announce(
            "order_filled",
            tag=order.tag,
            leg=order.leg.value,
            instrument=order.instrument,
            filled=record.filled_quantity,
            quantity=record.quantity,
            average_paise=record.average_price,
        )
    _notice_reversal(turn, order)
    is_over = record.status.is_terminal and not order.status.is_terminal
    turn.set_track(
        order.tag,
        evolve(
            track,
            changed_at=turn.now,
            seen_at=track.seen_at if track.seen_at is not None else turn.now,
            broker_status=row.status,
            triggered_since=triggered,
            doubt_since=None,
            absent_reads=0,
            mutation=None if record.status.is_terminal else track.mutation,
        ),
    )
    turn.change_control(touched_at=turn.now)
    return has_filled or is_over


def _charged(turn: Turn, order: Order, record: OrderChanged) -> OrderChanged:
    """With what its fills cost, whenever they changed."""
    turnover = record.filled_quantity * record.average_price
    if turnover == order.filled_quantity * order.average_price:
        return record
    table, date = turn.settings.charges, date_of(turn.market_time).isoformat()
    return evolve(record, charges=table.of_order(date, order.instrument, order.product, order.side, turnover))


def note_foreign(turn: Turn, row: BrokerOrder) -> None:
    """Keep account of working orders that are not ours (rule 8); a fill of one makes us look at the positions."""
    foreign = turn.control.foreign_orders
    is_over = row.status in ("COMPLETE", "CANCELLED", "REJECTED")
    if is_over and row.order_id in foreign:
        turn.change_control(foreign_orders=without(foreign, row.order_id))
    elif not is_over and foreign.get(row.order_id) != row:
        if row.order_id not in foreign:
            turn.announce("foreign_order_seen", order_id=row.order_id, instrument=row.instrument)
        turn.change_control(foreign_orders=with_entry(foreign, row.order_id, row))
    fills = turn.control.foreign_fills
    news = row.filled_quantity - fills.get(row.order_id, 0)
    if news > 0:
        flow = turn.control.foreign_flow
        turn.change_control(
            foreign_fills=with_entry(fills, row.order_id, row.filled_quantity),
            foreign_flow=with_entry(flow, row.instrument, flow.get(row.instrument, 0) + row.side.sign * news),
            foreign_moved_at=turn.now,
            position_agreements=0,
        )


def _note_limit(turn: Turn, kind: str) -> None:
    if kind == "rate_limited":
        turn.change_control(limited_at=turn.now)
        turn.announce("rate_limited")


def _notice_reversal(turn: Turn, order: Order) -> None:
    bracket = turn.durable.open.get(order.intent)
    if bracket is not None and held_quantity(bracket) < 0 and not bracket.exiting:
        turn.announce("bracket_reversed", intent=order.intent, held=held_quantity(bracket))


def _plan_of(turn: Turn, order: Order) -> OrderPlanned:
    return OrderPlanned(
        market_time=turn.market_time,
        tag=order.tag,
        intent=order.intent,
        leg=order.leg,
        attempt=order.attempt,
        epoch=order.epoch,
        instrument=order.instrument,
        side=order.side,
        order_type=order.order_type,
        product=order.product,
        quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
    )


def _touch(turn: Turn, order: Order, **changes: object) -> None:
    """Note a local event of the order: snapshots asked for earlier say nothing about it any more."""
    track = evolve(turn.track(order), changed_at=turn.now, **changes)
    turn.set_track(order.tag, track)
    turn.change_control(touched_at=turn.now)
