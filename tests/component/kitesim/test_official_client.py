"""The unmodified official Python client believes this exchange."""

from collections.abc import Callable
from datetime import date, datetime

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually

pytestmark = pytest.mark.component


def last_price(exchange: Exchange) -> float:
    return float(exchange.control("GET", "state")["last_prices"][f"NFO:{FUTURE}"])


def place(kite: KiteConnect, side: str, quantity: int, **fields: object) -> str:
    order: dict[str, object] = {"product": "NRML", "order_type": "LIMIT", **fields}
    order_id = kite.place_order("regular", "NFO", FUTURE, side, quantity, **order)
    assert isinstance(order_id, str)
    return order_id


def status(kite: KiteConnect, order_id: str) -> str:
    return str(kite.order_history(order_id)[-1]["status"])


def test_a_session_is_bought_with_a_request_token(exchange: Exchange) -> None:
    """Login, profile, logout; a token that was used or ended is a TokenException with code 403."""
    login = exchange.control("POST", "login", user_id=exchange.user())
    kite = KiteConnect(login["api_key"], root=exchange.url)
    try:
        session = kite.generate_session(login["request_token"], login["api_secret"])
        assert isinstance(session["login_time"], datetime)
        with pytest.raises(kite_errors.TokenException) as reused:
            kite.generate_session(login["request_token"], login["api_secret"])
        assert reused.value.code == 403
        assert kite.profile()["user_id"] == session["user_id"]
        assert kite.invalidate_access_token() is True
        expired: list[int] = []
        kite.set_session_expiry_hook(lambda: expired.append(1))
        with pytest.raises(kite_errors.TokenException, match="Incorrect `api_key` or `access_token`"):
            kite.profile()
        assert expired == [1]
    finally:
        kite.reqsession.close()


def test_a_wrong_secret_gives_no_session(exchange: Exchange) -> None:
    """The checksum is checked."""
    login = exchange.control("POST", "login", user_id=exchange.user())
    kite = KiteConnect(login["api_key"], root=exchange.url)
    with pytest.raises(kite_errors.TokenException):
        kite.generate_session(login["request_token"], "wrong")
    kite.reqsession.close()


def test_margins_have_both_segments(exchange: Exchange) -> None:
    """Equity holds the funds; commodity is there and empty; a segment can be asked for alone."""
    kite = exchange.client()
    margins = kite.margins()
    assert set(margins) == {"equity", "commodity"}
    assert margins["equity"]["net"] == margins["equity"]["available"]["live_balance"] == 50_000_000
    assert kite.margins("equity") == margins["equity"]
    assert kite.margins("commodity")["net"] == 0


def test_the_instrument_dump_parses(exchange: Exchange) -> None:
    """Types, well-known tokens and expiries are right, for all exchanges and for one."""
    kite = exchange.client()
    rows = {row["tradingsymbol"]: row for row in kite.instruments()}
    assert rows["INFY"]["instrument_token"] == 408065
    assert rows["NIFTY 50"] | {"instrument_token": 256265, "segment": "INDICES", "lot_size": 0} == rows["NIFTY 50"]
    future = rows[FUTURE]
    assert (future["expiry"], future["lot_size"], future["tick_size"]) == (date(2026, 12, 29), 65, 0.1)
    assert future["strike"] == 0.0
    assert {row["exchange"] for row in kite.instruments("NFO")} == {"NFO"}


def test_the_dump_is_csv_without_a_charset(exchange: Exchange) -> None:
    """The official JavaScript client parses the dump only when the header is exactly this."""
    kite = exchange.client()
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}"}
    reply = kite.reqsession.get(f"{exchange.url}/instruments", headers=headers)
    assert reply.headers["Content-Type"] == "text/csv"


