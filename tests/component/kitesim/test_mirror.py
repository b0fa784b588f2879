"""A market that follows pushed quotes, and the official client that trades in it: paper trading on a live feed."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually
from .tickers import Ticker

pytestmark = pytest.mark.component
KEY = f"NFO:{FUTURE}"
CALL = "NIFTY26DEC24000CE"
ON_ITS_WAY = frozenset({"PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING"})


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """Return a kitesim whose own clock stands: everything that moves is pushed."""
    made = Exchange(funds=50_000_000, limits={"enabled": False}, charges={"taken": "never"})
    yield made
    made.stop()


def push(exchange: Exchange, last: float, bid: int = 130, ask: int = 130, **fields: Any) -> None:
    """Push a quote of the future: two levels a side, a rupee apart, the first one a rupee from the last price."""
    depth = {
        "buy": [{"price": last - 1 - level, "quantity": bid, "orders": 2} for level in range(2)],
        "sell": [{"price": last + 1 + level, "quantity": ask, "orders": 2} for level in range(2)],
    }
    quote = {"instrument": KEY, "last_price": last, "depth": depth, **fields}
    assert exchange.control("POST", "quotes", quotes=[quote]) == {"taken": 1, "unknown": []}


def place(kite: KiteConnect, side: str, quantity: int, **fields: Any) -> str:
    terms = {"order_type": "MARKET", "market_protection": -1, "product": "NRML", **fields}
    order_id = str(kite.place_order("regular", "NFO", FUTURE, side, quantity, **terms))
    eventually(lambda: kite.order_history(order_id)[-1]["status"] not in ON_ITS_WAY)
    return order_id


def last_row(kite: KiteConnect, order_id: str) -> dict[str, Any]:
    return dict(kite.order_history(order_id)[-1])


def test_orders_fill_against_the_pushed_depth(exchange: Exchange) -> None:
    """Level by level at the pushed prices and no more than what stands there; the rest waits for the next quote."""
    kite = exchange.client()
    push(exchange, 24_000)
    order_id = place(kite, "BUY", 195)
    eventually(lambda: last_row(kite, order_id)["status"] == "COMPLETE")
    assert [(trade["average_price"], trade["quantity"]) for trade in kite.trades()] == [(24_001, 130), (24_002, 65)]
    large = place(kite, "BUY", 260)
    eventually(lambda: last_row(kite, large)["filled_quantity"] == 65)
    assert (last_row(kite, large)["status"], last_row(kite, large)["order_type"]) == ("OPEN", "LIMIT")
    push(exchange, 24_003)
    eventually(lambda: last_row(kite, large)["filled_quantity"] == 260)
    (position,) = kite.positions()["net"]
    assert (position["quantity"], position["last_price"]) == (455, 24_003)
    assert position["pnl"] == pytest.approx(
        455 * 24_003 - sum(t["average_price"] * t["quantity"] for t in kite.trades())
    )


def test_a_limit_order_waits_for_the_quote_that_crosses_it(exchange: Exchange) -> None:
    """Nothing fills between quotes; a quote that crosses fills at the order's own price, with its quantity."""
    kite = exchange.client()
    push(exchange, 24_000)
    order_id = place(kite, "BUY", 130, order_type="LIMIT", price=23_950, market_protection=None)
    for price in (23_990, 23_960, 23_952):
        push(exchange, price)
        assert last_row(kite, order_id)["status"] == "OPEN"
    push(exchange, 23_948, ask=65)
    eventually(lambda: last_row(kite, order_id)["status"] == "COMPLETE")
    assert last_row(kite, order_id)["average_price"] == 23_950


def test_a_stop_triggers_on_a_pushed_price(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """The pushed last price reaches the trigger, the stop sells into the pushed bids, and the stream says so."""
    kite = exchange.client()
    push(exchange, 24_000)
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event == ["connect"])
    place(kite, "BUY", 65)
    stop = place(kite, "SELL", 65, order_type="SL", trigger_price=23_980, price=23_970, market_protection=None)
    eventually(lambda: last_row(kite, stop)["status"] == "TRIGGER PENDING")
    push(exchange, 23_985)
    assert last_row(kite, stop)["status"] == "TRIGGER PENDING"
    push(exchange, 23_979)
    _, update = ticker.until(lambda event: event[0] == "order" and event[1]["order_id"] == stop)
    assert (update["status"], update["average_price"]) == ("COMPLETE", 23_978)
    assert kite.positions()["net"][0]["pnl"] == pytest.approx(65 * (23_978 - 24_001))


def test_the_stream_shows_what_was_pushed(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """Day, volume, interest and depth of the mirrored quote come out of the official ticker as they went in."""
    kite = exchange.client()
    token = kite.ltp(KEY)[KEY]["instrument_token"]
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {"full": [token]})
    ticker.until(lambda event: event[0] == "ticks")
    day = {"open": 23_900, "high": 24_120, "low": 23_880, "close": 23_850}
    push(exchange, 24_000, volume=123_500, quantity=65, oi=4_000_000, ohlc=day, average_price=23_990)
    _, ticks = ticker.until(lambda event: event[0] == "ticks" and event[1][0]["volume_traded"] == 123_500)
    (tick,) = ticks
    assert tick["ohlc"] == day
    assert (tick["last_price"], tick["last_traded_quantity"], tick["oi"]) == (24_000, 65, 4_000_000)
    assert tick["average_traded_price"] == 23_990
    assert tick["change"] == pytest.approx(150 * 100 / 23_850)
    assert [level["price"] for level in tick["depth"]["sell"][:3]] == [24_001, 24_002, 0]
    assert (tick["total_buy_quantity"], tick["depth"]["buy"][0]["orders"]) == (260, 2)
    quote = kite.quote(KEY)[KEY]
    assert (quote["ohlc"], quote["volume"]) == (day, 123_500)
    assert quote["lower_circuit_limit"] == pytest.approx(23_850 * 0.9, abs=1)
    with pytest.raises(kite_errors.InputException, match="upper circuit limit"):
        place(kite, "BUY", 65, order_type="LIMIT", price=26_500, market_protection=None)


