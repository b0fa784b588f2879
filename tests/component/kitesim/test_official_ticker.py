"""The unmodified official ticker believes this exchange."""

import time
from collections.abc import Callable

import pytest
from kiteconnect import KiteConnect

from .conftest import FUTURE, Exchange
from .tickers import Event, Ticker

pytestmark = pytest.mark.component
INDEX, SHARE = 256265, 408065


def future_token(kite: KiteConnect) -> int:
    return int(next(row["instrument_token"] for row in kite.instruments("NFO") if row["tradingsymbol"] == FUTURE))


def test_ticks_come_in_the_mode_that_was_asked_for(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """One connection receives full, quote and ltp packets, with sound values, and they move."""
    kite = exchange.client()
    future = future_token(kite)
    modes = {"full": [future, INDEX], "ltp": [SHARE]}
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, modes)
    _, ticks = ticker.until(lambda event: event[0] == "ticks" and len(event[1]) == 3 and "depth" in str(event))
    by_token = {tick["instrument_token"]: tick for tick in ticks}
    assert {token: tick["mode"] for token, tick in by_token.items()} == {future: "full", INDEX: "full", SHARE: "ltp"}
    full = by_token[future]
    assert full["ohlc"]["low"] <= full["last_price"] <= full["ohlc"]["high"]
    assert full["depth"]["buy"][0]["price"] < full["depth"]["sell"][0]["price"]
    assert full["tradable"] is True
    assert by_token[INDEX]["tradable"] is False

    def has_moved(event: Event) -> bool:
        prices = (
            [tick["last_price"] for tick in event[1] if tick["instrument_token"] == future]
            if event[0] == "ticks"
            else []
        )
        return bool(prices) and prices[0] != full["last_price"]

    ticker.until(has_moved)


def test_order_updates_reach_the_user(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """A fill, a cancellation and a modification are told, with the checksum of the postback; placing is not."""
    kite = exchange.client()
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event[0] == "connect")
    order_id = kite.place_order(
        "regular", "NFO", FUTURE, "BUY", 65, "NRML", "MARKET", market_protection=-1, tag="UPDATE01"
    )
    _, update = ticker.until(lambda event: event[0] == "order")
    assert update | {"order_id": order_id, "status": "COMPLETE", "tag": "UPDATE01", "filled_quantity": 65} == update
    assert len(update["checksum"]) == 64
    assert {"user_id", "app_id", "unfilled_quantity"} <= set(update)
    assert "tags" not in update
    low = round(update["average_price"] - 200)
    resting = kite.place_order("regular", "NFO", FUTURE, "BUY", 65, "NRML", "LIMIT", price=low)
    deadline = time.monotonic() + 5
    while kite.order_history(resting)[-1]["status"] != "OPEN":
        assert time.monotonic() < deadline
    kite.modify_order("regular", resting, price=low - 10)
    _, update = ticker.until(lambda event: event[0] == "order")
    assert (update["order_id"], update["status"], update["price"]) == (resting, "UPDATE", low - 10)
    kite.cancel_order("regular", resting)
    _, update = ticker.until(lambda event: event[0] == "order")
    assert (update["order_id"], update["status"]) == (resting, "CANCELLED")


def test_an_idle_stream_has_a_heartbeat(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """Without subscriptions there is one byte a second."""
    kite = exchange.client()
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    for _ in range(2):
        assert ticker.until(lambda event: event[0] == "bytes")[1] == 1


def test_a_bad_token_is_refused_at_the_door(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """The upgrade is answered with 403, as the official client reports it."""
    kite = exchange.client()
    ticker = make_ticker(exchange, kite.api_key, "wrong", {})
    _, code, reason = ticker.until(lambda event: event[0] == "close")
    assert code == 1006
    assert "403" in reason


def test_the_ticker_comes_back_after_a_reset(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    """A stream that was cut is opened anew by the client, and ticks flow again."""
    user = exchange.user()
    kite = exchange.client(user)
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {"quote": [SHARE]})
    ticker.until(lambda event: event[0] == "ticks")
    exchange.control("POST", "faults", kind="stream-reset", user_id=user, count=1)
    ticker.until(lambda event: event[0] == "close")
    ticker.until(lambda event: event[0] == "ticks")
    assert len([entry for entry in exchange.log("stream_opened") if entry["user_id"] == user]) == 2