def test_quotes_come_in_three_sizes(exchange: Exchange) -> None:
    """The three quote calls agree in shape with the documentation; what does not exist is absent."""
    full = exchange.client().quote(f"NFO:{FUTURE}", "NSE:NIFTY 50", "NSE:NOSUCH")
    assert set(full) == {f"NFO:{FUTURE}", "NSE:NIFTY 50"}
    quote = full[f"NFO:{FUTURE}"]
    assert isinstance(quote["timestamp"], datetime)
    assert [len(quote["depth"][side]) for side in ("buy", "sell")] == [5, 5]
    assert quote["depth"]["buy"][0]["price"] <= quote["last_price"] <= quote["depth"]["sell"][0]["price"]
    assert quote["lower_circuit_limit"] < quote["last_price"] < quote["upper_circuit_limit"]
    assert set(exchange.client().ohlc("NSE:INFY")["NSE:INFY"]) == {"instrument_token", "last_price", "ohlc"}
    assert set(exchange.client().ltp(["NSE:INFY"])["NSE:INFY"]) == {"instrument_token", "last_price"}


def test_a_quote_holds_500_instruments_at_most(exchange: Exchange) -> None:
    """The 501st is an InputException with the documented text."""
    with pytest.raises(kite_errors.InputException, match="Max permitted is 500"):
        exchange.client().quote([f"NSE:X{number}" for number in range(501)])


def test_quotes_are_limited_to_one_a_second(make_exchange: Callable[..., Exchange]) -> None:
    """The second quote within a second is a NetworkException with code 429."""
    kite = make_exchange().client()
    kite.ltp("NSE:INFY")
    with pytest.raises(kite_errors.NetworkException, match="Too many requests") as refused:
        _ = [kite.ltp("NSE:INFY") for _ in range(3)]
    assert refused.value.code == 429


def test_an_order_lives_its_life(exchange: Exchange) -> None:
    """Market order to position to trade to margin; everything the client reads back agrees."""
    kite = exchange.client()
    order_id = place(kite, "BUY", 130, order_type="MARKET", market_protection=-1, tag="LIFE0001")
    eventually(lambda: status(kite, order_id) == "COMPLETE")
    statuses = [row["status"] for row in kite.order_history(order_id)]
    assert statuses[:4] == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]
    (order,) = kite.orders()
    assert order | {"tag": "LIFE0001", "tags": ["LIFE0001"], "status": "COMPLETE", "filled_quantity": 130} == order
    assert isinstance(order["order_timestamp"], datetime)
    assert isinstance(order["exchange_timestamp"], datetime)
    trades = kite.order_trades(order_id)
    assert trades == kite.trades()
    assert sum(trade["quantity"] for trade in trades) == 130
    (position,) = kite.positions()["net"]
    assert (position["quantity"], position["average_price"]) == (130, pytest.approx(order["average_price"], abs=0.01))
    equity = kite.margins("equity")
    assert equity["utilised"]["exposure"] > 0
    assert equity["net"] == pytest.approx(equity["available"]["cash"] - equity["utilised"]["debits"])
    assert kite.holdings() == []
    (entry,) = [entry for entry in exchange.log("order_accepted") if entry["order_id"] == order_id]
    assert (entry["tag"], entry["instrument"], entry["quantity"]) == ("LIFE0001", f"NFO:{FUTURE}", 130)


def test_a_stop_is_modified_and_cancelled(exchange: Exchange) -> None:
    """The way of a modification shows in the history; a cancelled order refuses both acts with a 400."""
    kite = exchange.client()
    low = round(last_price(exchange) - 200)
    order_id = place(kite, "SELL", 65, order_type="SL", trigger_price=low, price=low - 20)
    eventually(lambda: status(kite, order_id) == "TRIGGER PENDING")
    assert kite.modify_order("regular", order_id, trigger_price=low - 10) == order_id
    eventually(lambda: status(kite, order_id) == "TRIGGER PENDING" and kite.orders()[0]["trigger_price"] == low - 10)
    assert kite.cancel_order("regular", order_id) == order_id
    eventually(lambda: status(kite, order_id) == "CANCELLED")
    with pytest.raises(kite_errors.InputException, match="being processed") as refused:
        kite.cancel_order("regular", order_id)
    assert refused.value.code == 400
    with pytest.raises(kite_errors.InputException, match="being processed"):
        kite.modify_order("regular", order_id, price=1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"order_type": "MARKET"}, "without market protection"),
        ({"price": 24000.03}, "Tick size for this script is 0.10"),
        ({"price": 1}, "lower circuit limit"),
        ({"price": 24000, "tag": "no spaces"}, "tag"),
        ({}, "Missing or empty field `price`"),
    ],
)
def test_bad_orders_are_input_exceptions(exchange: Exchange, fields: dict[str, object], message: str) -> None:
    """What the broker refuses at once arrives as InputException with code 400."""
    kite = exchange.client()
    with pytest.raises(kite_errors.InputException, match=message) as refused:
        place(kite, "BUY", 65, **fields)
    assert refused.value.code == 400
    assert kite.orders() == []


