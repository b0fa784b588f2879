"""The trading state, derived from everything that bears on it; and in words, what keeps it from LIVE.

PAPER → RECOVERING → LIVE; REDUCING protects and exits only; HALTED stands with a kill; CLOSED after the day. It is a function of
the present alone, so nothing can be missed on the way. Leaving LIVE raises the risk generation: what was decided before it is
not sent any more.
"""

from trader.domain.calendars import ENDING
from trader.domain.flattening import Flatness, flatness
from trader.domain.turn import Turn
from trader.domain.values import KillReason, Standing, TradingState

_S = TradingState


def refresh_state(turn: Turn) -> None:
    """Derive the trading state anew and note what changed."""
    control = turn.control
    state, message = judge_state(turn)
    if state is control.trading_state and message == control.message:
        return
    generation = control.risk_generation
    if control.trading_state is _S.LIVE and state is not _S.LIVE:
        generation += 1
    if state is not control.trading_state and control.standing is not Standing.NONE:
        turn.announce("trading_state_changed", before=control.trading_state.value, now=state.value, message=message)
    was_live = state is _S.LIVE or (control.was_live and state is not _S.PAPER)
    turn.change_control(trading_state=state, message=message, risk_generation=generation, was_live=was_live)


def judge_state(turn: Turn) -> tuple[TradingState, str]:
    """The state, and what keeps it from LIVE; the first reason that applies."""
    control = turn.control
    if control.standing is Standing.NONE or control.is_fenced:
        return _S.PAPER, "does not lead"
    if turn.is_killed:
        return _killed(turn)
    missing = _missing_agreement(turn)
    if missing and not control.was_live:
        return _S.RECOVERING, missing
    ending = _ending(turn) or _reduced(turn)
    if ending is not None:
        return ending
    missing = missing or _missing_means(turn)
    return (_S.RECOVERING, missing) if missing else (_S.LIVE, "")


def _is_flat(turn: Turn) -> bool:
    """Nothing held, nothing at work or in doubt: by our own account at least."""
    return flatness(turn) in (Flatness.PROVED, Flatness.UNPROVED)


def _ending(turn: Turn) -> tuple[TradingState, str] | None:
    """The day is over, or the desk wants no trading: closed or at rest once flat."""
    session, control = turn.market.session, turn.control
    if session is not None and session.ends_day and session.phase in ENDING:
        is_over = _is_flat(turn)
        return (_S.CLOSED, "the session is over") if is_over else (_S.REDUCING, "the session ends: closing positions")
    if control.is_suspended or not control.wants_live:
        wish = "suspended" if control.is_suspended else "live trading is not wanted"
        return (_S.PAPER, wish) if _is_flat(turn) else (_S.REDUCING, f"{wish}: closing positions")
    return None


def _reduced(turn: Turn) -> tuple[TradingState, str] | None:
    """A proof of leadership or a gate is missing: protect and exit only."""
    control = turn.control
    if control.standing is not Standing.LEADER:
        return _S.REDUCING, "the lease is lost" if control.standing is Standing.EPOCH_ONLY else "the database is away"
    if not control.preflight_passed:
        state = _S.REDUCING if control.was_live and not _is_flat(turn) else _S.RECOVERING
        return state, control.preflight_message
    return None


def _killed(turn: Turn) -> tuple[TradingState, str]:
    kill = turn.durable.kill
    if kill is None:
        return _S.HALTED, "killing itself: the daily loss is reached"
    if kill.reason is KillReason.END_OF_DAY and _is_flat(turn):
        return _S.CLOSED, "the day was ended"
    return _S.HALTED, f"kill {kill.kill_id} stands ({kill.reason.value}): {kill.note}"


def _missing_agreement(turn: Turn) -> str:
    """What the broker still has to confirm since leadership was gained, or since the stream was lost."""
    control = turn.control
    if not control.is_feed_up:
        return "the stream is down"
    if control.agreements < control.agreements_needed:
        return f"the order book agreed {control.agreements} of {control.agreements_needed} times"
    positions_at = control.positions.requested_at
    if positions_at is None or positions_at < control.gained_at:
        return "the positions are not read yet"
    return "the positions differ from our fills" if control.suspicion is not None else ""


def _missing_means(turn: Turn) -> str:
    control = turn.control
    if not control.instruments:
        return "the instrument master is not loaded"
    if control.profile is None:
        return "no risk profile is applied"
    return "the funds are not read yet" if not control.net_liquidation else ""
