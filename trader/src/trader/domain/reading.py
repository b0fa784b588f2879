"""When to read the broker's book, positions and funds: often while something is unsettled, seldom otherwise.

Kite sends no update for a plain placement and repeats none that was missed (kite.trade/forum, 5230, 4217), so what the stream said
is always checked by reads. One read of a kind is in flight at a time.
"""

from trader.domain.brackets import live_orders
from trader.domain.effects import ReadBook, ReadFunds, ReadPositions
from trader.domain.evolving import evolve
from trader.domain.flattening import Flatness, flatness
from trader.domain.state import ReadTrack, Track
from trader.domain.turn import Turn
from trader.domain.values import MILLISECOND, SECOND, OrderStatus, Standing

_DOUBT_READ_FIRST = 250 * MILLISECOND
_DOUBT_READ_LAST = 2 * SECOND
_REFUSAL_NEWS = 5 * SECOND


def ask_reads(turn: Turn) -> None:
    """Ask for the reads that are due."""
    if turn.control.standing is Standing.NONE or turn.control.is_fenced:
        return
    timing = turn.settings.timing
    pace = _pace(turn)
    book_pace = min(pace, _doubt_pace(turn))
    control, asked = turn.control, {}
    if _is_due(turn, control.book, book_pace):
        turn.others.append(ReadBook())
        asked["book"] = _asked(turn, control.book)
    if _is_due(turn, control.positions, pace):
        turn.others.append(ReadPositions())
        asked["positions"] = _asked(turn, control.positions)
    if _is_due(turn, control.funds, timing.idle_read):
        turn.others.append(ReadFunds())
        asked["funds"] = _asked(turn, control.funds)
    if asked:
        turn.change_control(**asked)


def _pace(turn: Turn) -> int:
    timing = turn.settings.timing
    if is_suspicious(turn):
        return timing.suspicious_read
    if is_unsettled(turn):
        return timing.recovering_read
    is_working = any(map(live_orders, turn.durable.open.values()))
    return timing.working_read if is_working else timing.idle_read


def is_suspicious(turn: Turn) -> bool:
    """Whether somebody else may just have traded: our legs of a position that he closed must go within a second (rule 8)."""
    control = turn.control
    positions_at = control.positions.requested_at
    has_moved = control.foreign_moved_at > 0 and (positions_at is None or positions_at < control.foreign_moved_at)
    return control.suspicion is not None or has_moved or bool(control.foreign_flow)


def is_unsettled(turn: Turn) -> bool:
    """Whether something waits for the broker's word: a recovery, a flatten without proof, a pending mutation."""
    control = turn.control
    if control.agreements < control.agreements_needed:
        return True
    for track in control.tracks.values():
        if (track.mutation is not None or track.mutation_refusals) and _awaits_word(turn, track):
            return True
    if turn.is_killed or any(bracket.exiting for bracket in turn.durable.open.values()):
        # While only doubt is left, the book is looked at as often as doubt asks for.
        return flatness(turn) in (Flatness.NOT_FLAT, Flatness.UNPROVED)
    return False


def _awaits_word(turn: Turn, track: Track) -> bool:
    """A modify or cancel in flight, or one refused a moment ago: the book knows why."""
    return track.mutation is not None or (track.mutation_refusals > 0 and turn.now - track.changed_at < _REFUSAL_NEWS)


def _doubt_pace(turn: Turn) -> int:
    """Orders in doubt are looked for after 250 ms, then ever more slowly, every 2 s at last; new ones get a look too."""
    pace = turn.settings.timing.idle_read
    for bracket in turn.durable.open.values():
        for order in live_orders(bracket):
            if order.status is OrderStatus.SENT:
                pace = min(pace, SECOND)
            elif order.status is OrderStatus.IN_DOUBT:
                since = turn.track(order).doubt_since
                if since is not None:
                    pace = min(pace, max(_DOUBT_READ_FIRST, min(_DOUBT_READ_LAST, (turn.now - since) // 4)))
    return pace


def _is_due(turn: Turn, track: ReadTrack, pace: int) -> bool:
    if track.asked_at is None:
        return True
    if track.is_pending:
        return turn.now - track.asked_at >= turn.settings.timing.read_wait
    return turn.now - track.asked_at >= pace


def _asked(turn: Turn, track: ReadTrack) -> ReadTrack:
    return evolve(track, asked_at=turn.now, is_pending=True)


def on_read_failed(turn: Turn, what: str) -> None:
    """A failed read is no evidence of anything; it is asked for again at its pace."""
    if what in ("book", "positions", "funds"):
        track: ReadTrack = getattr(turn.control, what)
        turn.change_control(**{what: evolve(track, is_pending=False)})
