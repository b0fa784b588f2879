"""No request, however strange, is answered with a server error that was not asked for."""

import json
import os
import socket
import struct
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import FUTURE, Exchange

pytestmark = pytest.mark.component
ROUTES = [
    *(("POST", path) for path in ("/orders/regular", "/orders/amo", "/session/token", "/sim/login", "/sim/price")),
    *(
        ("POST", path)
        for path in ("/orders/iceberg", "/orders/co", "/orders/auction", "/gtt/triggers", "/margins/orders")
    ),
    *(("POST", path) for path in ("/margins/basket", "/charges/orders", "/session/refresh_token", "/connect/login")),
    *(("POST", path) for path in ("/portfolio/holdings/authorise", "/mf/orders", "/mf/sips", "/alerts")),
    *(("PUT", path) for path in ("/gtt/triggers/1", "/gtt/triggers/x", "/mf/sips/1", "/alerts/1")),
    *(("DELETE", path) for path in ("/gtt/triggers/1", "/mf/orders/1", "/session/token")),
    *(("GET", path) for path in ("/gtt/triggers", "/gtt/triggers/1", "/gtt/triggers/%ff", "/connect/login")),
    *(("GET", path) for path in ("/portfolio/holdings/summary", "/portfolio/holdings/compact", "/user/profile/full")),
    *(("GET", path) for path in ("/instruments/trigger_range/buy", "/mf/instruments", "/alerts", "/connect/done")),
    *(("POST", path) for path in ("/sim/clock", "/sim/user", "/sim/faults", "/nowhere")),
    *(("PUT", path) for path in ("/orders/regular/1", "/portfolio/positions")),
    *(("DELETE", path) for path in ("/orders/regular/1", "/session/token", "/sim/faults/1")),
    *(("GET", path) for path in ("/quote", "/quote/ltp", "/instruments", "/instruments/NFO", "/orders", "/orders/1")),
    *(("GET", path) for path in ("/user/margins/none", "/sim/log", "/sim/state", "/instruments/historical/x/day")),
    *(("GET", path) for path in ("/instruments/historical/408065/day", "/", "/ws", "/%00", "/orders/%ff/trades")),
]
NAMES = [
    *("exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type", "price", "trigger_price"),
    *("iceberg_legs", "iceberg_quantity", "validity_ttl", "autoslice", "auction_number", "disclosed_quantity", "type"),
    *("condition", "orders", "position_type", "old_product", "new_product", "instrument_token", "refresh_token", "v"),
    *("validity", "tag", "market_protection", "i", "from", "to", "since", "limit", "user_id", "api_key", "checksum"),
]
VALUES = (
    st.sampled_from(["NFO", FUTURE, "BUY", "LIMIT", "65", "24000", "NRML", "-1", "1e400", "2026-11-23", ""])
    | st.sampled_from(
        [
            "TTL",
            "true",
            "single",
            "two-leg",
            "[1e999]",
            "[{}]",
            '{"trigger_values": [1]}',
            '{"trigger_values": [null]}',
            "2",
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)


@pytest.fixture(scope="module")
def headers(exchange: Exchange) -> dict[str, str]:
    """Return the authorization of a user."""
    kite = exchange.client()
    return {"Authorization": f"token {kite.api_key}:{kite.access_token}"}


ITEMS = st.lists(
    st.dictionaries(
        st.sampled_from([*NAMES, "variety", "average_price"]), VALUES | st.none() | st.integers() | st.floats()
    )
    | st.integers()
    | st.none(),
    max_size=3,
)
ORDER = {"exchange": "NFO", "tradingsymbol": FUTURE, "transaction_type": "BUY", "quantity": 65, "product": "NRML"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/margins/orders", "/margins/basket?consider_positions=True", "/charges/orders"]),
    items=ITEMS,
    whole=st.booleans(),
)
def test_no_list_of_orders_breaks_a_calculator(
    exchange: Exchange, headers: dict[str, str], path: str, items: list[object], whole: bool
) -> None:
    """JSON of any shape gets an envelope, also on top of an order that has all its fields."""
    base = {**ORDER, "order_type": "LIMIT", "variety": "regular"}
    body = [base | item if whole and isinstance(item, dict) else item for item in items]
    reply = requests.post(exchange.url + path, headers=headers, json=None, data=json.dumps(body), timeout=10)
    assert reply.status_code in (200, 400), reply.text
    assert reply.json()["status"] == ("success" if reply.ok else "error")


@given(
    name=st.sampled_from(NAMES),
    value=VALUES,
    path=st.sampled_from(["/orders/regular", "/orders/iceberg", "/portfolio/positions", "/gtt/triggers"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_strange_field_breaks_no_order(
    exchange: Exchange, headers: dict[str, str], name: str, value: str, path: str
) -> None:
    """An order that is right but for one field is accepted or refused, never a server error."""
    condition = {"exchange": "NFO", "tradingsymbol": FUTURE, "trigger_values": [25000]}
    fields = {
        **{key: str(field) for key, field in ORDER.items()},
        "order_type": "LIMIT",
        "price": "24000",
        "iceberg_legs": "2",
        "position_type": "day",
        "type": "single",
        "old_product": "MIS",
        "new_product": "NRML",
        "condition": json.dumps(condition),
        "orders": json.dumps([{**ORDER, "order_type": "LIMIT", "price": 25000}]),
        name: value,
    }
    method = "PUT" if path == "/portfolio/positions" else "POST"
    reply = requests.request(method, exchange.url + path, headers=headers, data=fields, timeout=10)
    assert reply.status_code < 500, reply.text
    assert reply.json()["status"] == ("success" if reply.ok else "error")


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
FRAMES = st.lists(
    st.binary(max_size=40)
    | st.tuples(st.integers(0, 255), st.binary(max_size=130))
    | st.tuples(st.just(0x81), st.text(max_size=60).map(str.encode)),
    min_size=1,
    max_size=6,
)


def framed(opcode: int, body: bytes) -> bytes:
    """Return a masked frame as a client sends it."""
    length = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack(">H", len(body))
    mask = os.urandom(4)
    return bytes([opcode]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=FRAMES)
def test_no_frame_breaks_the_server(
    exchange: Exchange, headers: dict[str, str], frames: list[bytes | tuple[int, bytes]]
) -> None:
    """Whatever a stream says, well framed or not: its connection may end, the exchange answers on."""
    api_key, access_token = headers["Authorization"].removeprefix("token ").split(":")
    where = urlsplit(exchange.url)
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}"
    target = f"/?api_key={api_key}&access_token={access_token}"
    with socket.create_connection((where.hostname, where.port), timeout=10) as wire:
        wire.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\n".encode())
        answer = wire.recv(4096)
        # The connection of the example before may not have ended yet: three are allowed.
        assert answer.startswith((b"HTTP/1.1 101", b"HTTP/1.1 429")), answer
        with suppress(OSError):
            for frame in frames:
                wire.sendall(frame if isinstance(frame, bytes) else framed(*frame))
    assert requests.get(f"{exchange.url}/healthz", timeout=10).ok
    assert requests.get(f"{exchange.url}/user/profile", headers=headers, timeout=10).ok