def test_too_little_money_shows_in_the_book(exchange: Exchange) -> None:
    """The order is accepted, then REJECTED with the reason."""
    user = exchange.user()
    kite = exchange.client(user)
    exchange.control("POST", "user", user_id=user, funds=1000)
    order_id = place(kite, "BUY", 65, order_type="MARKET", market_protection=-1)
    eventually(lambda: status(kite, order_id) == "REJECTED")
    (order,) = kite.orders()
    assert order["status_message"].startswith("Insufficient funds")
    assert order["exchange_timestamp"] is None


def test_ten_orders_a_second(make_exchange: Callable[..., Exchange]) -> None:
    """More than ten orders in a calendar second give a 429, and the refused ones were not accepted."""
    exchange = make_exchange(funds=50_000_000)
    kite = exchange.client()
    price = round(last_price(exchange) - 300)
    with pytest.raises(kite_errors.NetworkException, match="Too many requests") as refused:
        _ = [place(kite, "BUY", 65, price=price) for _ in range(100)]
    assert refused.value.code == 429
    user_id = kite.profile()["user_id"]
    entries = [entry for entry in exchange.log("request") if entry["path"] == "/orders/regular"]
    mine = [entry["status"] for entry in entries if entry["user_id"] == user_id]
    assert mine[-1] == 429
    assert mine[:-1] == [200] * len(kite.orders())
    assert len(mine) > 10


def test_history_comes_in_candles(exchange: Exchange) -> None:
    """Minutes and longer candles of the days before, with open interest on demand."""
    kite = exchange.client()
    token = 408065
    minutes = kite.historical_data(token, "2026-11-20 09:15:00", "2026-11-20 09:44:00", "minute")
    assert len(minutes) == 30
    assert minutes[0]["date"].isoformat() == "2026-11-20T09:15:00+05:30"
    halves = kite.historical_data(token, "2026-11-20 09:15:00", "2026-11-20 10:14:00", "30minute", oi=True)
    assert halves[0]["open"] == minutes[0]["open"]
    assert halves[0]["high"] == max(candle["high"] for candle in minutes)
    assert "oi" in halves[0]


def test_history_has_its_limits(exchange: Exchange) -> None:
    """Too many days is an InputException with the documented text; so is an unknown interval."""
    kite = exchange.client()
    with pytest.raises(kite_errors.InputException, match="interval exceeds max limit: 60 days"):
        kite.historical_data(408065, "2026-01-01 09:15:00", "2026-11-20 09:44:00", "minute")
    with pytest.raises(kite_errors.InputException, match="interval"):
        kite.historical_data(408065, "2026-11-20 09:15:00", "2026-11-20 09:44:00", "2minute")


def test_what_does_not_exist_says_so(exchange: Exchange) -> None:
    """Unknown orders and unknown triggers are errors in the usual envelope, never an HTML page."""
    kite = exchange.client()
    with pytest.raises(kite_errors.GeneralException, match="Couldn't find that `order_id`"):
        kite.order_history("123")
    with pytest.raises(kite_errors.GeneralException, match="Trigger not found") as missing:
        kite.get_gtt(1)
    assert missing.value.code == 404
