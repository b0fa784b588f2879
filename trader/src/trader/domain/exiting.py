"""Getting out: one exit vehicle per bracket, priced to trade, repriced inside the band until nothing is held.

A market order is no promise on Kite (it becomes a LIMIT with protection and may rest: kite.trade/forum, comment 52991), so an exit
is a loop: a LIMIT some ticks beyond the touch, twice as far with each reprice, every 400 ms. The stop, where it stands, is turned
into the exit by modify, which saves a call and never leaves two exits side by side. Quantities come from what is held less what
is filled, so an exit cannot overshoot; a reversal that happens all the same is closed by the same loop from the other side.
"""

from trader.domain.brackets import entry_price, live_orders, refusals_in_a_row
from trader.domain.doubt import Presence, presence
from trader.domain.events import Quote
from trader.domain.prices import beyond, clamp_price
from trader.domain.protecting import cancel_wants, may_attempt, tradable
from trader.domain.references import reference_price
from trader.domain.state import Bracket, Order, Track
from trader.domain.turn import Turn
from trader.domain.values import Leg, MachineTime, OrderStatus, OrderType, Paise, Side
from trader.domain.wants import CancelWant, ModifyWant, PlaceWant, Urgency, Want, is_resting

_GIVE_UP_MODIFYING = 3
_MOST_DOUBLINGS = 12


class Vehicles:
    """The exits of a bracket, sorted by what can be done with them."""

    __slots__ = ("exits", "is_exit_pending", "others", "pending")

    def __init__(self, turn: Turn, bracket: Bracket, side: Side) -> None:
        self.exits: list[Order] = []
        self.others: list[Order] = []
        self.pending: list[Order] = []
        self.is_exit_pending = False
        for order in live_orders(bracket):
            if order.leg is Leg.ENTRY:
                continue
            track = turn.track(order)
            what = presence(order, track, turn.now, turn.settings.timing)
            is_exit = order.side is side and (order.leg is Leg.EXIT or _is_turned(order, track))
            if what is Presence.STANDING:
                (self.exits if is_exit else self.others).append(order)
            elif what is Presence.PENDING:
                self.is_exit_pending = self.is_exit_pending or is_exit
                self.pending.append(order)
        self.exits.sort(key=lambda order: (order.leg is Leg.EXIT, order.leg is Leg.STOP, order.epoch, order.attempt))


def _is_turned(order: Order, track: Track) -> bool:
    """Whether a stop or target was sent the modify that makes it the exit, and nobody refused it.

    It is the vehicle from then on, also while its answer is awaited: another turned beside it would reverse the position.
    """
    return order.reprices > 0 and track.mutation_refusals == 0


def exit_wants(turn: Turn, bracket: Bracket, held: int) -> list[Want]:
    """What still has to be sent so that this bracket holds nothing; `held` is below 0 after a reversal."""
    side = bracket.plan.side.opposite if held > 0 else bracket.plan.side
    quantity = abs(held)
    vehicles = Vehicles(turn, bracket, side)
    if vehicles.exits:
        surplus = cancel_wants(turn, vehicles.exits[:-1] + vehicles.others)
        return _drive(turn, bracket, vehicles.exits[-1], quantity) + surplus
    if vehicles.is_exit_pending:
        # Until the exit stands, the stop stays where it is: it is the only protection that is certain.
        spare = vehicles.others if held < 0 else [each for each in vehicles.others if each.leg is not Leg.STOP]
        return cancel_wants(turn, spare)
    vehicle = _convertible(turn, vehicles.others, side)
    if vehicle is not None:
        spare = [each for each in vehicles.others if each is not vehicle]
        return _drive(turn, bracket, vehicle, quantity) + cancel_wants(turn, spare)
    if any(_is_worth_waiting_for(turn, order, side) for order in vehicles.pending + vehicles.others):
        return []
    if not may_attempt(turn, bracket, Leg.EXIT):
        return []
    price = exit_price(turn, bracket, side)
    return [
        PlaceWant(
            Urgency.PROTECT,
            bracket,
            Leg.EXIT,
            side,
            OrderType.LIMIT,
            tradable(turn, bracket.plan.instrument, quantity),
            price,
            Paise(0),
        )
    ]


