"""The broker's snapshot wins, with care (rule 4).

A book judges only orders whose last local event is older than the sending of its request; facts that only grow (a fill, an end) are
taken from any row. Orders that carry our tag and are missing from the journal are adopted. Orders and positions are separate
reads, so a difference of positions counts when a second read repeats it, with a book in between that does not explain it.
Running the same snapshot twice changes nothing the second time.
"""

from collections.abc import Container, Iterable

from trader.domain.brackets import live_orders, position_of
from trader.domain.doubt import is_old_enough, is_proved_absent
from trader.domain.events import BookRead, BrokerOrder, PositionsRead
from trader.domain.evolving import evolve
from trader.domain.journal import bracket_of, without
from trader.domain.orders import changed, may_become, status_from_broker
from trader.domain.positions import our_positions
from trader.domain.records import BracketPlanned, ClosedOutside, ForeignPosition, OrderPlanned
from trader.domain.state import Order, Suspicion
from trader.domain.tags import TagParts, decode_tag
from trader.domain.turn import Turn
from trader.domain.updating import find_by_id, find_order, is_copy, note_foreign, take_row
from trader.domain.values import (
    BrokerOrderId,
    InstrumentKey,
    IntentId,
    Leg,
    MachineTime,
    OrderStatus,
    Paise,
    Quantity,
    SignalKey,
)

ADOPTED = "adopted"


def on_book_read(turn: Turn, event: BookRead) -> None:
    """Compare the whole order book with ours."""
    rows = _untold(turn, event.orders)
    differs = _adopt(turn, [row for row in rows if find_order(turn, row.tag) is None])
    seen: set[str] = set()
    foreign_ids: set[str] = set()
    elsewhere = 0
    copies = 0
    for row in rows:
        order = find_order(turn, row.tag) or find_by_id(turn, row.order_id)
        if order is not None and is_copy(order, row):
            foreign_ids.add(row.order_id)
            note_foreign(turn, row)
            copies += row.filled_quantity > 0 or not status_from_broker(row.status).is_terminal
        elif order is not None:
            seen.add(order.tag)
            differs |= take_row(turn, order, row, trusts_terms=_is_judged(turn, order, event.requested_at))
            continue
        elsewhere += 1
        if decode_tag(row.tag) is None:
            foreign_ids.add(row.order_id)
            note_foreign(turn, row)
    _forget_foreign(turn, foreign_ids)
    for bracket in tuple(turn.durable.open.values()):
        for order in live_orders(bracket):
            if order.tag not in seen:
                differs |= _judge_absent(turn, order, event.requested_at)
    agreements = 0 if differs else turn.control.agreements + 1
    if copies > turn.control.copies:
        turn.announce("duplicate_client_id_seen", copies=copies)
    turn.change_control(
        agreements=agreements,
        copies=copies,
        orders_elsewhere=elsewhere,
        book=evolve(turn.control.book, answered_at=turn.now, requested_at=event.requested_at, is_pending=False),
    )


def _untold(turn: Turn, rows: Iterable[BrokerOrder]) -> list[BrokerOrder]:
    """The rows that say more than that a settled order is settled: at the end of a day those are nearly all of every book."""
    still_open, closed, told = turn.durable.open, turn.durable.closed, turn.control.told
    found = []
    settled: dict[BrokerOrderId, Quantity] = {}
    for row in [row for row in rows if told.get(row.order_id) != row.filled_quantity]:
        parts = decode_tag(row.tag)
        if parts is not None and row.tag is not None:
            bracket = closed.get(parts.intent) or still_open.get(parts.intent)
            if bracket is not None and bracket.orders.settled.get(row.tag) == (row.order_id, row.filled_quantity):
                settled[row.order_id] = row.filled_quantity
                continue
        found.append(row)
    if settled:
        turn.change_control(told={**told, **settled})
    return found


def _is_judged(turn: Turn, order: Order, requested_at: MachineTime) -> bool:
    track = turn.track(order)
    return track.changed_at < requested_at and track.mutation is None


def _forget_foreign(turn: Turn, shown: set[str]) -> None:
    """Foreign orders that the book no longer shows are gone."""
    foreign = turn.control.foreign_orders
    if any(order_id not in shown for order_id in foreign):
        turn.change_control(foreign_orders={key: row for key, row in foreign.items() if key in shown})


