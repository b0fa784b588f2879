"""What the official clients of other languages do differently on the wire, written out by hand.

Read from gokiteconnect 621645d, javakiteconnect 4efe969, phpkiteconnect c11a554, dotnetkiteconnect c118ac5 and
kiteconnectjs 5.3.0. The clients themselves run in tests/clients.
"""

import json
from typing import Any

import aiohttp
import pytest
import requests

from .conftest import FUTURE, Exchange, eventually

pytestmark = pytest.mark.component
INTEGERS = {
    *("quantity", "filled_quantity", "pending_quantity", "cancelled_quantity", "disclosed_quantity", "validity_ttl"),
    *("instrument_token", "overnight_quantity", "buy_quantity", "sell_quantity", "day_buy_quantity", "last_quantity"),
    *(
        "day_sell_quantity",
        "volume",
        "orders",
        "id",
        "trigger_id",
        "used_quantity",
        "t1_quantity",
        "authorised_quantity",
    ),
    *("realised_quantity", "opening_quantity", "collateral_quantity"),
}


class Raw:
    """A client that writes each request as it is told."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        kite = exchange.client()
        self.api_key, self.access_token = kite.api_key, kite.access_token

    def send(self, method: str, path: str, **how: Any) -> requests.Response:
        """Send with the session's header; what is given wins."""
        headers = {"X-Kite-Version": "3", "Authorization": f"token {self.api_key}:{self.access_token}"}
        headers |= how.pop("headers", {})
        return requests.request(method, self.exchange.url + path, headers=headers, timeout=10, **how)

    def data(self, method: str, path: str, **how: Any) -> Any:
        """Return `data` of an answer that must be a success."""
        reply = self.send(method, path, **how)
        assert reply.ok, reply.text
        return reply.json()["data"]


@pytest.fixture
def raw(exchange: Exchange) -> Raw:
    """Return a client with a session."""
    return Raw(exchange)


def limit_order(raw: Raw, **fields: str) -> dict[str, str]:
    last = raw.exchange.control("GET", "state")["last_prices"][f"NFO:{FUTURE}"]
    row = {"exchange": "NFO", "tradingsymbol": FUTURE, "transaction_type": "BUY", "product": "NRML"}
    return {**row, "order_type": "LIMIT", "quantity": "65", "price": str(round(last - 300)), **fields}


def test_a_session_is_asked_for_with_half_a_header(exchange: Exchange) -> None:
    """Java sends `token key:null` before it has a token."""
    login = exchange.control("POST", "login", user_id=exchange.user())
    form = {"api_key": login["api_key"], "request_token": login["request_token"], "checksum": "00"}
    headers = {"Authorization": f"token {login['api_key']}:null"}
    reply = requests.post(f"{exchange.url}/session/token", data=form, headers=headers, timeout=15)
    assert (reply.status_code, reply.json()["message"]) == (403, "Invalid `checksum`.")


def test_java_sends_protection_and_slicing_with_every_order(raw: Raw) -> None:
    """`market_protection=0.0` and `autoslice=false` mean nothing on a LIMIT order."""
    form = limit_order(
        raw, market_protection="0.0", autoslice="false", quantity="65", price=limit_order(raw)["price"] + ".0"
    )
    assert set(raw.data("POST", "/orders/regular", data=form)) == {"order_id"}


def test_dotnet_writes_decimals(raw: Raw) -> None:
    """A quantity of 65.0 is 65; one of 65.5 is none. Its content type names a charset."""
    form = limit_order(raw, quantity="65.0", tag="", variety="regular")
    typed = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    order_id = raw.data("POST", "/orders/regular", data=form, headers=typed)["order_id"]
    (row,) = raw.data("GET", "/orders")
    assert (row["order_id"], row["quantity"], row["tag"]) == (order_id, 65, None)
    refused = raw.send("POST", "/orders/regular", data=limit_order(raw, quantity="65.5"))
    assert (refused.status_code, refused.json()["error_type"]) == (400, "InputException")


@pytest.mark.parametrize("spelling", ["true", "True", "1"])
def test_a_boolean_has_many_spellings(raw: Raw, spelling: str) -> None:
    """`autoslice` of Go and Java, of Python, and of PHP."""
    answer = raw.data("POST", "/orders/regular", data=limit_order(raw, quantity="1820", autoslice=spelling))
    assert len(answer["children"]) == 1


