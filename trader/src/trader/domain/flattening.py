"""Flat is our own quantity at zero and none of our orders working, by the broker's word (rule 5).

The proof: a book and a positions read, both asked for after our last order event, that agree. While anything is in doubt, flat is
provisional: an entry in doubt may still fill. Under a kill the proof is written down, with its time.
"""

from enum import Enum, auto

from trader.domain.brackets import held_quantity, live_orders
from trader.domain.records import FlatProven
from trader.domain.state import EngineState
from trader.domain.turn import Turn
from trader.domain.values import OrderStatus, Standing


class Flatness(Enum):
    """How flat we are."""

    NOT_FLAT = auto()
    PROVISIONAL = auto()
    """Nothing held, nothing known to work; orders in doubt remain."""
    UNPROVED = auto()
    """Flat by our own account; the broker has yet to confirm it."""
    PROVED = auto()


def flatness(state: EngineState | Turn) -> Flatness:
    """Judge the state as it is."""
    has_doubt = False
    for bracket in state.durable.open.values():
        if held_quantity(bracket):
            return Flatness.NOT_FLAT
        for order in live_orders(bracket):
            if order.status is not OrderStatus.IN_DOUBT:
                return Flatness.NOT_FLAT
            has_doubt = True
    if has_doubt:
        return Flatness.PROVISIONAL
    control = state.control
    book_at, positions_at = control.book.requested_at, control.positions.requested_at
    after = max(control.touched_at, control.gained_at)
    is_read = book_at is not None and positions_at is not None and min(book_at, positions_at) >= after
    is_proved = is_read and control.position_agreements > 0 and control.suspicion is None
    return Flatness.PROVED if is_proved else Flatness.UNPROVED


def prove_flat(turn: Turn) -> None:
    """Under a kill, write down once when flat was proved."""
    kill = turn.durable.kill
    if kill is None or turn.durable.flat_at is not None or turn.control.standing is Standing.NONE:
        return
    if flatness(turn) is Flatness.PROVED:
        turn.record(FlatProven(turn.market_time, kill.kill_id))
        turn.announce("flat_proven", kill=kill.kill_id, reason=kill.reason.value)
