"""Portfolio routes: https://kite.trade/docs/connect/v3/portfolio/

Auctions are never held here, so their list is empty.
"""

import secrets

from aiohttp import web

from kitesim.clocks import day_of
from kitesim.errors import InputRefused
from kitesim.exchange.checks import whole
from kitesim.exchange.holdings import Authorised, compact_rows, summary_row
from kitesim.limits import RequestClass
from kitesim.web.replies import Call, route, success


async def positions(call: Call) -> web.Response:
    """Serve `GET /portfolio/positions`."""
    return success(call.account.position_rows())


async def convert(call: Call) -> web.Response:
    """Serve `PUT /portfolio/positions`: position conversion."""
    call.simulator.desk.convert(call.account, await call.form())
    return success(True)


async def holdings(call: Call) -> web.Response:
    """Serve `GET /portfolio/holdings`."""
    return success(call.account.holding_rows())


async def summary(call: Call) -> web.Response:
    """Serve `GET /portfolio/holdings/summary`."""
    return success(summary_row(call.account.holdings, call.account.quote_of))


async def compact(call: Call) -> web.Response:
    """Serve `GET /portfolio/holdings/compact`."""
    return success(compact_rows(call.account.holdings))


async def auctions(call: Call) -> web.Response:
    """Serve `GET /portfolio/holdings/auctions`."""
    return success([])


async def authorise(call: Call) -> web.Response:
    """Serve `POST /portfolio/holdings/authorise`.

    At Kite the request id leads to the depository's page; here the shares are authorised at once, for the day: all,
    or those of the fields `instrument_token` and `quantity` (real shares go by `isin`, which these do not have).
    """
    fields = await call.form()
    account = call.account
    quantities = {token: holding.quantity for token, holding in account.holdings.items()}
    if fields.get("instrument_token"):
        token, quantity = whole(fields, "instrument_token", most=2**32), whole(fields, "quantity")
        if quantity > quantities.get(token, 0):
            raise InputRefused(f"Invalid `quantity`. Expected at most {quantities.get(token, 0)}, was {quantity}.")
        quantities = {token: quantity}
    today = day_of(call.simulator.clock.now_ns()).isoformat()
    account.authorised = Authorised(today, account.authorised.quantities | quantities)
    return success({"request_id": secrets.token_urlsafe(24)})


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    for path, handler in (
        ("/portfolio/positions", positions),
        ("/portfolio/holdings", holdings),
        ("/portfolio/holdings/summary", summary),
        ("/portfolio/holdings/compact", compact),
        ("/portfolio/holdings/auctions", auctions),
    ):
        router.add_get(path, route(handler, RequestClass.OTHER))
    router.add_put("/portfolio/positions", route(convert, RequestClass.OTHER))
    router.add_post("/portfolio/holdings/authorise", route(authorise, RequestClass.OTHER))
