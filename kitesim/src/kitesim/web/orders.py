"""Order routes: https://kite.trade/docs/connect/v3/orders/"""

import json
from collections.abc import Iterable

from aiohttp import web

from kitesim.errors import OrderUnknown
from kitesim.exchange.orders import Order
from kitesim.limits import RequestClass
from kitesim.web.replies import Call, route, success, success_text


def _order(call: Call) -> Order:
    order = call.account.orders.get(call.segment("order_id"))
    if order is None:
        raise OrderUnknown
    return order


def _rows(rows: Iterable[str]) -> web.Response:
    return success_text(f"[{','.join(rows)}]")


async def place(call: Call) -> web.Response:
    """Serve `POST /orders/{variety}`."""
    order = call.simulator.desk.place(call.account, call.segment("variety"), await call.form())
    return success({"order_id": order.order_id})


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
    return _rows(order.history[-1] for order in call.account.orders.values())


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
