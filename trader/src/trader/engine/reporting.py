"""What the leader writes on its Lease beside its name (docs/seams.md §3), and nothing that a secret could hide in."""

import json

from trader.domain.values import Epoch
from trader.domain.views import StateView

PREFIX = "tradeops.dev/"


def annotations(epoch: Epoch, view: StateView | None) -> dict[str, str]:
    """The Lease's annotations; without a view (just won, not yet recovered) only the epoch, if there is one."""
    told = {f"{PREFIX}epoch": str(epoch)} if epoch else {}
    if view is None:
        return told
    return told | {f"{PREFIX}trading-state": view.trading_state.value, f"{PREFIX}report": json.dumps(report(view))}


def report(view: StateView) -> dict[str, object]:
    """The one JSON object that the operator mirrors into status."""
    kill = view.kill
    return {
        "config": view.config_hash,
        "kill": None
        if kill is None
        else {
            "id": kill.kill_id,
            "reason": kill.reason,
            "by": kill.by,
            "since": kill.market_time,
            "flatAt": view.flat_at,
        },
        "openPositions": sum(1 for position in view.positions if position.quantity),
        "workingOrders": view.working_orders,
        "heatPaise": view.heat,
        "dayProfitPaise": view.day_profit,
        "netLiquidationPaise": view.net_liquidation,
        "message": view.message,
    }