def _judge_absent(turn: Turn, order: Order, requested_at: MachineTime) -> bool:
    """What it means that a book does not show a live order of ours; whether that changed what we know."""
    track, timing = turn.track(order), turn.settings.timing
    if order.tag not in turn.control.tracks:
        # Its road begins with this look: without one it could neither be proved nor lost.
        turn.set_track(order.tag, track)
        return False
    if track.changed_at >= requested_at:
        return False
    if order.status is OrderStatus.IN_DOUBT:
        if is_proved_absent(track, requested_at, timing):
            turn.record(changed(order, turn.market_time, status=OrderStatus.ABSENT, message="absent from the book"))
            turn.announce("order_absent", tag=order.tag, leg=order.leg.value)
            turn.set_track(order.tag, evolve(track, changed_at=turn.now))
            return True
        if is_old_enough(track, requested_at, timing):
            turn.set_track(order.tag, evolve(track, absent_reads=track.absent_reads + 1))
        return False
    # One that was never seen is judged by its whole age: changes that it refuses meanwhile make it no younger.
    since = track.changed_at if track.seen_at is not None else track.planned_at
    is_due = requested_at - since > timing.unseen_after or order.status is OrderStatus.WORKING
    if is_due and track.absent_reads >= 1 and may_become(order, OrderStatus.IN_DOUBT):
        turn.record(changed(order, turn.market_time, status=OrderStatus.IN_DOUBT, message="not in the book"))
        turn.announce("order_in_doubt", tag=order.tag, leg=order.leg.value, message="not in the book")
        doubt_since = turn.now if track.seen_at is not None else track.planned_at
        turn.set_track(order.tag, evolve(track, doubt_since=doubt_since, absent_reads=0))
        return True
    if is_due:
        turn.set_track(order.tag, evolve(track, absent_reads=track.absent_reads + 1))
    return False


def _adopt(turn: Turn, rows: Iterable[BrokerOrder]) -> bool:
    """Take in orders of ours that the journal does not know: an emergency journal lost, a record never read."""
    unknown: dict[IntentId, list[tuple[BrokerOrder, TagParts]]] = {}
    for row in rows:
        parts = decode_tag(row.tag)
        if parts is None:
            continue
        if parts.epoch > turn.control.epoch:
            turn.announce("newer_epoch_seen", epoch=parts.epoch, tag=row.tag or "")
            continue
        unknown.setdefault(parts.intent, []).append((row, parts))
    has_adopted = False
    for intent, group in unknown.items():
        if bracket_of(turn.durable, intent) is None and not _plan_adopted(turn, intent, group):
            continue
        for row, parts in group:
            _adopt_order(turn, row, parts)
            has_adopted = True
    return has_adopted


def _plan_adopted(turn: Turn, intent: IntentId, group: list[tuple[BrokerOrder, TagParts]]) -> bool:
    """Plan a bracket for orders without one: it has no stop, so it is only closed. Whether there is anything to adopt.

    Orders of a day that is over may still stand in the book: what is terminal counts only when the account still holds it.
    """
    entries = [row for row, parts in group if parts.leg is Leg.ENTRY]
    first = entries[0] if entries else group[0][0]
    net = sum(row.side.sign * row.filled_quantity for row, _ in group)
    is_live = any(not status_from_broker(row.status).is_terminal for row, _ in group)
    if not is_live and not _is_held_at_broker(turn, first.instrument, net):
        return False
    side = first.side if entries else first.side.opposite
    turn.record(
        BracketPlanned(
            market_time=turn.market_time,
            intent=intent,
            trading_date=turn.durable.trading_date,
            strategy=ADOPTED,
            signal_key=SignalKey(ADOPTED),
            instrument=first.instrument,
            side=side,
            quantity=first.quantity,
            product=first.product,
            entry_price=first.average_price or first.price,
            stop_price=Paise(0),
            target_price=Paise(0),
        )
    )
    turn.announce("bracket_adopted", intent=intent, instrument=first.instrument, net=net)
    return True


def _is_held_at_broker(turn: Turn, instrument: InstrumentKey, net: int) -> bool:
    read = turn.control.last_positions
    if not net or read is None:
        return False
    account = sum(each.quantity for each in read.positions if each.instrument == instrument)
    beyond_ours = account - our_positions(turn.durable).get(instrument, 0)
    return beyond_ours * net > 0


def _adopt_order(turn: Turn, row: BrokerOrder, parts: TagParts) -> None:
    assert row.tag is not None
    turn.record(
        OrderPlanned(
            market_time=turn.market_time,
            tag=row.tag,
            intent=parts.intent,
            leg=parts.leg,
            attempt=parts.attempt,
            epoch=parts.epoch,
            instrument=row.instrument,
            side=row.side,
            order_type=row.order_type,
            product=row.product,
            quantity=row.quantity,
            price=row.price,
            trigger_price=row.trigger_price,
        )
    )
    turn.announce("order_adopted", tag=row.tag, leg=parts.leg.value, status=row.status)


def on_positions_read(turn: Turn, event: PositionsRead) -> None:
    """Compare the account's positions with our fills."""
    account: dict[InstrumentKey, int] = {}
    for position in event.positions:
        account[position.instrument] = account.get(position.instrument, 0) + position.quantity
    differing = _differences(turn, account)
    _forget_flow(turn, event.requested_at, differing)
    positions = evolve(turn.control.positions, answered_at=turn.now, requested_at=event.requested_at, is_pending=False)
    turn.change_control(positions=positions, last_positions=event)
    if not differing:
        is_later = event.requested_at > turn.control.touched_at
        agreements = turn.control.position_agreements + 1 if is_later else 0
        turn.change_control(suspicion=None, position_agreements=agreements)
        return
    turn.change_control(position_agreements=0)
    settled = {
        key: quantity for key, quantity in differing.items() if _is_settled(turn, key, quantity, event.requested_at)
    }
    if len(settled) < len(differing):
        # Our fill is too young to tell who is behind: the positions are read again until it is not.
        turn.change_control(foreign_moved_at=turn.now)
    confirmed = _confirmed(turn, settled)
    for instrument, quantity in confirmed.items():
        _accept_position(turn, instrument, quantity)
    left = {key: quantity for key, quantity in settled.items() if key not in confirmed}
    previous = turn.control.suspicion
    if not left:
        turn.change_control(suspicion=None)
    elif previous is None or previous.quantities != left:
        turn.change_control(suspicion=Suspicion(turn.now, left))


