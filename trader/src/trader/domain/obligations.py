"""The standing obligations of every open bracket, derived anew on each step: from what is, never from what happened.

A bracket runs (entry, stop, target), exits, or closes. It exits for a kill, at the end of its session, when the desk wants no
trading, when its stop cannot be placed or has been passed, and after a reversal; each is written down before it is acted on.
"""

from collections.abc import Iterable

from trader.domain.brackets import (
    entry_filled,
    exits_filled,
    held_quantity,
    live_orders,
    orders_of,
    refusals_in_a_row,
)
from trader.domain.calendars import ENDING
from trader.domain.doubt import Presence, presence
from trader.domain.exiting import exit_wants
from trader.domain.journal import without
from trader.domain.positions import cash_flow
from trader.domain.protecting import (
    cancel_wants,
    has_passed_stop,
    has_stop,
    is_stop_overdue,
    protection_wants,
)
from trader.domain.records import BracketClosed, BracketExiting
from trader.domain.sending import send_wants
from trader.domain.state import Bracket, Order
from trader.domain.turn import Turn
from trader.domain.values import SECOND, IntentId, KillReason, Leg, Paise, Standing, TradingState
from trader.domain.wants import Want

_DEFAULT_ENTRY_TIMEOUT = 10 * SECOND
_NO_ENTRIES = (TradingState.PAPER, TradingState.REDUCING, TradingState.HALTED, TradingState.CLOSED)


def meet_obligations(turn: Turn, intents: Iterable[IntentId]) -> None:
    """Do for these brackets what is due now; nothing at all without standing, or before the book was read (rules 1, 6)."""
    if turn.control.standing is Standing.NONE or turn.control.is_fenced:
        return
    wants: list[Want] = []
    for intent in intents:
        bracket = turn.durable.open.get(intent)
        if bracket is not None:
            wants += _bracket_wants(turn, bracket)
    if wants and turn.may_touch_broker:
        send_wants(turn, wants)


def _bracket_wants(turn: Turn, bracket: Bracket) -> list[Want]:
    held = held_quantity(bracket)
    if not bracket.exiting:
        reason = exit_reason(turn, bracket, held)
        if reason:
            turn.record(BracketExiting(turn.market_time, bracket.plan.intent, reason))
            turn.announce("bracket_exiting", intent=bracket.plan.intent, reason=reason, held=held)
            bracket = turn.durable.open[bracket.plan.intent]
    if held == 0 and not live_orders(bracket):
        close_bracket(turn, bracket)
        return []
    wants = cancel_wants(turn, [each for each in live_orders(bracket, Leg.ENTRY) if _must_go(turn, bracket, each)])
    if held == 0:
        return wants + cancel_wants(turn, _standing_exits(turn, bracket))
    if bracket.exiting:
        return wants + exit_wants(turn, bracket, held)
    return wants + protection_wants(turn, bracket)


def exit_reason(turn: Turn, bracket: Bracket, held: int) -> str:
    """Why this bracket may not run on; empty when it may."""
    if held < 0:
        return "reversed"
    if turn.is_killed:
        kill = turn.durable.kill
        return "end_of_day" if kill is not None and kill.reason is KillReason.END_OF_DAY else "killed"
    session, control = turn.market.session, turn.control
    if session is not None and (session.phase in ENDING or bracket.plan.market_time < session.start):
        return "session_end"
    if control.is_suspended or control.wants_live is False:
        return "suspended" if control.is_suspended else "paper_wanted"
    if bracket.plan.stop_price <= 0:
        return "adopted"
    return _unprotected_reason(turn, bracket) if held else ""


def _unprotected_reason(turn: Turn, bracket: Bracket) -> str:
    """Why a bracket that holds something cannot rely on its stop."""
    if refusals_in_a_row(bracket, Leg.STOP) >= turn.settings.tactics.stop_attempts:
        return "stop_refused"
    if has_passed_stop(turn, bracket) and not has_stop(turn, bracket):
        return "stop_passed"
    if is_stop_overdue(turn, bracket):
        return "stop_unfilled"
    return ""


def _must_go(turn: Turn, bracket: Bracket, entry: Order) -> bool:
    """Whether a live entry may not stay: rule 7 (an older epoch's), its time is up, or nothing new may be risked."""
    track, timing = turn.track(entry), turn.settings.timing
    if presence(entry, track, turn.now, timing) is not Presence.STANDING:
        return False
    return (
        bool(bracket.exiting)
        or entry.epoch < turn.control.epoch
        or exits_filled(bracket) > 0
        or turn.control.standing is not Standing.LEADER
        or turn.control.trading_state in _NO_ENTRIES
        or turn.now - track.planned_at > _entry_timeout(turn, bracket)
    )


def _entry_timeout(turn: Turn, bracket: Bracket) -> int:
    for strategy in turn.settings.strategies:
        if strategy.name == bracket.plan.strategy:
            return strategy.entry_timeout
    return _DEFAULT_ENTRY_TIMEOUT


def _standing_exits(turn: Turn, bracket: Bracket) -> list[Order]:
    timing = turn.settings.timing
    return [
        order
        for order in live_orders(bracket)
        if order.leg is not Leg.ENTRY and presence(order, turn.track(order), turn.now, timing) is Presence.STANDING
    ]


def close_bracket(turn: Turn, bracket: Bracket) -> None:
    """Write the end of a bracket that holds nothing and can fill nothing."""
    intent, profit = bracket.plan.intent, Paise(cash_flow(bracket))
    reason = closing_reason(bracket)
    turn.record(BracketClosed(turn.market_time, intent, reason, profit))
    turn.announce(
        "bracket_closed", intent=intent, instrument=bracket.plan.instrument, reason=reason, profit_paise=profit
    )
    tracks = turn.control.tracks
    for tag in bracket.orders:
        tracks = without(tracks, tag)
    turn.change_control(tracks=tracks)


def closing_reason(bracket: Bracket) -> str:
    """In one word, how it ended."""
    if bracket.exiting:
        return bracket.exiting
    if bracket.closed_outside:
        return "closed_outside"
    if not entry_filled(bracket):
        return "unfilled"
    has_stopped = any(order.filled_quantity for order in orders_of(bracket, Leg.STOP))
    return "stop" if has_stopped else "target"
