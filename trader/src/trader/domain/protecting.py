"""Protection is derived: what stop and target must cover, less what stands or is in flight, gives what to send (rule 3).

One mutation in flight per leg: a leg with anything pending is left alone until the answer, then compared again. A stop is placed
for the first filled unit at once and enlarged by modify; when one exit fills, the other is reduced, and cancelled at the end.
Stops are stop-limit orders: Kite refuses SL-M without market protection and turns it into a LIMIT (kite.trade/forum, 15912).
"""

from trader.domain.brackets import (
    failures_in_a_row,
    held_quantity,
    live_orders,
    on_entry_fill,
    orders_of,
    refusals_in_a_row,
    stop_level,
)
from trader.domain.doubt import Presence, presence
from trader.domain.prices import clamp_price, stop_limit_price
from trader.domain.state import Bracket, Order
from trader.domain.trailing import trailed_trigger
from trader.domain.turn import Turn
from trader.domain.values import InstrumentKey, Leg, OrderType, Paise, Quantity
from trader.domain.wants import CancelWant, ModifyWant, PlaceWant, Urgency, Want, is_resting, pause_after


def protection_wants(turn: Turn, bracket: Bracket) -> list[Want]:
    """What stop and target of a bracket that is not exiting still need."""
    required = on_entry_fill(bracket)
    wants = leg_wants(turn, bracket, Leg.STOP, required.stop)
    wants += leg_wants(turn, bracket, Leg.TARGET, required.target)
    return wants + leg_wants(turn, bracket, Leg.EXIT, 0) if live_orders(bracket, Leg.EXIT) else wants


def leg_wants(turn: Turn, bracket: Bracket, leg: Leg, wanted: int) -> list[Want]:
    """Bring one leg to the wanted quantity, by at most one command per order."""
    standing, is_pending = standing_orders(turn, bracket, leg)
    if wanted == 0:
        return cancel_wants(turn, standing)
    if is_pending:
        return []
    if standing:
        # Two of a leg: an attempt that was given up has turned up. One stays, the surplus goes at first sight (rule 2).
        return _change(turn, bracket, standing[-1], wanted) + cancel_wants(turn, standing[:-1])
    if not may_attempt(turn, bracket, leg):
        return []
    return _place(turn, bracket, leg, wanted)


def standing_orders(turn: Turn, bracket: Bracket, leg: Leg) -> tuple[list[Order], bool]:
    """The orders of a leg that can be changed, oldest attempt first; and whether any is still on its way."""
    standing, is_pending = [], False
    for order in live_orders(bracket, leg):
        what = presence(order, turn.track(order), turn.now, turn.settings.timing)
        if what is Presence.STANDING:
            standing.append(order)
        elif what is Presence.PENDING:
            is_pending = True
    if len(standing) > 1:
        standing.sort(key=lambda order: (order.epoch, order.attempt))
    return standing, is_pending


def cancel_wants(turn: Turn, orders: list[Order]) -> list[Want]:
    """Cancel these, except those whose last cancel was refused a moment ago."""
    if not orders:
        return []
    timing = turn.settings.timing
    return [
        CancelWant(Urgency.STOP_RISK if order.leg is Leg.ENTRY else Urgency.TIDY, order)
        for order in orders
        if not is_resting(turn.track(order), turn.now, timing)
    ]


def may_attempt(turn: Turn, bracket: Bracket, leg: Leg) -> bool:
    """Whether another attempt of a leg may go out: the market is open, and the last refusal is far enough away."""
    if not turn.is_market_open:
        return False
    failures = failures_in_a_row(bracket, leg)
    if not failures:
        return True
    if leg is Leg.TARGET and refusals_in_a_row(bracket, leg) >= turn.settings.tactics.target_attempts:
        return False
    tracks = turn.control.tracks
    # What was refused before a restart has no track, and is long ago.
    told = [tracks[order.tag].changed_at for order in orders_of(bracket, leg) if order.tag in tracks]
    return not told or turn.now - max(told) >= pause_after(failures, turn.settings.timing)


