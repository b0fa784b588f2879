"""What a fault does to one request: before its effect, or after it.

Used by every Kite route and by the upgrade of the stream. The reply that a fault makes is one that the real thing was
seen to give; sources beside each.
"""

import asyncio
import json

from aiohttp import web

from kitesim.clocks import machine_unix_ns
from kitesim.errors import AddressRefused, KiteError, RateLimited, TokenRefused
from kitesim.faults import FaultSpec
from kitesim.simulator import Simulator
from kitesim.users import INCORRECT

_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


def strike(
    simulator: Simulator, request: web.Request, point: str, user_id: str, tag: str | None = None
) -> FaultSpec | None:
    """Return the fault that strikes this request here, and write it down."""
    fault = simulator.faults.strike(
        point, machine_unix_ns(), user_id, method=request.method, path=request.path, tag=tag
    )
    if fault is not None:
        simulator.log.write(
            "fault", fault=fault.kind, method=request.method, path=request.path, user_id=user_id, tag=tag
        )
    return fault


async def before(fault: FaultSpec, request: web.Request) -> web.StreamResponse | None:
    """Do what a fault does before the request has any effect; None lets it go on.

    Raises:
        RateLimited: a 429 out of the blue.
        TokenRefused: the session is said to have ended.
        AddressRefused: the address is said not to be registered; order routes only, as at Kite.
    """
    match fault.kind:
        case "delay":
            await asyncio.sleep(fault.delay_ms / 1000)
            return None
        case "rate-limit":
            raise RateLimited("Too many requests")
        case "token-expired":
            raise TokenRefused(INCORRECT)
        case "ip-refused":
            if request.method == "GET" or not request.path.startswith("/orders/"):
                return None
            raise AddressRefused(request.remote or "")
        case "bad-gateway":
            page = f"<html><h1>{fault.status} {_REASONS[fault.status]}</h1></html>"
            return web.Response(status=fault.status, text=page, content_type="text/html")
        case _:
            return cut(request)


def after(
    simulator: Simulator, fault: FaultSpec, request: web.Request, reply: web.StreamResponse
) -> web.StreamResponse:
    """Do what a fault does when the request has had its effect.

    Raises:
        KiteError: "timed out" on something that was accepted.
    """
    if fault.hidden_ms and request.method == "POST" and isinstance(reply, web.Response) and reply.status == 200:
        for order_id in _order_ids(reply):
            simulator.faults.hide(order_id, machine_unix_ns() + int(fault.hidden_ms * 1e6))
    match fault.kind:
        case "timed-out":
            # Served with code 400 while the order later filled: https://kite.trade/forum/discussion/comment/35732
            raise KiteError(
                "Order request timed out. Please check the order book and confirm before placing again.", status=400
            )
        case "late-book":
            return reply
        case _:
            return cut(request)


def _order_ids(reply: web.Response) -> list[str]:
    body = reply.body
    data = json.loads(body).get("data") if isinstance(body, bytes) else None
    if not isinstance(data, dict):
        return []
    rows = [data, *data.get("children", [])]
    return [str(row["order_id"]) for row in rows if "order_id" in row]


def cut(request: web.Request) -> web.Response:
    """Cut the connection; the client sees a reset and no reply."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=504, text="the reply was dropped")
