"""The control routes: log in without a page, read the clock and the truth, move prices, make faults.

Open on loopback; from elsewhere they ask for `Authorization: Bearer TOKEN`.
"""

import asyncio
import hmac
import ipaddress
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from kitesim.clocks import SECOND, machine_unix_ns
from kitesim.errors import ControlRefused, KiteError
from kitesim.faults import FaultSpec
from kitesim.market.feeding import FedTick
from kitesim.market.listing import ListedContract
from kitesim.simulator import Simulator
from kitesim.web.replies import SIMULATOR

CONTROL_TOKEN = web.AppKey("control_token", str)
UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,20}$")]
_LARGEST_PAGE = 10_000
# Walking time forward lets everybody else have a turn this often.
_LONGEST_STEP_SECONDS = 0.05
_MOST_STEPS = 200_000
Handler = Callable[[Simulator, web.Request], Awaitable[object]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Model = TypeVar("_Model", bound=BaseModel)


class LoginBody(_Body):
    """`POST /sim/login`."""

    user_id: UserId


class UserBody(_Body):
    """`POST /sim/user`."""

    user_id: UserId
    funds: float = Field(ge=0, le=1e13, allow_inf_nan=False)


class PriceBody(_Body):
    """`POST /sim/price`: rupees, and machine seconds for which the price stays."""

    instrument: str
    price: float = Field(gt=0, le=4e7, allow_inf_nan=False)
    hold_seconds: float = Field(0.0, ge=0, le=86_400)


class ClockBody(_Body):
    """`POST /sim/clock`: another speed, a move forward, or both; with `tick_seconds` the move is walked."""

    speed: float | None = Field(None, ge=0, le=100_000)
    # The paths of all the days on the way are walked at once, and everybody waits: a month takes seconds.
    advance_seconds: float = Field(0.0, ge=0, le=31 * 86_400)
    tick_seconds: float | None = Field(None, ge=0.05, le=86_400)

    @model_validator(mode="after")
    def _few_steps(self) -> "ClockBody":
        if self.tick_seconds is not None and self.advance_seconds / self.tick_seconds > _MOST_STEPS:
            raise ValueError(f"advance_seconds / tick_seconds: at most {_MOST_STEPS} steps in one call")
        return self


class FundsBody(_Body):
    """`POST /sim/funds`: rupees paid in, or out when negative."""

    user_id: UserId
    amount: float = Field(ge=-1e13, le=1e13, allow_inf_nan=False)


class OrderBody(_Body):
    """`POST /sim/order`: the fields of `POST /orders/{variety}`."""

    user_id: UserId
    variety: str = "regular"
    order: dict[str, str | int | float] = Field(max_length=50)


class GttBody(_Body):
    """`POST /sim/gtt`: what the broker does to an active trigger, and why."""

    user_id: UserId
    trigger_id: int
    status: Literal["disabled", "cancelled", "rejected"]
    reason: str = Field("", max_length=200)


class QuotesBody(_Body):
    """`POST /sim/quotes`: what the market follows from now on."""

    quotes: list[FedTick] = Field(max_length=10_000)


class InstrumentsBody(_Body):
    """`POST /sim/instruments`: contracts that the market shall list."""

    instruments: list[ListedContract] = Field(max_length=10_000)


async def _body(request: web.Request, model: type[_Model]) -> _Model:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise ControlRefused(problems) from error


async def login(simulator: Simulator, request: web.Request) -> object:
    """Give a request token to a user, who is made when he does not exist."""
    body = await _body(request, LoginBody)
    user = simulator.add_user(body.user_id)
    token = simulator.users.request_token(user, simulator.clock.now_ns())
    return {"api_key": user.api_key, "api_secret": user.api_secret, "request_token": token}


async def user(simulator: Simulator, request: web.Request) -> object:
    """Set a user's funds and empty his book."""
    body = await _body(request, UserBody)
    made = simulator.add_user(body.user_id, body.funds)
    return {"user_id": made.user_id, "api_key": made.api_key, "funds": body.funds}


async def clock(simulator: Simulator, _: web.Request) -> object:
    """Tell market time."""
    return simulator.clock_row()


async def set_clock(simulator: Simulator, request: web.Request) -> object:
    """Change the speed of market time, or move it forward."""
    body = await _body(request, ClockBody)
    if body.speed is not None:
        simulator.clock.set_speed(body.speed)
    if body.tick_seconds is None:
        simulator.clock.advance(int(body.advance_seconds * SECOND))
    else:
        answered = time.monotonic()
        for _ in simulator.step(body.advance_seconds, body.tick_seconds):
            if time.monotonic() - answered > _LONGEST_STEP_SECONDS:
                await asyncio.sleep(0)
                answered = time.monotonic()
    return simulator.clock_row()


async def price(simulator: Simulator, request: web.Request) -> object:
    """Force a price."""
    body = await _body(request, PriceBody)
    simulator.force_price(body.instrument, body.price, body.hold_seconds)
    quote = simulator.market.find(body.instrument)
    assert quote is not None
    return {"instrument": body.instrument, "last_price": quote.last / 100}


async def funds(simulator: Simulator, request: web.Request) -> object:
    """Pay money into an account, or out of it; nothing else of the account changes."""
    body = await _body(request, FundsBody)
    account = simulator.accounts.get(body.user_id)
    if account is None:
        raise ControlRefused(f"user_id: no user is called {body.user_id!r}", 404)
    account.move_funds(round(body.amount * 100))
    simulator.log.write("funds_moved", user_id=body.user_id, amount=body.amount)
    return {"user_id": body.user_id, "margins": account.margins_row()}


async def quotes(simulator: Simulator, request: web.Request) -> object:
    """Let instruments follow these quotes: from now on they do not walk by themselves; unknown ones are told."""
    body = await _body(request, QuotesBody)
    unknown = [tick.instrument for tick in body.quotes if simulator.market.find(tick.instrument) is None]
    if unknown and len(unknown) == len(body.quotes):
        raise ControlRefused(f"instrument: no instrument is called {unknown[0][:60]!r}", 404)
    return {"taken": simulator.feed(body.quotes), "unknown": unknown}


async def instruments(simulator: Simulator, request: web.Request) -> object:
    """List contracts of the market that is mirrored; what is listed already stays as it is."""
    body = await _body(request, InstrumentsBody)
    return {"unknown": simulator.list_contracts(body.instruments)}


async def log(simulator: Simulator, request: web.Request) -> object:
    """Page through the truth log."""
    since, limit = (_number(request, name, default) for name, default in (("since", 0), ("limit", 1000)))
    entries, following = simulator.log.page(since, min(limit, _LARGEST_PAGE))
    return web.Response(text=f'{{"entries":[{",".join(entries)}],"next":{following}}}', content_type="application/json")


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ControlRefused(f"{name}: expected a whole number from 0 up, was {text[:40]!r}")
    return int(text)


async def state(simulator: Simulator, request: web.Request) -> object:
    """Tell the last prices, and when asked a user's book, positions and margins, and an instrument's whole quote."""
    quotes = simulator.market.quotes
    prices = {instrument.key: quotes[instrument.token].last / 100 for instrument in simulator.master}
    answer: dict[str, object] = {
        "clock": simulator.clock_row(),
        "last_prices": prices,
        "users": list(simulator.accounts),
        "log_sequence": simulator.log.last_sequence,
        "faults": simulator.faults.rows(),
        "streams": [
            {"user_id": each.user.user_id, "instruments": len(each.subscriptions), "sent": each.sent}
            for each in simulator.hub.connections
        ],
    }
    instrument = request.query.get("instrument")
    if instrument is not None:
        quote = simulator.market.find(instrument)
        if quote is None:
            raise ControlRefused(f"instrument: no instrument is called {instrument[:60]!r}", 404)
        answer["quote"] = {"instrument": instrument, **quote.full_row()}
    user_id = request.query.get("user_id")
    if user_id is None:
        return answer
    account = simulator.accounts.get(user_id)
    if account is None:
        raise ControlRefused(f"user_id: no user is called {user_id[:40]!r}", 404)
    return answer | {
        "user_id": user_id,
        "orders": [json.loads(order.history[-1]) for order in account.orders.values()],
        "trades": [trade.row() for trade in account.trades],
        "positions": account.position_rows(),
        "holdings": account.holding_rows(),
        "margins": account.margins_row(),
    }


async def order(simulator: Simulator, request: web.Request) -> object:
    """Place an order as the user does on Kite's own screens: the app's stream hears of it, its postbacks do not."""
    body = await _body(request, OrderBody)
    account = simulator.accounts.get(body.user_id)
    if account is None:
        raise ControlRefused(f"user_id: no user is called {body.user_id!r}", 404)
    form = {name: str(value) for name, value in body.order.items()}
    try:
        simulator.limiter.admit_to_day(body.user_id)
        placed = simulator.desk.place(account, body.variety, form, origin="platform")
    except KiteError as error:
        raise ControlRefused(error.message, error.status) from error
    return {"order_id": placed.order_id}


async def gtt(simulator: Simulator, request: web.Request) -> object:
    """Do to a trigger what only the broker does."""
    body = await _body(request, GttBody)
    try:
        changed = simulator.desk.gtts.by_broker(body.user_id, str(body.trigger_id), body.status, body.reason)
    except KiteError as error:
        raise ControlRefused(error.message, error.status) from error
    return changed.row()


async def faults(simulator: Simulator, _: web.Request) -> object:
    """List the faults at work."""
    return {"faults": simulator.faults.rows()}


async def add_fault(simulator: Simulator, request: web.Request) -> object:
    """Put a fault to work."""
    spec = await _body(request, FaultSpec)
    try:
        fault = simulator.faults.add(spec, machine_unix_ns())
    except re.error as error:
        raise ControlRefused(f"path, instrument: no regular expression: {error}") from error
    simulator.log.write("fault_added", fault_id=fault.fault_id, fault=spec.kind)
    simulator.change_faults()
    return fault.row()


async def remove_fault(simulator: Simulator, request: web.Request) -> object:
    """End a fault."""
    fault_id = request.match_info["fault_id"]
    if not simulator.faults.remove(fault_id):
        raise ControlRefused(f"no fault {fault_id[:40]!r} is at work", 404)
    simulator.log.write("fault_removed", fault_id=fault_id)
    simulator.change_faults()
    return {"removed": fault_id}


def _require_control(request: web.Request) -> None:
    remote = request.remote or ""
    try:
        if ipaddress.ip_address(remote.partition("%")[0]).is_loopback:
            return
    except ValueError:
        pass
    token = request.app[CONTROL_TOKEN]
    given = request.headers.get("Authorization", "")
    if not token:
        raise ControlRefused("control routes are open on loopback only; start kitesim with --control-token FILE", 403)
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise ControlRefused("control routes ask for Authorization: Bearer TOKEN, the one of --control-token", 401)


def _controlled(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def guarded(request: web.Request) -> web.StreamResponse:
        _require_control(request)
        answer = await handler(request.app[SIMULATOR], request)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    return guarded


async def health(request: web.Request) -> web.Response:
    """Serve `GET /healthz`; open to everybody."""
    return web.json_response({"status": "ok", "market_time": request.app[SIMULATOR].clock_row()["market_time"]})


CONTROL_ROUTES: tuple[tuple[str, str, Handler, type[BaseModel] | None], ...] = (
    ("POST", "/sim/login", login, LoginBody),
    ("POST", "/sim/user", user, UserBody),
    ("GET", "/sim/clock", clock, None),
    ("POST", "/sim/clock", set_clock, ClockBody),
    ("POST", "/sim/price", price, PriceBody),
    ("POST", "/sim/funds", funds, FundsBody),
    ("POST", "/sim/quotes", quotes, QuotesBody),
    ("POST", "/sim/instruments", instruments, InstrumentsBody),
    ("POST", "/sim/order", order, OrderBody),
    ("POST", "/sim/gtt", gtt, GttBody),
    ("GET", "/sim/log", log, None),
    ("GET", "/sim/state", state, None),
    ("GET", "/sim/faults", faults, None),
    ("POST", "/sim/faults", add_fault, FaultSpec),
    ("DELETE", "/sim/faults/{fault_id}", remove_fault, None),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_get("/healthz", health)
    for method, path, handler, _ in CONTROL_ROUTES:
        router.add_route(method, path, _controlled(handler))
