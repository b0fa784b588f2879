"""What a bracket still needs from the broker, as data: derived first, sent afterwards while the order budget lasts.

A want that is not sent now is derived again on the next step: nothing is queued, nothing can go stale in a queue.
"""

from dataclasses import dataclass
from enum import IntEnum

from trader.domain.evolving import quick
from trader.domain.state import Bracket, Order, Track
from trader.domain.tactics import Timing
from trader.domain.values import Leg, MachineTime, OrderType, Paise, Quantity, Side


class Urgency(IntEnum):
    """Which want goes first when the second's calls run short."""

    STOP_RISK = 0
    """Cancel what may still add risk."""
    PROTECT = 1
    """Stops, exits and the closing of reversals."""
    TIDY = 2
    """Cancel exits that are too many."""
    TRAIL = 3
    """Stops that follow the price."""
    PROFIT = 4
    """Targets."""


@quick
@dataclass(frozen=True, slots=True)
class PlaceWant:
    """A new order of a leg."""

    urgency: Urgency
    bracket: Bracket
    leg: Leg
    side: Side
    order_type: OrderType
    quantity: Quantity
    price: Paise
    trigger_price: Paise


@quick
@dataclass(frozen=True, slots=True)
class ModifyWant:
    """New terms for a standing order."""

    urgency: Urgency
    order: Order
    order_type: OrderType
    quantity: Quantity
    price: Paise
    trigger_price: Paise
    is_reprice: bool = False


@dataclass(frozen=True, slots=True)
class CancelWant:
    """A standing order that should not be there."""

    urgency: Urgency
    order: Order


Want = PlaceWant | ModifyWant | CancelWant

_LONGEST_DOUBLINGS = 4


def pause_after(failures: int, timing: Timing) -> int:
    """How long to wait after so many failures in a row: doubling, so that a refusing broker is not hammered."""
    return timing.retry_pause << min(max(failures - 1, 0), _LONGEST_DOUBLINGS) if failures else 0


def is_resting(track: Track, now: MachineTime, timing: Timing) -> bool:
    """Whether a refused or unheard modify or cancel of this order was too recent for another."""
    if track.unheard and now - track.mutated_at < pause_after(track.unheard, timing):
        return True
    return track.mutation_refusals > 0 and now - track.changed_at < pause_after(track.mutation_refusals, timing)
