"""What `/v1/state` answers, made from the engine's snapshot (docs/seams.md §5)."""

from dataclasses import dataclass
from typing import Any

from trader.domain.values import MarketTime, TradingState
from trader.domain.views import BracketView, OrderView, PositionView
from trader.engine.settings import Snapshot


@dataclass(frozen=True, slots=True)
class Shown:
    """Who answers, beside what the snapshot says."""

    session: str
    pod: str
    config_hash: str
    market_time: MarketTime | None
    message: str
    """What keeps the process from being ready; empty when nothing does."""


def state(shown: Shown, snapshot: Snapshot | None) -> dict[str, Any]:
    """The JSON object; a standby shows who it is and that it holds no picture."""
    view = snapshot.view if snapshot is not None else None
    kill = snapshot.kill if snapshot is not None else None
    message = shown.message or (snapshot.view_message or snapshot.message if snapshot is not None else "")
    return {
        "session": shown.session,
        "pod": shown.pod,
        "isLeader": snapshot is not None and snapshot.is_leader,
        "epoch": snapshot.epoch if snapshot is not None else 0,
        "tradingState": (snapshot.trading_state if snapshot is not None else TradingState.PAPER).value,
        "onPaper": snapshot is not None and snapshot.on_paper,
        "config": view.config_hash if view is not None else shown.config_hash,
        "marketTime": shown.market_time,
        "kill": None
        if kill is None
        else {
            "id": kill.kill_id,
            "reason": kill.reason.value,
            "by": kill.by,
            "note": kill.note,
            "since": kill.market_time,
            "flatAt": view.flat_at if view is not None and view.kill is not None else None,
        },
        "positions": [_position(each) for each in view.positions] if view is not None else [],
        "brackets": [_bracket(each) for each in view.brackets] if view is not None else [],
        "orders": {
            "placed": view.orders_placed if view is not None else 0,
            "working": view.working_orders if view is not None else 0,
            "inDoubt": view.in_doubt_orders if view is not None else 0,
        },
        "isFlat": view.is_flat if view is not None else None,
        "naked": view.naked if view is not None else 0,
        "orphans": view.orphans if view is not None else 0,
        "duplicates": view.duplicates if view is not None else 0,
        "heatPaise": view.heat if view is not None else 0,
        "dayProfitPaise": view.day_profit if view is not None else 0,
        "dayChargesPaise": view.day_charges if view is not None else 0,
        "netLiquidationPaise": view.net_liquidation if view is not None else 0,
        "message": message,
    }


def _position(position: PositionView) -> dict[str, Any]:
    return {
        "instrument": position.instrument,
        "quantity": position.quantity,
        "averagePricePaise": position.average_price,
        "lastPricePaise": position.last_price,
        "profitPaise": position.profit,
    }


def _bracket(bracket: BracketView) -> dict[str, Any]:
    return {
        "intent": bracket.intent,
        "instrument": bracket.instrument,
        "side": bracket.side.value,
        "quantity": bracket.quantity,
        "held": bracket.held,
        "state": bracket.state,
        "exiting": bracket.exiting,
        "entry": _order(bracket.entry),
        "stop": _order(bracket.stop),
        "target": _order(bracket.target),
        "exit": _order(bracket.exit),
    }


def _order(order: OrderView | None) -> dict[str, Any] | None:
    if order is None:
        return None
    return {
        "tag": order.tag,
        "orderId": order.order_id,
        "status": order.status.value,
        "quantity": order.quantity,
        "filledQuantity": order.filled_quantity,
        "pricePaise": order.price,
        "triggerPricePaise": order.trigger_price,
        "averagePricePaise": order.average_price,
        "message": order.message,
    }
