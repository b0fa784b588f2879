"""Every public method of the official Python client is driven against this exchange, and its values are checked."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually

pytestmark = pytest.mark.component
INSTRUMENT = f"NFO:{FUTURE}"
Probe = Callable[[Exchange, KiteConnect], None]
probes: dict[str, Probe] = {}


def probe(*methods: str) -> Callable[[Probe], Probe]:
    """Register a probe of these methods."""

    def register(function: Probe) -> Probe:
        probes.update(dict.fromkeys(methods, function))
        return function

    return register


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a kitesim that gives refresh tokens."""
    made = Exchange(funds=50_000_000, limits={"enabled": False}, rules={"refresh_tokens": True})
    yield made
    made.stop()


def last(exchange: Exchange, instrument: str = INSTRUMENT) -> float:
    return float(exchange.control("GET", "state")["last_prices"][instrument])


def buy(kite: KiteConnect, quantity: int = 65, **fields: Any) -> str:
    order = {"product": "NRML", "order_type": "MARKET", "market_protection": -1, **fields}
    order_id = str(kite.place_order("regular", "NFO", FUTURE, "BUY", quantity, **order))
    if order["order_type"] == "MARKET":
        eventually(lambda: kite.order_history(order_id)[-1]["status"] == "COMPLETE")
    return order_id


def resting(exchange: Exchange, kite: KiteConnect) -> tuple[str, float]:
    """Place an order that does not fill; return its id and its price."""
    price = round(last(exchange)) - 300.0
    order_id = buy(kite, order_type="LIMIT", price=price, market_protection=None)
    eventually(lambda: kite.order_history(order_id)[-1]["status"] == "OPEN")
    return order_id, price


def test_no_public_method_is_left_out() -> None:
    """A method that a new release of the client brings fails here until somebody drives it."""
    methods = {name for name, _ in inspect.getmembers(KiteConnect, inspect.isfunction) if not name.startswith("_")}
    assert methods == set(probes)


@probe("login_url", "generate_session", "set_access_token", "set_session_expiry_hook", "renew_access_token")
@probe("invalidate_access_token", "invalidate_refresh_token")
def sessions(exchange: Exchange, kite: KiteConnect) -> None:
    query = urlsplit(kite.login_url()).query
    assert parse_qs(query) == {"api_key": [kite.api_key], "v": ["3"]}
    page = kite.reqsession.get(f"{exchange.url}/connect/login?{query}")
    assert (page.status_code, kite.api_key in page.text) == (200, True)
    form = {"api_key": kite.api_key, "redirect_params": "desk=7"}
    reply = kite.reqsession.post(f"{exchange.url}/connect/login", data=form, allow_redirects=False)
    landed = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert landed | {"status": ["success"], "action": ["login"], "desk": ["7"]} == landed
    secret = exchange.control("POST", "login", user_id=kite.profile()["user_id"])["api_secret"]
    session = kite.generate_session(landed["request_token"][0], secret)
    kite.set_access_token(session["access_token"])
    renewed = kite.renew_access_token(session["refresh_token"], secret)
    assert renewed["user_id"] == session["user_id"] == kite.profile()["user_id"]
    old = KiteConnect(kite.api_key, session["access_token"], root=exchange.url)
    expired: list[int] = []
    old.set_session_expiry_hook(lambda: expired.append(1))
    with pytest.raises(kite_errors.TokenException):
        old.profile()
    old.reqsession.close()
    assert expired == [1]
    assert kite.invalidate_refresh_token(session["refresh_token"]) is True
    with pytest.raises(kite_errors.TokenException):
        kite.renew_access_token(session["refresh_token"], secret)
    assert kite.invalidate_access_token() is True
    with pytest.raises(kite_errors.TokenException):
        kite.profile()


@probe("profile", "margins")
def user(exchange: Exchange, kite: KiteConnect) -> None:
    profile = kite.profile()
    assert (profile["email"], profile["broker"]) == (f"{profile['user_id'].lower()}@example.com", "ZERODHA")
    assert kite.margins("equity") == kite.margins()["equity"]
    assert kite.margins("equity")["available"]["cash"] == 50_000_000
    assert "SPAN is not modelled" in kite.margins("equity")["approximation"]


