"""Every callback and every public method of the official ticker is driven against this exchange."""

import inspect
import json
from collections.abc import Callable

import pytest
from kiteconnect import KiteTicker

from kitesim.stream.connections import Connection

from .conftest import FUTURE, Exchange, eventually
from .tickers import Ticker

pytestmark = pytest.mark.component
INDEX, SHARE = 256265, 408065
Drive = Callable[[Exchange, Callable[..., Ticker]], None]
drives: dict[str, Drive] = {}


def drives_of(*names: str) -> Callable[[Drive], Drive]:
    """Register what drives these callbacks and methods."""

    def register(function: Drive) -> Drive:
        drives.update(dict.fromkeys(names, function))
        return function

    return register


def test_nothing_of_the_ticker_is_left_out() -> None:
    """What a new release of the client brings fails here until somebody drives it."""
    callbacks = {name for name in vars(KiteTicker("key", "token")) if name.startswith("on_")}
    methods = {name for name, _ in inspect.getmembers(KiteTicker, inspect.isfunction) if not name.startswith("_")}
    assert callbacks | methods == set(drives)


def connection(exchange: Exchange, user_id: str) -> Connection:
    """Return the server's end of a user's only stream."""
    (found,) = eventually(lambda: exchange.running.simulator.hub.of_user(user_id))
    return found


@drives_of("connect", "is_connected", "on_connect", "on_open", "on_message", "on_ticks", "subscribe", "set_mode")
@drives_of("unsubscribe", "resubscribe")
def subscriptions(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    user = exchange.user()
    kite = exchange.client(user)
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event == ["connect"])
    ticker.until(lambda event: event == ["open"])
    assert ticker.ask("is_connected") is True
    assert ticker.ask("subscribe", [INDEX, SHARE]) is True
    _, ticks = ticker.until(lambda event: event[0] == "ticks" and len(event[1]) == 2)
    assert {tick["instrument_token"]: tick["mode"] for tick in ticks} == {INDEX: "quote", SHARE: "quote"}
    assert ticker.ask("set_mode", "full", [SHARE]) is True
    _, ticks = ticker.until(lambda event: event[0] == "ticks" and "full" in str(event))
    (full,) = [tick for tick in ticks if tick["instrument_token"] == SHARE]
    quote = kite.quote("NSE:INFY")["NSE:INFY"]
    assert full["ohlc"]["close"] == quote["ohlc"]["close"]
    assert full["change"] == pytest.approx((full["last_price"] - full["ohlc"]["close"]) * 100 / full["ohlc"]["close"])
    # Two bytes of count, two of the length, 184 of the packet.
    ticker.until(lambda event: event == ["bytes", 2 + 2 + 184] or event == ["bytes", 2 + 2 + 28 + 2 + 184])
    before = dict(connection(exchange, user).subscriptions)
    told = [entry for entry in exchange.log("stream_message") if entry["user_id"] == user]
    assert [(entry["changed"], entry["subscribed"]) for entry in told] == [(2, 2), (1, 2)]
    assert json.loads(told[1]["text"]) == {"a": "mode", "v": ["full", [SHARE]]}
    (stream,) = [each for each in exchange.control("GET", "state")["streams"] if each["user_id"] == user]
    assert (stream["instruments"], stream["sent"]["ticks"] > 0) == (2, True)
    ticker.ask("resubscribe")
    assert ticker.ask("unsubscribe", [INDEX]) is True
    eventually(lambda: set(connection(exchange, user).subscriptions) == {SHARE})
    assert before == {INDEX: "quote", SHARE: "full"}
    assert connection(exchange, user).subscriptions == {SHARE: "full"}
    ticker.quiet_for(0.1, set(), after=0.6)
    assert all({tick["instrument_token"] for tick in event[1]} == {SHARE} for event in ticker.drain("ticks"))


@drives_of("on_order_update", "on_error")
def texts(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    user = exchange.user()
    kite = exchange.client(user)
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event == ["connect"])
    order_id = kite.place_order(
        "regular", "NFO", FUTURE, "BUY", 65, "NRML", "MARKET", market_protection=-1, tag="CALL1"
    )
    _, update = ticker.until(lambda event: event[0] == "order")
    book = {name: value for name, value in kite.orders()[0].items() if name in ("order_id", "status", "average_price")}
    assert update | book == update
    assert (book["order_id"], update["tag"]) == (order_id, "CALL1")
    exchange.running.simulator.hub.of_user(user)[0].send_text(json.dumps({"type": "error", "data": "no such thing"}))
    assert ticker.until(lambda event: event[0] == "error")[1:] == [0, "no such thing"]


@drives_of("on_close", "on_reconnect", "on_noreconnect", "stop")
def reconnections(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    kite = exchange.client()
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {}, reconnect_max_tries=2, reconnect_max_delay=5)
    ticker.until(lambda event: event == ["connect"])
    kite.invalidate_access_token()
    code, reason = ticker.until(lambda event: event[0] == "close")[1:]
    assert (code, "connection" in reason.lower()) == (1006, True)
    assert ticker.until(lambda event: event[0] == "reconnect", 15)[1] == 1
    assert "403" in ticker.until(lambda event: event[0] == "close", 15)[2]
    ticker.until(lambda event: event == ["noreconnect"], 15)
    ticker.call("stop")
    ticker.until(lambda event: event == ["stopped"])


@drives_of("close", "stop_retry")
def farewells(exchange: Exchange, make_ticker: Callable[..., Ticker]) -> None:
    user = exchange.user()
    kite = exchange.client(user)
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {})
    ticker.until(lambda event: event == ["connect"])
    ticker.ask("stop_retry")
    ticker.ask("close", 1000, "enough")
    assert ticker.until(lambda event: event[0] == "close")[1] == 1000
    eventually(lambda: not exchange.running.simulator.hub.of_user(user))
    (closed,) = [entry for entry in exchange.log("stream_closed") if entry["user_id"] == user]
    assert closed["code"] == 1000
    assert closed["sent"].keys() == {"ticks", "texts", "heartbeats"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted({function.__name__ for function in drives.values()}))
def test_the_ticker_is_called_as_the_exchange_means(
    exchange: Exchange, make_ticker: Callable[..., Ticker], name: str
) -> None:
    """Each drive uses its methods over real sockets and compares what the callbacks were given."""
    (function,) = {function for function in drives.values() if function.__name__ == name}
    function(exchange, make_ticker)
