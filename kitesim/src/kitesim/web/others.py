"""Routes that answer in the right envelope and do nothing: mutual funds, alerts, trigger ranges of cover orders.

Envelopes: mf_*.json, mf_instruments.csv, alerts_*.json and trigger_range.json of zerodha/kiteconnect-mocks.
"""

from aiohttp import web

from kitesim.errors import InputRefused, KiteError
from kitesim.exchange.covers import stop_range
from kitesim.limits import RequestClass
from kitesim.market.quotes import Quote
from kitesim.web.replies import Call, KiteHandler, route, success

FUND_HEADER = (
    "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,purchase_amount_multiplier,"
    "minimum_additional_purchase_amount,minimum_redemption_quantity,redemption_quantity_multiplier,dividend_type,"
    "scheme_type,plan,settlement_type,last_price,last_price_date\n"
)


def _absent(what: str) -> KiteHandler:
    async def handler(call: Call) -> web.Response:
        raise KiteError(f"{what} are not part of this simulator.", status=400)

    return handler


def _unknown(name: str) -> KiteHandler:
    async def handler(call: Call) -> web.Response:
        raise KiteError(f"Couldn't find that `{name}`.", status=400)

    return handler


async def nothing(call: Call) -> web.Response:
    """Answer with an empty list."""
    return success([])


async def funds(call: Call) -> web.Response:
    """Serve `GET /mf/instruments`: the header of the dump, and no fund."""
    return web.Response(body=FUND_HEADER.encode(), content_type="text/csv")


async def trigger_range(call: Call) -> web.Response:
    """Serve `GET /instruments/trigger_range/{transaction_type}`, which the documentation no longer has."""
    side = call.segment("transaction_type")
    if side not in ("buy", "sell"):
        raise InputRefused(f"Invalid `transaction_type`. Expected buy or sell, was {side[:40]!r}.")
    keys = call.request.query.getall("i", [])
    found = ((key, call.simulator.market.find(key)) for key in keys)
    return success({key: _range(quote) for key, quote in found if quote is not None})


def _range(quote: Quote) -> dict[str, object]:
    lower, upper = stop_range(quote)
    return {"instrument_token": quote.instrument.token, "lower": lower / 100, "upper": upper / 100}


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    fund_orders, alerts = _absent("Mutual fund orders"), _absent("Alerts")
    for method, path, handler in (
        ("GET", "/instruments/trigger_range/{transaction_type}", trigger_range),
        ("GET", "/mf/instruments", funds),
        ("GET", "/mf/holdings", nothing),
        ("GET", "/mf/orders", nothing),
        ("GET", "/mf/orders/{order_id}", _unknown("order_id")),
        ("POST", "/mf/orders", fund_orders),
        ("DELETE", "/mf/orders/{order_id}", _unknown("order_id")),
        ("GET", "/mf/sips", nothing),
        ("GET", "/mf/sips/{sip_id}", _unknown("sip_id")),
        ("POST", "/mf/sips", fund_orders),
        ("PUT", "/mf/sips/{sip_id}", _unknown("sip_id")),
        ("DELETE", "/mf/sips/{sip_id}", _unknown("sip_id")),
        ("GET", "/alerts", nothing),
        ("POST", "/alerts", alerts),
        ("DELETE", "/alerts", alerts),
        ("GET", "/alerts/{uuid}", _unknown("uuid")),
        ("GET", "/alerts/{uuid}/history", _unknown("uuid")),
        ("PUT", "/alerts/{uuid}", _unknown("uuid")),
    ):
        router.add_route(method, path, route(handler, RequestClass.OTHER))
