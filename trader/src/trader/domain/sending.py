"""From want to command: the attempt is numbered, the fact recorded, the call counted. The only place that makes order effects.

Reducing calls may use the whole budget of the second; what does not fit is derived again on the next step, most urgent first.
"""

from collections.abc import Iterable

from trader.domain.brackets import next_attempt
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.evolving import evolve
from trader.domain.orders import changed
from trader.domain.records import OrderPlanned
from trader.domain.state import Mutation, Order, Track
from trader.domain.tags import MAX_ATTEMPT, TagParts, encode_tag
from trader.domain.turn import Turn
from trader.domain.values import Side
from trader.domain.wants import CancelWant, ModifyWant, PlaceWant, Want

_OPTIONS = ("CE", "PE")


def send_wants(turn: Turn, wants: Iterable[Want]) -> None:
    """Send the most urgent wants that the budget allows."""
    for want in sorted(wants, key=_rank):
        if turn.budget().calls <= 0:
            return
        match want:
            case PlaceWant():
                place(turn, want, adds_risk=False)
            case ModifyWant():
                _modify(turn, want)
            case CancelWant():
                _cancel(turn, want)


def _rank(want: Want) -> tuple[int, bool]:
    """By urgency; among equals, short options are bought back before longs are sold: the other way round margin runs out first."""
    if isinstance(want, CancelWant):
        return want.urgency, True
    instrument = want.bracket.plan.instrument if isinstance(want, PlaceWant) else want.order.instrument
    side = want.side if isinstance(want, PlaceWant) else want.order.side
    return want.urgency, side is not Side.BUY or not instrument.endswith(_OPTIONS)


def place(turn: Turn, want: PlaceWant, *, adds_risk: bool) -> None:
    """Plan an order under a tag that was never used, and send it."""
    plan, epoch = want.bracket.plan, turn.control.epoch
    attempt = next_attempt(want.bracket, want.leg, epoch)
    if attempt > MAX_ATTEMPT:
        turn.announce("attempts_exhausted", intent=plan.intent, leg=want.leg.value)
        return
    tag = encode_tag(TagParts(epoch, plan.intent, want.leg, attempt))
    turn.record(
        OrderPlanned(
            market_time=turn.market_time,
            tag=tag,
            intent=plan.intent,
            leg=want.leg,
            attempt=attempt,
            epoch=epoch,
            instrument=plan.instrument,
            side=want.side,
            order_type=want.order_type,
            product=plan.product,
            quantity=want.quantity,
            price=want.price,
            trigger_price=want.trigger_price,
        )
    )
    turn.emit(
        PlaceOrder(
            tag=tag,
            intent=plan.intent,
            leg=want.leg,
            attempt=attempt,
            adds_risk=adds_risk,
            instrument=plan.instrument,
            side=want.side,
            order_type=want.order_type,
            product=plan.product,
            quantity=want.quantity,
            price=want.price,
            trigger_price=want.trigger_price,
            risk_generation=turn.control.risk_generation,
        ),
        Track(changed_at=turn.now, planned_at=turn.now),
    )


def _modify(turn: Turn, want: ModifyWant) -> None:
    order, track = want.order, turn.track(want.order)
    assert order.order_id is not None
    turn.record(
        changed(
            order, turn.market_time, modifications=order.modifications + 1, reprices=order.reprices + want.is_reprice
        )
    )
    mutation = Mutation("modify", turn.now, want.order_type, want.quantity, want.price, want.trigger_price)
    reprices = track.reprices + 1 if want.is_reprice else track.reprices
    turn.emit(
        ModifyOrder(
            tag=order.tag,
            order_id=order.order_id,
            order_type=want.order_type if want.order_type is not order.order_type else None,
            # Kite's staff: send the quantity only when it changes (kite.trade/forum, comment 41181).
            quantity=want.quantity if want.quantity != order.quantity else None,
            price=want.price if want.price != order.price else None,
            trigger_price=want.trigger_price if want.trigger_price != order.trigger_price else None,
        ),
        evolve(track, mutation=mutation, mutated_at=turn.now, reprices=reprices),
    )


def _cancel(turn: Turn, want: CancelWant) -> None:
    order, track = want.order, turn.track(want.order)
    assert order.order_id is not None
    mutation = _cancellation(turn, order)
    turn.emit(
        CancelOrder(tag=order.tag, order_id=order.order_id), evolve(track, mutation=mutation, mutated_at=turn.now)
    )


def _cancellation(turn: Turn, order: Order) -> Mutation:
    return Mutation("cancel", turn.now, order.order_type, order.quantity, order.price, order.trigger_price)