def test_path_parameters_come_in_the_form_again(raw: Raw) -> None:
    """PHP and Python send `variety` and `order_id` in the form too, PHP's deletion in the query."""
    order_id = raw.data("POST", "/orders/regular", data=limit_order(raw, variety="regular"))["order_id"]
    eventually(lambda: raw.data("GET", f"/orders/{order_id}")[-1]["status"] == "OPEN")
    again = {"variety": "regular", "order_id": order_id}
    assert raw.data("PUT", f"/orders/regular/{order_id}", data=again | {"price": limit_order(raw)["price"]}) == {
        "order_id": order_id
    }
    eventually(lambda: raw.data("GET", f"/orders/{order_id}")[-1]["status"] == "OPEN")
    assert raw.data("DELETE", f"/orders/regular/{order_id}", params=again) == {"order_id": order_id}


def test_quotes_go_by_token_too(raw: Raw) -> None:
    """Java documents `265, 256265, NSE:INFY`; the answer has the keys that were asked for."""
    keys = ["265", "256265", "NSE:INFY", "999"]
    for path in ("/quote", "/quote/ohlc", "/quote/ltp"):
        rows = raw.data("GET", path, params=[("i", key) for key in keys])
        assert {key: row["instrument_token"] for key, row in rows.items()} == {
            "265": 265,
            "256265": 256265,
            "NSE:INFY": 408065,
        }


def test_lists_of_orders_come_as_json_of_any_spacing(raw: Raw) -> None:
    """Java names the charset, PHP sends its own JSON text; .NET asks `consider_positions=true`."""
    order = limit_order(raw) | {"variety": "regular", "quantity": 65, "price": 24000.0, "trigger_price": 0}
    body = json.dumps([order], separators=(",", ":")).encode()
    typed = {"Content-Type": "application/json; charset=utf-8"}
    for path in ("/margins/orders", "/margins/basket?consider_positions=true&mode=compact", "/charges/orders"):
        assert raw.data("POST", path, data=body, headers=typed)


def test_whole_numbers_are_written_without_a_point(raw: Raw) -> None:
    """Go and .NET read them into integers and fail on 65.0."""
    order = limit_order(raw, order_type="MARKET", market_protection="-1")
    order_id = raw.data("POST", "/orders/regular", data=order)["order_id"]
    eventually(lambda: raw.data("GET", f"/orders/{order_id}")[-1]["status"] == "COMPLETE")
    condition = {"exchange": "NSE", "tradingsymbol": "INFY", "trigger_values": [1700.0], "last_price": 1.0}
    leg = {"transaction_type": "SELL", "quantity": 1, "order_type": "LIMIT", "product": "CNC", "price": 1700}
    gtt = {"type": "single", "condition": json.dumps(condition), "orders": json.dumps([leg])}
    raw.data("POST", "/gtt/triggers", data=gtt)
    checked: set[str] = set()

    def check(value: object) -> None:
        if isinstance(value, list):
            for each in value:
                check(each)
        if isinstance(value, dict):
            for name, each in value.items():
                if name in INTEGERS and not isinstance(each, list):
                    assert type(each) is int, (name, each)
                    checked.add(name)
                check(each)

    for path in ("/orders", f"/orders/{order_id}", "/trades", "/portfolio/positions", "/gtt/triggers"):
        check(raw.data("GET", path))
    check(raw.data("GET", "/quote", params={"i": f"NFO:{FUTURE}"}))
    assert {"quantity", "instrument_token", "orders", "volume", "validity_ttl"} <= checked
    span = {"from": "2026-11-16 00:00:00", "to": "2026-11-18 00:00:00", "oi": "1"}
    for candle in raw.data("GET", "/instruments/historical/408065/day", params=span)["candles"]:
        assert [type(candle[number]) for number in (0, 5, 6)] == [str, int, int]


async def test_the_stream_takes_its_query_in_any_order(exchange: Exchange, raw: Raw) -> None:
    """Java puts the token first, PHP adds a `uid`; Go and Java send pings, which are answered."""
    for query in (
        f"access_token={raw.access_token}&api_key={raw.api_key}",
        f"api_key={raw.api_key}&access_token={raw.access_token}&uid=1234567890",
    ):
        url = f"{exchange.stream_url}/?{query}"
        async with aiohttp.ClientSession() as client, client.ws_connect(url, autoping=False) as socket:
            await socket.ping(b"are you there")
            while (message := await socket.receive(5)).type is not aiohttp.WSMsgType.PONG:
                assert message.type is aiohttp.WSMsgType.BINARY
            assert message.data == b"are you there"
