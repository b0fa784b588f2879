"""GTT routes: https://kite.trade/docs/connect/v3/gtt/"""

from aiohttp import web

from kitesim.exchange.gtts import Gtt
from kitesim.limits import RequestClass
from kitesim.web.replies import Call, route, success


def _id(gtt: Gtt) -> web.Response:
    return success({"trigger_id": gtt.trigger_id})


async def place(call: Call) -> web.Response:
    """Serve `POST /gtt/triggers`."""
    return _id(call.simulator.desk.gtts.place(call.user.user_id, await call.form()))


async def modify(call: Call) -> web.Response:
    """Serve `PUT /gtt/triggers/{id}`: a full replacement."""
    return _id(call.simulator.desk.gtts.modify(call.user.user_id, call.segment("trigger_id"), await call.form()))


async def delete(call: Call) -> web.Response:
    """Serve `DELETE /gtt/triggers/{id}`."""
    return _id(call.simulator.desk.gtts.delete(call.user.user_id, call.segment("trigger_id")))


async def listed(call: Call) -> web.Response:
    """Serve `GET /gtt/triggers`: the active ones, and those that ended within seven days."""
    return success(call.simulator.desk.gtts.rows(call.user.user_id))


async def one(call: Call) -> web.Response:
    """Serve `GET /gtt/triggers/{id}`: at any time."""
    return success(call.simulator.desk.gtts.get(call.user.user_id, call.segment("trigger_id")).row())


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_post("/gtt/triggers", route(place, RequestClass.OTHER))
    router.add_get("/gtt/triggers", route(listed, RequestClass.OTHER))
    router.add_put("/gtt/triggers/{trigger_id}", route(modify, RequestClass.OTHER))
    router.add_get("/gtt/triggers/{trigger_id}", route(one, RequestClass.OTHER))
    router.add_delete("/gtt/triggers/{trigger_id}", route(delete, RequestClass.OTHER))