def test_what_is_not_pushed_follows_its_index(exchange: Exchange) -> None:
    """Options and futures take their index along until they are pushed themselves; strangers are told, not fatal."""
    kite = exchange.client()
    rows = [{"instrument": "NSE:NIFTY 50", "last_price": 24_500}, {"instrument": "NSE:NOSUCH", "last_price": 1}]
    assert exchange.control("POST", "quotes", quotes=rows) == {"taken": 1, "unknown": ["NSE:NOSUCH"]}
    eventually(lambda: abs(kite.ltp(KEY)[KEY]["last_price"] / 24_500 - 1.0064) < 0.002)
    eventually(lambda: kite.ltp(f"NFO:{CALL}")[f"NFO:{CALL}"]["last_price"] > 480)
    push(exchange, 24_444)
    exchange.control("POST", "quotes", quotes=[{"instrument": "NSE:NIFTY 50", "last_price": 24_600}])
    eventually(lambda: kite.ltp(f"NFO:{CALL}")[f"NFO:{CALL}"]["last_price"] > 580)
    assert kite.ltp(KEY)[KEY]["last_price"] == 24_444


def test_a_whole_market_is_pushed_in_one_call(exchange: Exchange) -> None:
    """Every instrument in one request, again and again, while orders come and go."""
    kite = exchange.client()
    prices = exchange.control("GET", "state")["last_prices"]
    for _ in range(5):
        quotes = [{"instrument": key, "last_price": price, "volume": 1000} for key, price in prices.items()]
        assert exchange.control("POST", "quotes", quotes=quotes)["taken"] == len(prices)
        order_id = place(kite, "BUY", 65)
        eventually(lambda: last_row(kite, order_id)["filled_quantity"] > 0)  # noqa: B023
    state = exchange.control("GET", "state")["last_prices"]
    assert state == prices


def test_a_mirror_moves_only_as_it_is_pushed() -> None:
    """By the machine's clock; what nobody pushed neither ticks nor trades, what was pushed fills at what was pushed."""
    exchange = Exchange(date=None, mirror=True, funds=50_000_000, charges={"taken": "never"})
    try:
        assert abs(exchange.control("GET", "clock")["market_time_ns"] / 1e9 - time.time()) < 5
        before = exchange.control("GET", "state")["last_prices"]
        kite = exchange.client()
        (name,) = [key for key in before if re.fullmatch(r"NFO:NIFTY\d\d[A-Z]{3}FUT", key)][:1]
        terms = {"order_type": "MARKET", "market_protection": -1, "product": "NRML"}
        with pytest.raises(kite_errors.InputException, match="No quote of NFO:NIFTY"):
            kite.place_order("regular", "NFO", name[4:], "BUY", 65, **terms)
        exchange.control("POST", "quotes", quotes=[{"instrument": name, "last_price": 26_500}])
        order_id = kite.place_order("regular", "NFO", name[4:], "BUY", 65, **terms)
        eventually(lambda: last_row(kite, order_id)["status"] == "COMPLETE")
        assert abs(last_row(kite, order_id)["average_price"] - 26_500) < 20
        now = exchange.control("GET", "state")["last_prices"]
        assert {key for key in now if now[key] != before[key]} == {name}
    finally:
        exchange.stop()


def test_a_mirror_lists_the_contracts_of_its_market(exchange: Exchange) -> None:
    """A strike and a week that the seed never made trade as soon as they are listed and pushed; strangers are told."""
    kite = exchange.client()
    row = {"name": "NIFTY", "expiry": "2026-12-01", "tick_size": 0.05, "lot_size": 65, "freeze_quantity": 1800}
    far = {"instrument": "NFO:NIFTY26D0131050CE", "instrument_type": "CE", "strike": 31_050, **row}
    stranger = {"instrument": "NFO:NOSUCH26DECFUT", "instrument_type": "FUT", **row, "name": "NOSUCH"}
    assert exchange.control("POST", "instruments", instruments=[far, stranger]) == {"unknown": [stranger["instrument"]]}
    assert exchange.control("POST", "instruments", instruments=[far]) == {"unknown": []}, "twice is no harm"
    assert [each["lot_size"] for each in kite.instruments("NFO") if each["tradingsymbol"] == "NIFTY26D0131050CE"] == [
        65
    ]
    quote = {"instrument": far["instrument"], "last_price": 12.5}
    assert exchange.control("POST", "quotes", quotes=[quote])["taken"] == 1
    terms = {"order_type": "MARKET", "market_protection": -1, "product": "NRML"}
    order_id = kite.place_order("regular", "NFO", "NIFTY26D0131050CE", "BUY", 65, **terms)
    eventually(lambda: last_row(kite, order_id)["status"] == "COMPLETE")
    assert abs(last_row(kite, order_id)["average_price"] - 12.5) < 2
