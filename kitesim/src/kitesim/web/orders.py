"""Order routes: https://kite.trade/docs/connect/v3/orders/"""

import json
from collections.abc import Iterable

from aiohttp import web

from kitesim.clocks import machine_unix_ns
from kitesim.errors import KiteError, OrderUnknown
from kitesim.exchange.orders import Order
from kitesim.limits import RequestClass
from kitesim.web.replies import Call, route, success, success_text


def _order(call: Call) -> Order:
    order = call.account.orders.get(call.segment("order_id"))
    if order is None or call.simulator.faults.hides(order.order_id, machine_unix_ns()):
        raise OrderUnknown
    return order


def _rows(rows: Iterable[str]) -> web.Response:
    return success_text(f"[{','.join(rows)}]")


async def place(call: Call) -> web.Response:
    """Serve `POST /orders/{variety}`; with `autoslice` in one of the two shapes that are on record."""
    variety, fields, desk = call.segment("variety"), await call.form(), call.simulator.desk
    # Go and Java write `true`, a PHP boolean is `1` in a form.
    if fields.get("autoslice", "").lower() not in ("true", "1"):
        order = desk.place(call.account, variety, fields)
        iceberg = order.request.iceberg
        if iceberg is not None:
            call.simulator.limiter.add_to_day(call.user.user_id, len(iceberg.quantities) - 1)
        return success({"order_id": order.order_id})
    placed = desk.place_sliced(call.account, variety, fields)
    call.simulator.limiter.add_to_day(call.user.user_id, len(placed) - 1)
    slices = [_slice(each) for each in placed]
    if call.simulator.config.rules.autoslice_shape == "flat":
        return success(slices)
    # autoslice_response.json of zerodha/kiteconnect-mocks; that the parent is the first slice is an assumption.
    return success(slices[0] | {"children": slices[1:]})


def _slice(placed: Order | KiteError) -> dict[str, object]:
    if isinstance(placed, Order):
        return {"order_id": placed.order_id}
    error = {"code": placed.status, "error_type": placed.error_type, "message": placed.message, "data": placed.data}
    return {"error": error}


async def modify(call: Call) -> web.Response:
    """Serve `PUT /orders/{variety}/{order_id}`."""
    order = call.simulator.desk.modify(call.account, call.segment("order_id"), await call.form())
    return success({"order_id": order.order_id})


async def cancel(call: Call) -> web.Response:
    """Serve `DELETE /orders/{variety}/{order_id}`."""
    order = call.simulator.desk.cancel(call.account, call.segment("order_id"))
    return success({"order_id": order.order_id})


async def book(call: Call) -> web.Response:
    """Serve `GET /orders`: the day's orders, oldest first."""
    faults, now = call.simulator.faults, machine_unix_ns()
    orders = (order for order in call.account.orders.values() if not faults.hides(order.order_id, now))
    return _rows(order.history[-1] for order in orders)


async def history(call: Call) -> web.Response:
    """Serve `GET /orders/{order_id}`: every state of an order, oldest first."""
    return _rows(_order(call).history)


async def trades(call: Call) -> web.Response:
    """Serve `GET /trades`."""
    return _rows(json.dumps(trade.row()) for trade in call.account.trades)


async def order_trades(call: Call) -> web.Response:
    """Serve `GET /orders/{order_id}/trades`."""
    order = _order(call)
    return _rows(json.dumps(trade.row()) for trade in call.account.order_trades.get(order.order_id, []))


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_post("/orders/{variety}", route(place, RequestClass.PLACE))
    router.add_put("/orders/{variety}/{order_id}", route(modify, RequestClass.CHANGE))
    router.add_delete("/orders/{variety}/{order_id}", route(cancel, RequestClass.CHANGE))
    router.add_get("/orders", route(book, RequestClass.OTHER))
    router.add_get("/orders/{order_id}", route(history, RequestClass.OTHER))
    router.add_get("/orders/{order_id}/trades", route(order_trades, RequestClass.OTHER))
    router.add_get("/trades", route(trades, RequestClass.OTHER))
