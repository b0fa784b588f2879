"""The login page and its redirect: https://kite.trade/docs/connect/v3/user/#login-flow

There is no password to ask for: a button stands for it. The official clients build the address of the page from a
constant (`https://kite.zerodha.com/connect/login`); here the same path and query are on this port.
"""

import html
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from kitesim.errors import InputRefused
from kitesim.users import User
from kitesim.web.replies import SIMULATOR, form

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>kitesim login</title>
<body style="font:16px system-ui;max-width:26em;margin:4em auto"><h1>kitesim</h1>{body}</body></html>"""
_FORM = """<p>The app <code>{api_key}</code> asks for a session of <b>{user_id}</b>.</p>
<form method="post" action="/connect/login"><input type="hidden" name="api_key" value="{api_key}">
<input type="hidden" name="redirect_params" value="{parameters}"><button>Log in</button></form>"""
_DONE = """<p>No redirect URL is configured for this user. The request token is good for one use:</p>
<p><code id="request_token">{token}</code></p>"""


def _reply(body: str) -> web.Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action *"
    return web.Response(
        text=_PAGE.format(body=body), content_type="text/html", headers={"Content-Security-Policy": policy}
    )


def _user(request: web.Request, api_key: str | None) -> User:
    user = request.app[SIMULATOR].users.of_key(api_key or "")
    if user is None:
        raise InputRefused("Invalid `api_key`.")
    return user


async def page(request: web.Request) -> web.Response:
    """Serve `GET /connect/login?api_key=…&v=3`."""
    user = _user(request, request.query.get("api_key"))
    if request.query.get("v") != "3":
        raise InputRefused("Invalid `v`. Expected 3.")
    parameters = html.escape(request.query.get("redirect_params", ""))
    return _reply(
        _FORM.format(api_key=html.escape(user.api_key), user_id=html.escape(user.user_id), parameters=parameters)
    )


async def log_in(request: web.Request) -> web.Response:
    """Serve the button: send the browser to the app's redirect URL with a request token."""
    simulator = request.app[SIMULATOR]
    fields = await form(request)
    user = _user(request, fields.get("api_key"))
    token = simulator.users.request_token(user, simulator.clock.now_ns())
    where = urlsplit(_redirect_url(request, user) or "/connect/done")
    query = [
        *parse_qsl(where.query),
        *parse_qsl(fields.get("redirect_params", "")),
        *(("action", "login"), ("type", "login"), ("status", "success"), ("request_token", token)),
    ]
    return web.Response(status=302, headers={"Location": urlunsplit(where._replace(query=urlencode(query)))})


def _redirect_url(request: web.Request, user: User) -> str | None:
    for configured in request.app[SIMULATOR].config.users:
        if configured.user_id == user.user_id:
            return configured.redirect_url
    return None


async def done(request: web.Request) -> web.Response:
    """Show the request token to a user whose app has no redirect URL."""
    return _reply(_DONE.format(token=html.escape(request.query.get("request_token", ""))))


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_get("/connect/login", page)
    router.add_post("/connect/login", log_in)
    router.add_get("/connect/done", done)
