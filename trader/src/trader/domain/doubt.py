"""What an order without a clear answer counts as (rule 2: a time-out is not a rejection).

Doubt is asymmetric. An entry in doubt may be filling: it holds its full risk until the broker's book shows it, or until
95 s of books without it (Kite has kept an order invisible for 90 s: kite.trade/forum, comment 41029). A stop in doubt may be
missing: it counts as protection for 5 s at most, then the next attempt goes out, and a surplus is cancelled when it shows.
"""

from enum import Enum, auto

from trader.domain.state import Order, Track
from trader.domain.tactics import Timing
from trader.domain.values import Leg, MachineTime, OrderStatus


class Presence(Enum):
    """What may be assumed of an order at the broker right now."""

    PENDING = auto()
    """On its way, or a modify or cancel of it is: wait for the answer before touching the leg."""
    STANDING = auto()
    """There, with an order id, nothing in flight: it can be changed."""
    LOST = auto()
    """In doubt for longer than it may count: it protects nothing, and may still turn up."""
    OVER = auto()
    """Terminal."""


def presence(order: Order, track: Track, now: MachineTime, timing: Timing) -> Presence:
    """Judge one order."""
    status = order.status
    if status.is_terminal:
        return Presence.OVER
    if status is OrderStatus.IN_DOUBT:
        return Presence.LOST if is_doubt_expired(order, track, now, timing) else Presence.PENDING
    if order.order_id is None:
        # Planned, or sent and not yet answered: the commit or the call has a deadline of its own.
        waited = now - track.planned_at
        return Presence.LOST if order.leg in _REDUCING and waited > timing.commit_wait else Presence.PENDING
    if track.mutation is not None and now - track.mutation.sent_at <= timing.mutation_wait:
        return Presence.PENDING
    return Presence.STANDING


_REDUCING = (Leg.STOP, Leg.EXIT)


def is_doubt_expired(order: Order, track: Track, now: MachineTime, timing: Timing) -> bool:
    """Stops and exits are believed for 5 s; entries and targets until the book proves their absence."""
    if order.leg not in _REDUCING:
        return False
    since = track.doubt_since if track.doubt_since is not None else track.planned_at
    return now - since > timing.stop_doubt


def is_old_enough(track: Track, requested_at: MachineTime, timing: Timing) -> bool:
    """Whether a book asked for at `requested_at` would show the order by now, if it existed."""
    since = track.doubt_since if track.doubt_since is not None else track.planned_at
    return requested_at - since >= timing.absence_proof


def is_proved_absent(track: Track, requested_at: MachineTime, timing: Timing) -> bool:
    """Whether a book without the order, asked for at `requested_at`, is proof that it never existed.

    One read may be cut short by the broker: it takes two, both asked for after the doubt has lasted 95 s.
    """
    return is_old_enough(track, requested_at, timing) and track.absent_reads >= 1
