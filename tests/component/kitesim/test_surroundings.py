"""What stands around the orders: postbacks, registered addresses, the login page, sessions that end, the day's cap."""

import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually
from .tickers import Ticker

pytestmark = pytest.mark.component
SECRET = "postsecret"


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the address of a server, and the JSON bodies that were posted to it."""
    letters: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            letters.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/postback", letters
    server.shutdown()
    server.server_close()


def buy(kite: KiteConnect, quantity: int = 65, **fields: Any) -> str:
    order = {"product": "NRML", "order_type": "MARKET", "market_protection": -1, **fields}
    return str(kite.place_order("regular", "NFO", FUTURE, "BUY", quantity, **order))


def test_updates_are_posted_with_a_checksum(
    make_exchange: Callable[..., Exchange], mailbox: tuple[str, list[dict[str, Any]]]
) -> None:
    """The documented checksum over id, time and secret; other users' orders stay private."""
    url, letters = mailbox
    exchange = make_exchange(users=[{"user_id": "PB0001", "api_secret": SECRET, "postback_url": url}])
    buy(exchange.client())
    order_id = buy(exchange.client("PB0001"), tag="POST1")
    eventually(lambda: letters)
    (letter,) = letters
    assert (letter["order_id"], letter["status"], letter["tag"]) == (order_id, "COMPLETE", "POST1")
    text = f"{order_id}{letter['order_timestamp']}{SECRET}"
    assert letter["checksum"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_deaf_address_holds_up_nobody(make_exchange: Callable[..., Exchange]) -> None:
    """Nothing listens there: the orders go on, the log knows."""
    user = {"user_id": "PB0002", "postback_url": "http://127.0.0.1:9/none"}
    exchange = make_exchange(users=[user], postbacks={"attempts": 2})
    kite = exchange.client("PB0002")
    buy(kite)
    eventually(lambda: len(exchange.log("postback")) == 2)
    assert [entry["status"] for entry in exchange.log("postback")] == [None, None]
    assert kite.orders()[0]["status"] == "COMPLETE"


def test_only_order_routes_ask_for_a_registered_address(make_exchange: Callable[..., Exchange]) -> None:
    """Reading is open to every address, triggers too unless configured."""
    exchange = make_exchange(rules={"static_ips": ["203.0.113.7"]})
    kite = exchange.client()
    with pytest.raises(kite_errors.PermissionException, match=r"IP address 127\.0\.0\.1") as refused:
        buy(kite)
    assert refused.value.code == 403
    with pytest.raises(kite_errors.PermissionException):
        kite.cancel_order("regular", "1")
    assert kite.orders() == kite.get_gtts() == []
    open_to_all = make_exchange(rules={"static_ips": ["203.0.113.7", "127.0.0.1"]})
    assert buy(open_to_all.client())


def test_the_login_page_sends_the_browser_on(make_exchange: Callable[..., Exchange]) -> None:
    """To the registered redirect URL, whose own query stays."""
    user = {"user_id": "LG0001", "api_key": "loginkey", "redirect_url": "http://127.0.0.1:9/back?from=kite"}
    exchange = make_exchange(users=[user])
    form = {"api_key": "loginkey"}
    reply = requests.post(f"{exchange.url}/connect/login", data=form, allow_redirects=False, timeout=15)
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith("http://127.0.0.1:9/back?from=kite&action=login")
    for query, message in (("api_key=nobody&v=3", "Invalid `api_key`."), ("api_key=loginkey&v=2", "Invalid `v`")):
        refused = requests.get(f"{exchange.url}/connect/login?{query}", timeout=15)
        assert (refused.status_code, message in refused.json()["message"]) == (400, True)


def test_without_a_redirect_url_the_page_shows_the_token(exchange: Exchange) -> None:
    """It buys a session like any other."""
    kite = exchange.client()
    page = kite.reqsession.post(f"{exchange.url}/connect/login", data={"api_key": kite.api_key})
    token = page.text.partition('id="request_token">')[2].partition("<")[0]
    secret = exchange.control("POST", "login", user_id=kite.profile()["user_id"])["api_secret"]
    assert kite.generate_session(token, secret)["api_key"] == kite.api_key


def test_a_session_ends_at_six_in_the_morning(make_exchange: Callable[..., Exchange]) -> None:
    """06:00 in market time, and not a minute before."""
    exchange = make_exchange(start="05:00:00", speed=0)
    kite = exchange.client()
    exchange.control("POST", "clock", advance_seconds=59 * 60)
    assert kite.profile()
    exchange.control("POST", "clock", advance_seconds=61)
    with pytest.raises(kite_errors.TokenException):
        kite.profile()


def test_one_session_at_a_time_when_configured(make_exchange: Callable[..., Exchange]) -> None:
    """A new access token ends the older one."""
    exchange = make_exchange(rules={"single_session": True})
    first = exchange.client("ON0001")
    second = exchange.client("ON0001")
    assert second.profile()["user_id"] == "ON0001"
    with pytest.raises(kite_errors.TokenException):
        first.profile()


def test_every_leg_and_every_refusal_counts_for_the_day(make_exchange: Callable[..., Exchange]) -> None:
    """Five legs are five orders, an invalid order is one; then even an exit is refused."""
    exchange = make_exchange(funds=50_000_000, limits={"orders_per_day": 7})
    kite = exchange.client()
    price = round(kite.ltp(f"NFO:{FUTURE}")[f"NFO:{FUTURE}"]["last_price"]) - 300
    order = {"product": "NRML", "order_type": "LIMIT", "price": price}
    kite.place_order("iceberg", "NFO", FUTURE, "BUY", 325, **order, iceberg_legs=5, iceberg_quantity=65)
    with pytest.raises(kite_errors.InputException):
        buy(kite, 64)
    buy(kite)
    with pytest.raises(kite_errors.NetworkException, match="Maximum allowed order requests exceeded") as refused:
        buy(kite)
    assert refused.value.code == 429


def test_slices_come_flat_when_configured(make_exchange: Callable[..., Exchange]) -> None:
    """The shape of the documentation's page: one entry a slice, errors among them."""
    exchange = make_exchange(
        funds=8_000_000, limits={"enabled": False}, rules={"autoslice_shape": "flat"}, margins={"refusal": "exception"}
    )
    kite = exchange.client()
    price = round(exchange.control("GET", "state")["last_prices"][f"NFO:{FUTURE}"]) - 300
    answer = kite.place_autoslice_order("regular", "NFO", FUTURE, "BUY", 3510, "NRML", "LIMIT", price=price)
    assert [list(each) for each in answer] in ([["order_id"], ["error"]], [["order_id"], ["order_id"]])
    shown = {row["order_id"] for row in kite.orders()}
    assert {each["order_id"] for each in answer if "order_id" in each} == shown


def test_a_trigger_that_fires_counts_for_the_day(make_exchange: Callable[..., Exchange]) -> None:
    """Setting one does not; when the day is full it fires into a refusal that the client reads."""
    exchange = make_exchange(funds=50_000_000, limits={"orders_per_day": 2, "others_per_second": 0})
    kite = exchange.client()
    last = round(exchange.control("GET", "state")["last_prices"][f"NFO:{FUTURE}"])
    sale = {"transaction_type": "SELL", "quantity": 65, "order_type": "LIMIT", "product": "NRML", "price": last + 100}
    made = [
        kite.place_gtt(kite.GTT_TYPE_SINGLE, FUTURE, "NFO", [last + away], last, [sale])["trigger_id"]
        for away in (50, 60, 70)
    ]
    buy(kite)
    exchange.control("POST", "price", instrument=f"NFO:{FUTURE}", price=last + 90)
    results = [kite.get_gtt(trigger_id)["orders"][0]["result"]["order_result"] for trigger_id in made]
    assert [result["status"] for result in results] == ["success", "failed", "failed"]
    assert results[1]["rejection_reason"] == "Maximum allowed order requests exceeded."
    with pytest.raises(kite_errors.NetworkException, match="Maximum allowed order requests exceeded"):
        buy(kite)


def test_only_the_apps_own_orders_are_posted(
    make_exchange: Callable[..., Exchange],
    mailbox: tuple[str, list[dict[str, Any]]],
    make_ticker: Callable[..., Ticker],
) -> None:
    """The stream tells of orders that were placed on Kite's own screens, and of a trigger's; the postbacks do not."""
    url, letters = mailbox
    exchange = make_exchange(
        users=[{"user_id": "PB0003", "postback_url": url}], funds=50_000_000, limits={"enabled": False}
    )
    kite = exchange.client("PB0003")
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event[0] == "connect")
    terms = {"order_type": "MARKET", "market_protection": -1, "transaction_type": "BUY", "quantity": 65}
    asked = {"exchange": "NFO", "tradingsymbol": FUTURE, "product": "NRML", **terms}
    elsewhere = exchange.control("POST", "order", user_id="PB0003", order={**asked, "tag": "ELSEWHERE"})["order_id"]
    assert ticker.until(lambda event: event[0] == "order")[1]["order_id"] == elsewhere
    own = buy(kite, tag="OWN")
    assert ticker.until(lambda event: event[0] == "order")[1]["order_id"] == own
    eventually(lambda: letters)
    assert [letter["tag"] for letter in letters] == ["OWN"]
    assert [row["tag"] for row in kite.orders()] == ["ELSEWHERE", "OWN"]
    reply = requests.post(f"{exchange.url}/sim/order", json={"user_id": "PB0003", "order": {}}, timeout=15)
    assert (reply.status_code, reply.json()["error"]) == (400, "Missing or empty field `exchange`")


