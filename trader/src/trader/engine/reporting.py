"""What the leader writes on its Lease beside its name (docs/seams.md §3), and nothing that a secret could hide in."""

import json
from collections.abc import Callable

from trader.domain.values import Epoch, MarketTime, TradingState
from trader.domain.views import StateView
from trader.engine.settings import told_message, told_state

PREFIX = "tradeops.dev/"


def annotations(
    epoch: Epoch, view: StateView | None, wall_time: Callable[[MarketTime], int], *, on_paper: bool = False
) -> dict[str, str]:
    """The Lease's annotations. Without a view (just won, not yet recovered) they say so, and nothing of the predecessor stays."""
    if view is None:
        return {f"{PREFIX}epoch": "", f"{PREFIX}trading-state": TradingState.RECOVERING.value, f"{PREFIX}report": ""}
    return {
        f"{PREFIX}epoch": str(epoch),
        f"{PREFIX}trading-state": told_state(view, on_paper=on_paper).value,
        f"{PREFIX}report": json.dumps(report(view, wall_time, on_paper=on_paper)),
    }


def report(view: StateView, wall_time: Callable[[MarketTime], int], *, on_paper: bool = False) -> dict[str, object]:
    """The one JSON object that the operator mirrors into status; its times are people's (Unix ns), not the market's."""
    kill = view.kill
    return {
        "config": view.config_hash,
        "kill": None
        if kill is None
        else {
            "id": kill.kill_id,
            "reason": f"{kill.reason}: {kill.note}" if kill.note else kill.reason.value,
            "by": kill.by,
            "since": wall_time(kill.market_time),
            "flatAt": None if view.flat_at is None else wall_time(view.flat_at),
        },
        "openPositions": sum(1 for position in view.positions if position.quantity),
        "workingOrders": view.working_orders,
        "heatPaise": view.heat,
        "dayProfitPaise": view.day_profit,
        "netLiquidationPaise": view.net_liquidation,
        "message": told_message(view, on_paper=on_paper),
        "onPaper": on_paper,
    }