def tradable(turn: Turn, key: InstrumentKey, quantity: int) -> Quantity:
    """As much of a quantity as one order may carry: the exchange freezes what is larger."""
    instrument = turn.instrument(key)
    if instrument is None or not instrument.freeze_quantity or instrument.lot_size <= 0:
        return Quantity(quantity)
    if quantity <= instrument.freeze_quantity - instrument.lot_size:
        return Quantity(quantity)
    largest = instrument.freeze_quantity // instrument.lot_size * instrument.lot_size
    return Quantity(min(quantity, largest))


def _change(turn: Turn, bracket: Bracket, order: Order, wanted: int) -> list[Want]:
    """Bring a standing order to the wanted quantity, and a trailing stop to its level, in one modification."""
    total = tradable(turn, order.instrument, order.filled_quantity + wanted)
    trigger = trailed_trigger(turn, bracket, order) if order.leg is Leg.STOP else order.trigger_price
    if order.quantity == total and trigger == order.trigger_price:
        return []
    if is_resting(turn.track(order), turn.now, turn.settings.timing):
        return []
    if order.modifications >= turn.settings.tactics.max_modifications:
        return [CancelWant(Urgency.PROTECT, order)]
    return [
        ModifyWant(
            urgency=Urgency.PROTECT if order.quantity != total else Urgency.TRAIL,
            order=order,
            order_type=order.order_type,
            quantity=total,
            price=order.price if trigger == order.trigger_price else _stop_limit(turn, bracket, trigger),
            trigger_price=trigger,
        )
    ]


def _place(turn: Turn, bracket: Bracket, leg: Leg, wanted: int) -> list[Want]:
    plan = bracket.plan
    side, quantity = plan.side.opposite, tradable(turn, plan.instrument, wanted)
    instrument = turn.instrument(plan.instrument)
    if leg is Leg.TARGET:
        price = clamp_price(plan.target_price, instrument) if instrument else plan.target_price
        return [
            PlaceWant(Urgency.PROFIT, bracket, leg, side, OrderType.LIMIT, quantity, price, Paise(0)),
        ]
    level = stop_level(bracket)
    if instrument:
        # A band that moved in behind it would have the exchange refuse the stop; nothing trades beyond the band anyway.
        level = clamp_price(level, instrument)
    limit = _stop_limit(turn, bracket, level)
    return [PlaceWant(Urgency.PROTECT, bracket, leg, side, OrderType.STOP_LIMIT, quantity, limit, level)]


def _stop_limit(turn: Turn, bracket: Bracket, trigger: Paise) -> Paise:
    instrument, tactics = turn.instrument(bracket.plan.instrument), turn.settings.tactics
    if instrument is None:
        return trigger
    side = bracket.plan.side.opposite
    return stop_limit_price(side, trigger, instrument, tactics.stop_limit_ticks, tactics.stop_limit_ppm)


def has_passed_stop(turn: Turn, bracket: Bracket) -> bool:
    """Whether the market trades at or beyond the stop: a stop placed now would be refused, or fill at once."""
    quote = turn.market.quotes.get(bracket.plan.instrument)
    if quote is None or bracket.plan.stop_price <= 0:
        return False
    return (quote.last_price - stop_level(bracket)) * bracket.plan.side.sign <= 0


def is_stop_overdue(turn: Turn, bracket: Bracket) -> bool:
    """Whether a stop was triggered and has not filled in good time (limit price protection, a gap): then it is repriced."""
    patience = turn.settings.timing.triggered_patience
    for order in live_orders(bracket, Leg.STOP):
        since = turn.track(order).triggered_since
        if since is not None and order.order_type is OrderType.STOP_LIMIT and turn.now - since > patience:
            return True
    return False


def has_stop(turn: Turn, bracket: Bracket) -> bool:
    """Whether a stop stands or is on its way."""
    standing, is_pending = standing_orders(turn, bracket, Leg.STOP)
    return bool(standing) or is_pending


def needs_protection(bracket: Bracket) -> bool:
    """Whether the bracket holds something."""
    return held_quantity(bracket) > 0