@probe("instruments", "quote", "ohlc", "ltp", "historical_data", "trigger_range")
def market(exchange: Exchange, kite: KiteConnect) -> None:
    (row,) = [row for row in kite.instruments("NFO") if row["tradingsymbol"] == FUTURE]
    token = row["instrument_token"]
    assert (row["lot_size"], row["segment"]) == (65, "NFO-FUT")
    assert kite.quote(INSTRUMENT)[INSTRUMENT]["instrument_token"] == token
    ohlc = kite.ohlc(INSTRUMENT)[INSTRUMENT]["ohlc"]
    assert ohlc["low"] <= kite.ltp(INSTRUMENT)[INSTRUMENT]["last_price"] <= ohlc["high"] * 1.01
    day = kite.historical_data(token, "2026-11-20 00:00:00", "2026-11-20 23:59:00", "day", continuous=False, oi=True)
    assert len(day) == 1
    assert day[0]["low"] <= day[0]["close"] <= day[0]["high"]
    limits = kite.trigger_range("BUY", INSTRUMENT)[INSTRUMENT]
    assert limits["lower"] < last(exchange) < limits["upper"]


@probe("place_order", "modify_order", "cancel_order", "exit_order", "orders", "order_history")
def orders(exchange: Exchange, kite: KiteConnect) -> None:
    order_id, price = resting(exchange, kite)
    assert kite.modify_order("regular", order_id, price=price - 10) == order_id
    eventually(lambda: kite.orders()[0]["price"] == price - 10)
    assert "MODIFY VALIDATION PENDING" in [row["status"] for row in kite.order_history(order_id)]
    assert kite.cancel_order("regular", order_id) == order_id
    eventually(lambda: kite.orders()[0]["status"] == "CANCELLED")
    other, _ = resting(exchange, kite)
    assert kite.exit_order("regular", other) == other


@probe("place_autoslice_order")
def slices(exchange: Exchange, kite: KiteConnect) -> None:
    price = round(last(exchange)) - 300.0
    answer = kite.place_autoslice_order("regular", "NFO", FUTURE, "BUY", 1755 + 130, "NRML", "LIMIT", price=price)
    assert [list(each) for each in answer["children"]] == [["order_id"]]
    quantities = {row["order_id"]: row["quantity"] for row in kite.orders()}
    assert quantities == {answer["order_id"]: 1755, answer["children"][0]["order_id"]: 130}


@probe("trades", "order_trades", "positions", "convert_position")
def portfolio(exchange: Exchange, kite: KiteConnect) -> None:
    order_id = buy(kite, 130)
    trades = kite.trades()
    assert trades == kite.order_trades(order_id)
    paid = sum(trade["quantity"] * trade["average_price"] for trade in trades)
    assert kite.convert_position("NFO", FUTURE, "BUY", "day", 65, "NRML", "MIS") is True
    rows = {row["product"]: row for row in kite.positions()["net"]}
    assert (rows["NRML"]["quantity"], rows["MIS"]["quantity"]) == (65, 65)
    assert rows["NRML"]["buy_value"] + rows["MIS"]["buy_value"] == pytest.approx(paid, abs=0.001)
    charges = 50_000_000 - kite.margins("equity")["available"]["cash"]
    note = [{"order_id": order_id, "exchange": "NFO", "tradingsymbol": FUTURE, "transaction_type": "BUY"}]
    note[0] |= {"variety": "regular", "product": "NRML", "order_type": "MARKET"}
    exact = kite.get_virtual_contract_note([note[0] | {"quantity": 130, "average_price": paid / 130}])
    assert charges == pytest.approx(exact[0]["charges"]["total"], abs=1)
    with pytest.raises(kite_errors.InputException, match="at most 65 to convert"):
        kite.convert_position("NFO", FUTURE, "BUY", "day", 130, "NRML", "MIS")


@probe("holdings", "get_auction_instruments")
def holdings(exchange: Exchange, kite: KiteConnect) -> None:
    assert kite.holdings() == kite.get_auction_instruments() == []
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}"}
    for path, value in (("summary", {"invested_amount": 0.0}), ("compact", {})):
        data = kite.reqsession.get(f"{exchange.url}/portfolio/holdings/{path}", headers=headers).json()["data"]
        assert value.items() <= dict(data).items()
    reply = kite.reqsession.post(f"{exchange.url}/portfolio/holdings/authorise", headers=headers).json()
    assert len(reply["data"]["request_id"]) == 32
    full = kite.reqsession.get(f"{exchange.url}/user/profile/full", headers=headers).json()["data"]
    assert (full["user_id"], full["twofa_type"]) == (kite.profile()["user_id"], "totp")


