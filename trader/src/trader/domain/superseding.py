"""Whether an attempt at a leg is still wanted in the moment in which it would leave.

Between its decision and its send lies a commit, of a second at most. What was missing then may have been heard of since: a process
that was stopped, say, judges its doubts before it hears the answers that wait for it. Then one order of the leg is there, and the
next one must not leave (rule 3).
"""

from trader.domain.brackets import live_orders
from trader.domain.effects import PlaceOrder
from trader.domain.state import EngineState
from trader.domain.values import Leg, OrderStatus

_HEARD_OF = (OrderStatus.SENT, OrderStatus.WORKING)


def is_superseded(state: EngineState, order: PlaceOrder) -> bool:
    """True when another stop or target of the same bracket is acknowledged, and nothing puts it in doubt."""
    bracket = state.durable.open.get(order.intent)
    if bracket is None or order.leg not in (Leg.STOP, Leg.TARGET):
        return False
    return any(
        each.tag != order.tag and each.order_id is not None and each.status in _HEARD_OF
        for each in live_orders(bracket, order.leg)
    )
