"""Whether the state is quiescent: nothing is on its way, in doubt or owed, so that time alone brings nothing but idle reads.

A quiescent engine need not be told of every tenth of a second; whatever else happens is told at once, and ends the quiet.
"""

from collections.abc import Mapping

from trader.domain.brackets import held_quantity, live_orders
from trader.domain.state import Bracket, EngineState, Track
from trader.domain.values import Leg, OrderStatus, Tag, TradingState

_QUIET_STATES = (TradingState.LIVE, TradingState.PAPER, TradingState.HALTED, TradingState.CLOSED)


def is_quiescent(state: EngineState) -> bool:
    """True only when every open bracket stands with its stop and target at work, and no call, doubt or suspicion is pending."""
    control, durable = state.control, state.durable
    if control.trading_state not in _QUIET_STATES or control.suspicion is not None or control.kill_asked_at is not None:
        return False
    if durable.kill is not None and durable.flat_at is None:
        return False
    if control.agreements < control.agreements_needed or control.foreign_flow or not control.is_feed_up:
        return False
    tracks = control.tracks
    return all(_stands(bracket, tracks) for bracket in durable.open.values())


def ends_quiet(before: EngineState, after: EngineState) -> bool:
    """Whether a step out of a quiescent state ended the quiet. Cheap for most of them: a quote that brings nothing changes neither
    what is known of our orders nor what was decided.
    """
    if after.control is before.control and after.durable is before.durable:
        return False
    return not is_quiescent(after)


def _stands(bracket: Bracket, tracks: Mapping[Tag, Track]) -> bool:
    """Protected on both sides, and left alone."""
    live_of = bracket.orders.live_of
    if bracket.exiting or Leg.ENTRY in live_of or Leg.STOP not in live_of or Leg.TARGET not in live_of:
        return False
    for order in live_orders(bracket):
        track = tracks.get(order.tag)
        if order.status is not OrderStatus.WORKING or track is None:
            return False
        if track.mutation is not None or track.mutation_refusals or track.triggered_since is not None:
            return False
    return held_quantity(bracket) > 0
