"""Envelopes, forms and the guard in front of every Kite route."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import web

from kitesim.errors import AddressRefused, InputRefused, KiteError, TokenRefused
from kitesim.exchange.accounts import Account
from kitesim.limits import RequestClass
from kitesim.simulator import Simulator
from kitesim.users import INCORRECT, User
from kitesim.web import faulting

logger = logging.getLogger(__name__)
SIMULATOR = web.AppKey("simulator", Simulator)
USER = web.RequestKey("user", User)
KiteHandler = Callable[["Call"], Awaitable[web.StreamResponse]]
_MOST_FIELDS = 1000
_MOST_ITEMS = 500


class Call:
    """One authenticated request."""

    def __init__(self, request: web.Request, user: User) -> None:
        self.request = request
        self.simulator = request.app[SIMULATOR]
        self.user = user

    @property
    def account(self) -> Account:
        """The account of the user."""
        return self.simulator.accounts[self.user.user_id]

    def segment(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    async def items(self) -> list[dict[str, object]]:
        """Return the objects of a JSON list.

        Raises:
            InputRefused: the body is not a list of objects.
        """
        try:
            items = json.loads(await self.request.read())
        except (ValueError, RecursionError):
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InputRefused("Invalid body. Expected a JSON list of orders.")
        if len(items) > _MOST_ITEMS:
            raise InputRefused(f"Too many orders. Expected at most {_MOST_ITEMS}, was {len(items)}.")
        return items

    async def form(self) -> dict[str, str]:
        """Return the fields of a form body; the last of a repeated field counts."""
        return await form(self.request)


async def form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form body.

    Raises:
        InputRefused: the body is not a form.
    """
    body = await request.read()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise InputRefused("Invalid body. Expected a form (application/x-www-form-urlencoded) in UTF-8.") from None


def success(data: object) -> web.Response:
    """Return the success envelope: https://kite.trade/docs/connect/v3/response-structure/"""
    return success_text(json.dumps(data, separators=(",", ":")))


def success_text(data: str) -> web.Response:
    """Return the success envelope around JSON text."""
    return web.Response(body=f'{{"status":"success","data":{data}}}'.encode(), content_type="application/json")


def failure(error: KiteError) -> web.Response:
    """Return the error envelope: https://kite.trade/docs/connect/v3/exceptions/"""
    body = {"status": "error", "message": error.message, "data": error.data, "error_type": error.error_type}
    return web.json_response(body, status=error.status)


def authenticate(request: web.Request) -> User:
    """Return the user of the `Authorization: token api_key:access_token` header.

    Raises:
        TokenRefused: no such session.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    api_key, _, access_token = credentials.partition(":")
    if scheme != "token":
        raise TokenRefused(INCORRECT)
    simulator = request.app[SIMULATOR]
    user = simulator.users.check(api_key, access_token, simulator.clock.now_ns())
    request[USER] = user
    return user


def route(handler: KiteHandler, request_class: RequestClass) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler behind session, rate limit and faults."""
    slow = request_class in (RequestClass.PLACE, RequestClass.CHANGE)

    async def guarded(request: web.Request) -> web.StreamResponse:
        simulator = request.app[SIMULATOR]
        user = authenticate(request)
        _check_address(request, slow)
        simulator.limiter.admit(user.user_id, request_class)
        call = Call(request, user)
        tag = (await call.form()).get("tag") if simulator.faults.any() and slow else None
        before = faulting.strike(simulator, request, "before", user.user_id, tag)
        if before is not None and (refusal := await faulting.before(before, request)) is not None:
            return refusal
        reply = await handler(call)
        after = faulting.strike(simulator, request, "after", user.user_id, tag)
        if after is not None:
            return faulting.after(simulator, after, request, reply)
        if slow and simulator.config.latencies.reply_ms:
            await asyncio.sleep(simulator.config.latencies.reply_ms / 1000)
        return reply

    return guarded


def _check_address(request: web.Request, is_order_route: bool) -> None:
    """Refuse order requests from addresses that are not registered: https://kite.trade/forum/discussion/15912"""
    rules = request.app[SIMULATOR].config.rules
    guarded = is_order_route or (rules.static_ips_guard_gtt and request.path.startswith("/gtt/"))
    if guarded and rules.static_ips and request.remote not in rules.static_ips:
        raise AddressRefused(request.remote or "")