def exit_price(turn: Turn, bracket: Bracket, side: Side) -> Paise:
    """A limit beyond the touch, twice as far with each try, inside circuit and price protection.

    Tries are counted from the journal, so that a flatten that a crash interrupted goes on where it was.
    """
    instrument = turn.instrument(bracket.plan.instrument)
    quote = turn.market.quotes.get(bracket.plan.instrument)
    last = quote.last_price if quote else Paise(bracket.plan.stop_price or entry_price(bracket))
    if instrument is None:
        return last
    touch: int = last
    if quote is not None and quote.bid and quote.ask:
        touch = quote.ask if side is Side.BUY else quote.bid
    tactics = turn.settings.tactics
    doublings = min(exit_tries(bracket), _MOST_DOUBLINGS)
    wanted = beyond(side, touch, tactics.exit_step_ticks << doublings, instrument.tick_size)
    return clamp_price(wanted, instrument, _reference(turn, bracket, quote))


def _reference(turn: Turn, bracket: Bracket, quote: Quote | None) -> int:
    """What the exit's limit is protected from: the price that trades now, until the exchange refuses it; then its reference.

    In a jump the reference lags behind, and a limit inside its range would not trade; whether ours equals the exchange's own is
    known only from its refusals.
    """
    if quote is None:
        return 0
    orders = bracket.orders.values()
    is_refused = refusals_in_a_row(bracket, Leg.EXIT) > 0 or any(
        turn.track(order).mutation_refusals for order in orders if not order.status.is_terminal
    )
    return reference_price(turn, quote.instrument) if is_refused else quote.last_price


def exit_tries(bracket: Bracket) -> int:
    """How many prices this exit has been tried at."""
    return sum(order.reprices + (order.leg is Leg.EXIT) for order in bracket.orders.values())


def _convertible(turn: Turn, orders: list[Order], side: Side) -> Order | None:
    """The stop, else the target, that one modify turns into the exit."""
    usable = [
        order
        for order in orders
        if order.side is side
        and order.modifications < turn.settings.tactics.max_modifications
        and turn.track(order).mutation_refusals == 0
    ]
    usable.sort(key=lambda order: (order.leg is not Leg.STOP, -order.attempt))
    return usable[0] if usable else None


def _is_worth_waiting_for(turn: Turn, order: Order, side: Side) -> bool:
    """Whether the answer about this order will come soon, and may make another exit unnecessary."""
    if order.side is not side:
        return False
    track, timing = turn.track(order), turn.settings.timing
    if track.mutation is not None:
        return track.mutation.operation == "modify" and turn.now - track.mutation.sent_at <= timing.mutation_wait
    if track.mutation_refusals:
        return not _is_explained(turn, track)
    is_placing = order.order_id is None and order.status is not OrderStatus.IN_DOUBT and order.leg is Leg.STOP
    return is_placing and turn.now - track.planned_at <= timing.exit_patience


def _is_explained(turn: Turn, track: Track) -> bool:
    """Whether a book asked for after the refusal has told why (most likely: it had filled), or none came for a second."""
    requested_at = turn.control.book.requested_at
    has_read = requested_at is not None and requested_at > track.changed_at
    return has_read or turn.now - track.changed_at > turn.settings.timing.triggered_patience


def _drive(turn: Turn, bracket: Bracket, order: Order, quantity: int) -> list[Want]:
    """Bring the vehicle to the right quantity at once, and to a better price when it is due."""
    track, timing = turn.track(order), turn.settings.timing
    if not turn.is_market_open or is_resting(track, turn.now, timing):
        return []
    if order.modifications >= turn.settings.tactics.max_modifications or track.mutation_refusals >= _GIVE_UP_MODIFYING:
        return [CancelWant(Urgency.PROTECT, order)]
    price = exit_price(turn, bracket, order.side)
    is_turning = order.leg is not Leg.EXIT and track.reprices == 0
    is_due = is_turning or turn.now - _last_sent(track) >= timing.reprice_interval
    is_better = price > order.price if order.side is Side.BUY else price < order.price
    is_other_type = order.order_type is not OrderType.LIMIT
    total = tradable(turn, order.instrument, order.filled_quantity + quantity)
    if order.quantity == total and not is_other_type and not (is_due and is_better):
        return []
    return [
        ModifyWant(
            urgency=Urgency.PROTECT,
            order=order,
            order_type=OrderType.LIMIT,
            quantity=total,
            price=price if is_due or is_other_type else order.price,
            trigger_price=Paise(0),
            is_reprice=True,
        )
    ]


def _last_sent(track: Track) -> MachineTime:
    return max(track.mutated_at, track.planned_at)