def _differences(turn: Turn, account: dict[InstrumentKey, int]) -> dict[InstrumentKey, int]:
    """The account's quantity of each instrument where it is not ours plus what is known as foreign."""
    ours, foreign = our_positions(turn.durable), turn.durable.foreign
    keys = sorted({*account, *ours, *foreign})
    return {key: account.get(key, 0) for key in keys if account.get(key, 0) != ours.get(key, 0) + foreign.get(key, 0)}


def _is_closed_by_others(turn: Turn, instrument: InstrumentKey, quantity: int) -> bool:
    """Whether nothing of ours is left, and fills that are not ours account for all of it."""
    ours, foreign = our_positions(turn.durable).get(instrument, 0), turn.durable.foreign.get(instrument, 0)
    return quantity == foreign and turn.control.foreign_flow.get(instrument, 0) == -ours


def _forget_flow(turn: Turn, requested_at: MachineTime, differing: Container[InstrumentKey]) -> None:
    """What the positions show for long enough after somebody else's fill has taken it in."""
    flow = turn.control.foreign_flow
    if flow and requested_at - turn.control.foreign_moved_at > turn.settings.timing.fills_settle:
        turn.change_control(foreign_flow={key: moved for key, moved in flow.items() if key in differing})


def _is_settled(turn: Turn, instrument: InstrumentKey, quantity: int, requested_at: MachineTime) -> bool:
    """Whether positions that lag behind our last fill would have caught up, or it makes no odds.

    What somebody else's orders closed whole is closed, however young our entry's fill is: positions that lag behind both show it
    once they have caught up. But where an order of ours reduced the position as well, his and ours may have crossed, and who
    closed what shows only at rest.
    """
    control = turn.control
    is_closed = _is_closed_by_others(turn, instrument, quantity)
    filled_at = (control.reduced_at if is_closed else control.filled_at).get(instrument)
    return filled_at is None or requested_at - filled_at > turn.settings.timing.fills_settle


def _confirmed(turn: Turn, settled: dict[InstrumentKey, int]) -> dict[InstrumentKey, int]:
    """Differences that an earlier read showed too, with a book asked for in between that did not explain them."""
    suspicion, book = turn.control.suspicion, turn.control.book
    if suspicion is None or book.requested_at is None or book.requested_at < suspicion.noticed_at:
        return {}
    return {key: quantity for key, quantity in settled.items() if suspicion.quantities.get(key) == quantity}


def _accept_position(turn: Turn, instrument: InstrumentKey, quantity: int) -> None:
    """Somebody else traded: what closes our position closes our brackets, the rest is foreign (rule 8)."""
    ours = our_positions(turn.durable).get(instrument, 0)
    foreign = turn.durable.foreign.get(instrument, 0)
    to_close = _closed_of_ours(ours, foreign, quantity - ours - foreign)
    if to_close:
        _close_outside(turn, instrument, 1 if ours > 0 else -1, to_close)
    turn.change_control(foreign_flow=without(turn.control.foreign_flow, instrument))
    theirs = quantity - our_positions(turn.durable).get(instrument, 0)
    if theirs != foreign:
        turn.record(ForeignPosition(turn.market_time, instrument, theirs))
        turn.announce("foreign_position_seen", instrument=instrument, quantity=theirs)


def _closed_of_ours(ours: int, foreign: int, delta: int) -> int:
    """How much of our position somebody else's trade closed.

    Whoever holds something of his own trades that first: what he holds in our direction he sells before he sells ours, and what
    he adds to a position against ours is his. Only who holds nothing, or sells beyond it, closes ours.
    """
    if ours * delta >= 0 or ours * foreign < 0:
        return 0
    return min(max(0, abs(delta) - abs(foreign)), abs(ours))


def _close_outside(turn: Turn, instrument: InstrumentKey, sign: int, to_close: int) -> None:
    quote = turn.market.quotes.get(instrument)
    for intent, bracket in tuple(turn.durable.open.items()):
        position = position_of(bracket)
        if bracket.plan.instrument != instrument or position * sign <= 0 or not to_close:
            continue
        part = min(abs(position), to_close)
        to_close -= part
        price = quote.last_price if quote else bracket.plan.entry_price
        turn.record(ClosedOutside(turn.market_time, intent, -sign * part, price))
        turn.announce("position_closed_outside", intent=intent, instrument=instrument, quantity=-sign * part)