def test_nobody_is_told_of_an_after_market_order(
    make_exchange: Callable[..., Exchange], mailbox: tuple[str, list[dict[str, Any]]]
) -> None:
    """Neither its cancellation nor its modification is posted while it waits for the morning."""
    url, letters = mailbox
    user = {"user_id": "PB0004", "postback_url": url}
    exchange = make_exchange(users=[user], market="nse", start="20:00:00", limits={"enabled": False})
    kite = exchange.client("PB0004")
    order = {"product": "CNC", "order_type": "LIMIT", "price": 1500.0}
    order_id = kite.place_order("amo", "NSE", "INFY", "BUY", 1, **order)
    kite.modify_order("amo", order_id, price=1499.0)
    kite.cancel_order("amo", order_id)
    assert kite.orders()[-1]["status"] == "CANCELLED"
    sent = [entry["sent"] for entry in exchange.log("order_update") if entry["order_id"] == order_id]
    assert set(sent) == {None}
    assert letters == []


def test_the_broker_disables_a_trigger(make_exchange: Callable[..., Exchange]) -> None:
    """The client sees the status and the reason, and may set the trigger anew."""
    exchange = make_exchange(limits={"enabled": False})
    kite = exchange.client("GT0001")
    order = {"transaction_type": "SELL", "quantity": 1, "order_type": "LIMIT", "product": "CNC", "price": 1600}
    trigger_id = kite.place_gtt(kite.GTT_TYPE_SINGLE, "INFY", "NSE", [1600], 1520, [order])["trigger_id"]
    exchange.control("POST", "gtt", user_id="GT0001", trigger_id=trigger_id, status="disabled", reason="Demerger")
    gtt = kite.get_gtt(trigger_id)
    assert (gtt["status"], gtt["meta"]["rejection_reason"]) == (kite.GTT_STATUS_DISABLED, "Demerger")
    kite.modify_gtt(trigger_id, kite.GTT_TYPE_SINGLE, "INFY", "NSE", [1610], 1520, [order])
    assert kite.get_gtt(trigger_id)["status"] == kite.GTT_STATUS_ACTIVE
