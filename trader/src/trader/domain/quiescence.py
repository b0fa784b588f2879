"""Whether the state is quiescent: nothing is on its way, in doubt or owed, so that time alone brings nothing but idle reads.

A quiescent engine need not be told of every tenth of a second; whatever else happens is told at once, and ends the quiet.
"""

from trader.domain.brackets import held_quantity, live_orders
from trader.domain.state import Bracket, EngineState
from trader.domain.values import Leg, OrderStatus, TradingState

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
    return all(_stands(state, bracket) for bracket in durable.open.values())


def _stands(state: EngineState, bracket: Bracket) -> bool:
    """Protected on both sides, and left alone."""
    if bracket.exiting or held_quantity(bracket) <= 0:
        return False
    working = set()
    for order in live_orders(bracket):
        track = state.control.tracks.get(order.tag)
        if order.status is not OrderStatus.WORKING or order.leg is Leg.ENTRY or track is None:
            return False
        if track.mutation is not None or track.mutation_refusals or track.triggered_since is not None:
            return False
        working.add(order.leg)
    return Leg.STOP in working and Leg.TARGET in working
