"""The aiohttp application: routes together, errors into envelopes, every request into the truth log."""

import logging
from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web

from kitesim.errors import ControlRefused, KiteError, NotServed
from kitesim.simulator import Simulator
from kitesim.web import (
    calculators,
    control,
    gtts,
    login,
    openapi,
    orders,
    others,
    portfolio,
    postbacks,
    quotes,
    sessions,
)
from kitesim.web.control import CONTROL_TOKEN
from kitesim.web.replies import SIMULATOR, USER, failure
from kitesim.web.streaming import is_upgrade, stream

logger = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# Ten thousand pushed quotes with their depth.
_LARGEST_BODY = 16 * 1024 * 1024
_PAGE = resources.files("kitesim.web").joinpath("page.html").read_text()


async def front(request: web.Request) -> web.StreamResponse:
    """Serve `/`: the stream to a WebSocket client, the page to a browser."""
    if is_upgrade(request):
        return await stream(request)
    policy = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    return web.Response(text=_PAGE, content_type="text/html", headers={"Content-Security-Policy": policy})


async def only_stream(request: web.Request) -> web.StreamResponse:
    """Serve `/ws`, which is for WebSocket clients only."""
    if is_upgrade(request):
        return await stream(request)
    raise NotServed("Route not found")


@web.middleware
async def answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn every error into an envelope and write the request down."""
    try:
        reply = await handler(request)
    except KiteError as error:
        reply = failure(error)
    except ControlRefused as error:
        reply = web.json_response({"error": str(error)}, status=error.status)
    except web.HTTPException as error:
        text = {404: "Route not found", 405: "Method not allowed"}.get(error.status, error.reason)
        reply = failure(NotServed(text, status=error.status))
    except Exception:
        # The top frame of a request: one broken request never takes the exchange down.
        logger.exception("request_failed")
        reply = failure(KiteError("Something went wrong in kitesim; its log says what."))
    _write_down(request, reply.status)
    return reply


def _write_down(request: web.Request, status: int) -> None:
    """Log the request; those that only look at the simulation itself are left out."""
    if request.path == "/healthz" or (request.method == "GET" and request.path.startswith("/sim/")):
        return
    user = request.get(USER)
    request.app[SIMULATOR].log.write(
        "request",
        method=request.method,
        path=request.path,
        status=status,
        user_id=None if user is None else user.user_id,
        remote=request.remote,
    )


def build(simulator: Simulator, control_token: str | None) -> web.Application:
    """Return the application of a simulator."""
    application = web.Application(middlewares=[answer_errors], client_max_size=_LARGEST_BODY)
    application[SIMULATOR] = simulator
    application[CONTROL_TOKEN] = control_token or ""
    router = application.router
    for module in (login, sessions, orders, portfolio, gtts, calculators, quotes, others, control, openapi):
        module.add_routes(router)
    application.cleanup_ctx.append(postbacks.deliver)
    router.add_get("/", front)
    router.add_get("/ws", only_stream)
    return application
