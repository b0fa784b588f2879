"""Views of one bracket: what it holds, what protects it, which attempt comes next.

Nothing here is triggered by events: `on_entry_fill()`, `order_exists()` and `OrderWatcher` answer from the orders as they are, so
that a replayed, late or reordered update asks for nothing twice (rule 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from trader.domain.state import Bracket, Order
from trader.domain.values import Epoch, Leg, OrderStatus, Paise, Side

# A takeover leaves this room for attempts that the predecessor made and no book shows yet (its emergency journal).
_TAKEOVER_STRIDE = 16


def held_quantity(bracket: Bracket) -> int:
    """What the bracket holds in its own direction; negative after both exits filled: a reversal."""
    total = bracket.closed_outside + bracket.orders.net
    return total if bracket.plan.side is Side.BUY else -total


def position_of(bracket: Bracket) -> int:
    """The same, signed as the exchange does: positive is long."""
    return held_quantity(bracket) * bracket.plan.side.sign


def orders_of(bracket: Bracket, leg: Leg) -> Iterator[Order]:
    """Orders of one leg, in the order of their planning."""
    return (order for order in bracket.orders.values() if order.leg is leg)


def live_orders(bracket: Bracket, leg: Leg | None = None) -> tuple[Order, ...]:
    """Orders that may still fill: in doubt counts."""
    return bracket.orders.live if leg is None else bracket.orders.live_of.get(leg, ())


def entry_filled(bracket: Bracket) -> int:
    """What the entry bought or sold so far."""
    return bracket.orders.entry_filled


def exits_filled(bracket: Bracket) -> int:
    """What stop, target and exits traded so far."""
    return bracket.orders.exits_filled


def entry_price(bracket: Bracket) -> int:
    """The average price of what the entry filled; the planned one before."""
    filled = bracket.orders.entry_filled
    return bracket.orders.entry_value // filled if filled else bracket.plan.entry_price


def stop_level(bracket: Bracket) -> Paise:
    """Where the bracket is wrong: the planned stop, or where a trail has brought it; a trail only ever tightens."""
    plan = bracket.plan
    level = plan.stop_price
    if plan.trail_distance:
        for order in orders_of(bracket, Leg.STOP):
            if order.trigger_price > 0 and (order.trigger_price - level) * plan.side.sign > 0:
                level = order.trigger_price
    return level


def order_exists(bracket: Bracket, leg: Leg) -> bool:
    """Whether an order of this leg is planned, in flight, in doubt or working."""
    return bool(live_orders(bracket, leg))


@dataclass(frozen=True, slots=True)
class Required:
    """Quantities that the legs of a bracket must cover now."""

    stop: int
    target: int


def on_entry_fill(bracket: Bracket) -> Required:
    """What the fills so far ask of stop and target; the same answer however often a fill is reported."""
    held = max(0, held_quantity(bracket))
    if bracket.exiting:
        return Required(stop=0, target=0)
    return Required(stop=held, target=held)


def next_attempt(bracket: Bracket, leg: Leg, epoch: Epoch) -> int:
    """A number that no order of this leg ever had, in whatever epoch."""
    highest, newest_epoch = -1, None
    for order in bracket.orders.values():
        if order.leg is leg:
            highest = max(highest, order.attempt)
        newest_epoch = max(order.epoch, newest_epoch or order.epoch)
    if newest_epoch is not None and newest_epoch < epoch:
        return (highest // _TAKEOVER_STRIDE + 1) * _TAKEOVER_STRIDE + _TAKEOVER_STRIDE
    return highest + 1


def refusals_in_a_row(bracket: Bracket, leg: Leg) -> int:
    """How many of the latest attempts of a leg the broker refused, without one that stood in between."""
    if not bracket.orders.has_failed:
        return 0
    count = 0
    for order in orders_of(bracket, leg):
        if order.status is OrderStatus.REJECTED:
            count += 1
        elif order.status is not OrderStatus.ABSENT:
            count = 0
    return count


def failures_in_a_row(bracket: Bracket, leg: Leg) -> int:
    """Refused and never-sent attempts since one stood: what the pause before the next one grows by."""
    if not bracket.orders.has_failed:
        return 0
    count = 0
    for order in orders_of(bracket, leg):
        if order.status in (OrderStatus.REJECTED, OrderStatus.ABSENT):
            count += 1
        else:
            count = 0
    return count


class OrderWatcher:
    """Watches the orders of one bracket: answers about entry, protection and siblings, never acts.

    Built anew from the bracket whenever it is asked, it cannot miss an update, nor see one twice.
    """

    __slots__ = ("bracket",)

    def __init__(self, bracket: Bracket) -> None:
        self.bracket = bracket

    @property
    def required(self) -> Required:
        """What stop and target must cover."""
        return on_entry_fill(self.bracket)

    @property
    def is_protected(self) -> bool:
        """Whether stops and exits that may still fill cover all that is held."""
        held = held_quantity(self.bracket)
        if held < 0:
            return False
        covered = sum(order.remaining for order in self.bracket.orders.values() if order.leg in (Leg.STOP, Leg.EXIT))
        return covered >= held

    @property
    def orphans(self) -> tuple[Order, ...]:
        """Exits that work for a bracket that holds nothing; one in doubt is counted there, nobody can cancel it yet."""
        if held_quantity(self.bracket) != 0:
            return ()
        exits = (order for order in live_orders(self.bracket) if order.leg is not Leg.ENTRY)
        return tuple(order for order in exits if order.status is not OrderStatus.IN_DOUBT)

    @property
    def is_reversed(self) -> bool:
        """Whether more was closed than was held: both exits filled."""
        return held_quantity(self.bracket) < 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is held and nothing can fill any more."""
        return held_quantity(self.bracket) == 0 and not live_orders(self.bracket)
