"""Login and session routes: https://kite.trade/docs/connect/v3/user/"""

from aiohttp import web

from kitesim.clocks import timestamp
from kitesim.errors import InputRefused
from kitesim.exchange.checks import required
from kitesim.limits import RequestClass
from kitesim.users import User
from kitesim.web.replies import SIMULATOR, Call, form, route, success

EXCHANGES = ["NSE", "NFO", "BSE", "BFO"]
PRODUCTS = ["CNC", "NRML", "MIS"]
ORDER_TYPES = ["MARKET", "LIMIT", "SL", "SL-M"]


def profile_row(user: User) -> dict[str, object]:
    """Return what both the profile and the session response say of a user."""
    return {
        "user_id": user.user_id,
        "user_type": "individual",
        "email": f"{user.user_id.lower()}@example.com",
        "user_name": f"Client {user.user_id}",
        "user_shortname": user.user_id,
        "broker": "ZERODHA",
        "exchanges": EXCHANGES,
        "products": PRODUCTS,
        "order_types": ORDER_TYPES,
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }


async def create_session(request: web.Request) -> web.Response:
    """Serve `POST /session/token`."""
    simulator = request.app[SIMULATOR]
    fields = await form(request)
    user, access_token = simulator.users.access_token(
        required(fields, "api_key"),
        required(fields, "request_token"),
        required(fields, "checksum"),
        simulator.clock.now_ns(),
    )
    simulator.log.write("login", user_id=user.user_id, remote=request.remote)
    return success(
        profile_row(user)
        | {
            "api_key": user.api_key,
            "access_token": access_token,
            "public_token": access_token[:16],
            "enctoken": "",
            # Individuals get an empty one: https://kite.trade/docs/connect/v3/user/
            "refresh_token": (
                simulator.users.refresh_token(user, access_token) if simulator.config.rules.refresh_tokens else ""
            ),
            "silo": "",
            "login_time": timestamp(simulator.clock.now_ns()),
        }
    )


async def refresh_session(request: web.Request) -> web.Response:
    """Serve `POST /session/refresh_token`: a new access token; the one before ends, and so do its streams."""
    simulator = request.app[SIMULATOR]
    fields = await form(request)
    refresh_token = required(fields, "refresh_token")
    user, access_token = simulator.users.renew(
        required(fields, "api_key"), refresh_token, required(fields, "checksum"), simulator.clock.now_ns()
    )
    for connection in simulator.hub.of_user(user.user_id):
        if connection.access_token not in user.access_tokens:
            connection.cut()
    simulator.log.write("login", user_id=user.user_id, remote=request.remote)
    return success({"user_id": user.user_id, "access_token": access_token, "refresh_token": refresh_token})


async def end_session(request: web.Request) -> web.Response:
    """Serve `DELETE /session/token`: the token ends, and so do its streams."""
    simulator = request.app[SIMULATOR]
    access_token = request.query.get("access_token")
    if access_token is None and "refresh_token" in request.query:
        simulator.users.end_refresh(request.query.get("api_key", ""), request.query["refresh_token"])
        return success(True)
    if access_token is None:
        raise InputRefused("Missing or empty field `access_token`")
    simulator.users.end_session(request.query.get("api_key", ""), access_token)
    for connection in simulator.hub.connections:
        if connection.access_token == access_token:
            connection.cut()
    return success(True)


async def profile(call: Call) -> web.Response:
    """Serve `GET /user/profile`."""
    return success(profile_row(call.user))


async def full_profile(call: Call) -> web.Response:
    """Serve `GET /user/profile/full`: full_profile.json of zerodha/kiteconnect-mocks."""
    logged_in = timestamp(call.user.logged_in_ns)
    return success(
        profile_row(call.user)
        | {
            "twofa_type": "totp",
            "phone": "*0000",
            "bank_accounts": [],
            "dp_ids": [],
            "pan": "*0000",
            "tags": [],
            "password_timestamp": logged_in,
            "twofa_timestamp": logged_in,
            "meta": {"poa": "physical", "silo": "", "account_blocks": []},
        }
    )


async def margins(call: Call) -> web.Response:
    """Serve `GET /user/margins` and one segment of it; commodity is enabled and empty."""
    equity = call.account.margins_row()
    zeros = {"available": dict.fromkeys(equity["available"], 0), "utilised": dict.fromkeys(equity["utilised"], 0)}  # type: ignore[call-overload]
    segments: dict[str, object] = {"equity": equity, "commodity": {"enabled": True, "net": 0, **zeros}}
    segment = call.request.match_info.get("segment")
    if segment is None:
        return success(segments)
    if segment not in segments:
        raise InputRefused(f"Invalid `segment`. Expected equity or commodity, was {segment[:40]!r}.")
    return success(segments[segment])


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_post("/session/token", create_session)
    router.add_delete("/session/token", end_session)
    router.add_post("/session/refresh_token", refresh_session)
    router.add_get("/user/profile/full", route(full_profile, RequestClass.OTHER))
    router.add_get("/user/profile", route(profile, RequestClass.OTHER))
    router.add_get("/user/margins", route(margins, RequestClass.OTHER))
    router.add_get("/user/margins/{segment}", route(margins, RequestClass.OTHER))