@probe("place_gtt", "get_gtts", "get_gtt", "modify_gtt", "delete_gtt")
def triggers(exchange: Exchange, kite: KiteConnect) -> None:
    price = round(last(exchange)) + 200.0
    order = {"transaction_type": "SELL", "quantity": 65, "order_type": "LIMIT", "product": "NRML", "price": price}
    single = (kite.GTT_TYPE_SINGLE, FUTURE, "NFO")
    trigger_id = kite.place_gtt(*single, [price], price, [order])["trigger_id"]
    assert kite.modify_gtt(trigger_id, *single, [price + 10], price, [order]) == {"trigger_id": trigger_id}
    gtt = kite.get_gtt(trigger_id)
    assert (gtt["status"], gtt["condition"]["trigger_values"]) == ("active", [price + 10])
    two = kite.place_gtt(kite.GTT_TYPE_OCO, FUTURE, "NFO", [price - 500, price + 500], price, [order, order])
    assert kite.delete_gtt(two["trigger_id"]) == two
    assert {row["id"]: row["status"] for row in kite.get_gtts()} == {trigger_id: "active", two["trigger_id"]: "deleted"}


@probe("order_margins", "basket_order_margins", "get_virtual_contract_note")
def calculators(exchange: Exchange, kite: KiteConnect) -> None:
    order: dict[str, object] = {"exchange": "NFO", "tradingsymbol": FUTURE, "transaction_type": "BUY", "quantity": 65}
    order |= {"variety": "regular", "product": "NRML", "order_type": "LIMIT", "price": 24000, "trigger_price": 0}
    (margin,) = kite.order_margins([order])
    assert (margin["total"], margin["span"]) == (margin["exposure"], 0)
    assert "SPAN is not modelled" in margin["approximation"]
    charges = margin["charges"]
    assert charges["brokerage"] == 20
    assert charges["stamp_duty"] == pytest.approx(24000 * 65 * 0.00002)
    assert charges["transaction_tax"] == 0
    hedge = [order, order | {"transaction_type": "SELL"}]
    basket = kite.basket_order_margins(hedge)
    assert (basket["initial"]["total"], basket["final"]["total"]) == (2 * margin["total"], 0)
    assert "orders" not in kite.basket_order_margins(hedge, mode="compact")
    (note,) = kite.get_virtual_contract_note(
        [order | {"order_id": "1", "average_price": 24000, "transaction_type": "SELL"}]
    )
    assert note["charges"]["transaction_tax"] == pytest.approx(24000 * 65 * 0.0005)


@probe("mf_orders", "mf_sips", "mf_holdings", "mf_instruments", "place_mf_order", "cancel_mf_order", "place_mf_sip")
@probe("modify_mf_sip", "cancel_mf_sip")
def mutual_funds(exchange: Exchange, kite: KiteConnect) -> None:
    assert kite.mf_orders() == kite.mf_sips() == kite.mf_holdings() == kite.mf_instruments() == []
    writes: list[Callable[[], object]] = [
        lambda: kite.place_mf_order("INF209K01157", "BUY", amount=1000),
        lambda: kite.place_mf_sip("INF209K01157", 1000, 12, "monthly", instalment_day=1),
    ]
    for refused in writes:
        with pytest.raises(kite_errors.GeneralException, match="not part of this simulator") as refusal:
            refused()
        assert refusal.value.code == 400
    reads: list[Callable[[], object]] = [
        lambda: kite.mf_orders("1"),
        lambda: kite.cancel_mf_order("1"),
        lambda: kite.mf_sips("1"),
        lambda: kite.modify_mf_sip("1", amount=2000),
        lambda: kite.cancel_mf_sip("1"),
    ]
    for unknown in reads:
        with pytest.raises(kite_errors.GeneralException, match="Couldn't find"):
            unknown()


@pytest.mark.parametrize("name", sorted({function.__name__ for function in probes.values()}))
def test_the_client_reads_what_the_exchange_means(exchange: Exchange, name: str) -> None:
    """Each probe drives its methods over real sockets and compares values."""
    (function,) = {function for function in probes.values() if function.__name__ == name}
    function(exchange, exchange.client())
