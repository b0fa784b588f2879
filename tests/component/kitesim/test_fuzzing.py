"""No request, however strange, is answered with a server error that was not asked for."""

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import FUTURE, Exchange

pytestmark = pytest.mark.component
ROUTES = [
    *(("POST", path) for path in ("/orders/regular", "/orders/amo", "/session/token", "/sim/login", "/sim/price")),
    *(("POST", path) for path in ("/sim/clock", "/sim/user", "/sim/faults", "/nowhere")),
    *(("PUT", path) for path in ("/orders/regular/1", "/portfolio/positions")),
    *(("DELETE", path) for path in ("/orders/regular/1", "/session/token", "/sim/faults/1")),
    *(("GET", path) for path in ("/quote", "/quote/ltp", "/instruments", "/instruments/NFO", "/orders", "/orders/1")),
    *(("GET", path) for path in ("/user/margins/none", "/sim/log", "/sim/state", "/instruments/historical/x/day")),
    *(("GET", path) for path in ("/instruments/historical/408065/day", "/", "/ws", "/%00", "/orders/%ff/trades")),
]
NAMES = [
    *("exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type", "price", "trigger_price"),
    *("validity", "tag", "market_protection", "i", "from", "to", "since", "limit", "user_id", "api_key", "checksum"),
]
VALUES = st.sampled_from(
    ["NFO", FUTURE, "BUY", "LIMIT", "65", "24000", "NRML", "-1", "1e400", "2026-11-23", ""]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture(scope="module")
def headers(exchange: Exchange) -> dict[str, str]:
    """Return the authorization of a user."""
    kite = exchange.client()
    return {"Authorization": f"token {kite.api_key}:{kite.access_token}"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES), fields=st.dictionaries(st.sampled_from(NAMES), VALUES), raw=st.none() | st.binary()
)
def test_no_request_breaks_the_server(
    exchange: Exchange, headers: dict[str, str], route: tuple[str, str], fields: dict[str, str], raw: bytes | None
) -> None:
    """The answer is below 500, and JSON or CSV, whatever the fields and the body."""
    method, path = route
    where = {"params": fields} if method in ("GET", "DELETE") else {"data": fields if raw is None else raw}
    reply = requests.request(method, exchange.url + path, headers=headers, timeout=10, **where)
    assert reply.status_code < 500, reply.text
    assert reply.headers["Content-Type"].split(";")[0] in ("application/json", "text/csv", "text/html")
