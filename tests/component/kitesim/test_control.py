"""The control routes tell the truth and move the market."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
import requests

from kitesim.config import SimulatorConfig
from kitesim.server import start

from .conftest import FUTURE, Exchange, eventually

pytestmark = pytest.mark.component


def test_login_makes_a_user_once(exchange: Exchange) -> None:
    """The key and the secret stay, the request token is new, and older sessions live on."""
    user = exchange.user()
    kite = exchange.client(user)
    first, second = (exchange.control("POST", "login", user_id=user) for _ in range(2))
    assert (first["api_key"], first["api_secret"]) == (second["api_key"], second["api_secret"])
    assert first["request_token"] != second["request_token"]
    exchange.client(user)
    assert kite.profile()["user_id"] == user


def test_the_clock_tells_market_time(make_exchange: Callable[..., Exchange]) -> None:
    """Speed, mode and time are told; time moves forward when asked and goes on at another speed."""
    exchange = make_exchange(speed=60, start="10:00:00")
    clock = exchange.control("GET", "clock")
    assert clock["market_time"].startswith("2026-11-23T10:0")
    assert (clock["speed"], clock["market"], clock["market_open"]) == (60, "always-open", True)
    moved = exchange.control("POST", "clock", speed=0, advance_seconds=3600)
    assert moved["market_time"] >= "2026-11-23T11:00"
    later = exchange.control("GET", "clock")
    assert 0 <= later["market_time_ns"] - moved["market_time_ns"] < 1_000_000


def test_a_forced_price_triggers_and_fills(exchange: Exchange) -> None:
    """Orders meet the forced price before the answer leaves; the log and the state show it."""
    user = exchange.user()
    kite = exchange.client(user)
    last = exchange.control("GET", "state")["last_prices"][f"NFO:{FUTURE}"]
    order_id = kite.place_order(
        "regular", "NFO", FUTURE, "BUY", 65, "NRML", "LIMIT", price=round(last - 100), tag="FORCED"
    )
    eventually(lambda: kite.orders()[0]["status"] == "OPEN")
    forced = exchange.control("POST", "price", instrument=f"NFO:{FUTURE}", price=last - 150, hold_seconds=1)
    assert forced["last_price"] == pytest.approx(last - 150, abs=0.1)
    state = exchange.control("GET", f"state?user_id={user}")
    assert [order["status"] for order in state["orders"]] == ["COMPLETE"]
    assert [position["quantity"] for position in state["positions"]["net"]] == [65]
    (trade,) = [entry for entry in exchange.log("trade") if entry["order_id"] == order_id]
    assert (trade["tag"], trade["quantity"], trade["price"]) == ("FORCED", 65, round(last - 100))
    exchange.control("POST", "price", instrument=f"NFO:{FUTURE}", price=last)


def test_the_log_has_no_gaps(exchange: Exchange) -> None:
    """Sequence numbers run from 1; both clocks are there; requests are in it with their status and user."""
    exchange.client().profile()
    page = exchange.control("GET", "log?since=0&limit=10000")
    assert [entry["sequence"] for entry in page["entries"]] == list(range(1, len(page["entries"]) + 1))
    assert page["next"] == len(page["entries"])
    assert all(entry["machine_time_ns"] and entry["market_time_ns"] for entry in page["entries"])
    request = [entry for entry in page["entries"] if entry["kind"] == "request"][-1]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/user/profile", 200)
    following = exchange.control("GET", f"log?since={page['next']}")
    assert following == {"entries": [], "next": page["next"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "login", "{}", 400),
        ("POST", "login", '{"user_id": "no spaces"}', 400),
        ("POST", "login", "not json", 400),
        ("POST", "price", '{"instrument": "NFO:NOSUCH", "price": 1}', 404),
        ("POST", "price", '{"instrument": "NSE:INFY", "price": 0}', 400),
        ("POST", "clock", '{"advance_seconds": -1}', 400),
        ("GET", "log?since=-1", "", 400),
        ("GET", "state?user_id=NOBODY", "", 404),
        ("POST", "faults", '{"kind": "earthquake"}', 400),
        ("POST", "faults", '{"kind": "delay", "path": "("}', 400),
        ("DELETE", "faults/fault-999", "", 404),
    ],
)
def test_nonsense_is_explained(exchange: Exchange, method: str, path: str, body: str, status: int) -> None:
    """A control request that cannot be done is answered with what is wrong."""
    reply = requests.request(method, f"{exchange.url}/sim/{path}", data=body, timeout=15)
    assert reply.status_code == status
    assert reply.json()["error"]


async def test_off_loopback_control_asks_for_the_token() -> None:
    """From elsewhere than loopback the routes want the bearer token, and health stays open."""
    running = await start(SimulatorConfig(host="0.0.0.0", port=0, control_token="right"))
    try:
        port = running.url.rsplit(":", 1)[1]
        address = await outward_address()
        url = f"http://{address}:{port}"
        async with aiohttp.ClientSession() as client:
            for headers, status in (
                ({}, 401),
                ({"Authorization": "Bearer wrong"}, 401),
                ({"Authorization": "Bearer right"}, 200),
            ):
                async with client.get(f"{url}/sim/clock", headers=headers) as reply:
                    assert reply.status == status
            async with client.get(f"{url}/healthz") as reply:
                assert reply.status == 200
            async with client.get(f"http://127.0.0.1:{port}/sim/clock") as reply:
                assert reply.status == 200
    finally:
        await running.stop()


async def outward_address() -> str:
    """Return an address of this machine that is not loopback."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("192.0.2.1", 9))
    try:
        return str(transport.get_extra_info("sockname")[0])
    finally:
        transport.close()


def test_a_browser_sees_a_page(exchange: Exchange) -> None:
    """A plain GET of `/` is a page; it needs nothing from elsewhere."""
    reply = requests.get(exchange.url, timeout=15)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "kitesim" in reply.text
    assert "http" + "://" not in reply.text
    assert "https" + "://" not in reply.text
