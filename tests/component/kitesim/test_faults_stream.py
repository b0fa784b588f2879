"""What the official ticker sees of each fault of the stream and of the market."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually
from .seen import shows
from .tickers import Ticker

pytestmark = pytest.mark.component
INDEX, SHARE = 256265, 408065
KEY = f"NFO:{FUTURE}"
Maker = Callable[..., Ticker]


@pytest.fixture
def trader(exchange: Exchange) -> KiteConnect:
    """Return a client of a user of its own."""
    return exchange.client()


def order(kite: KiteConnect, tag: str, **fields: Any) -> str:
    terms: dict[str, Any] = {"order_type": "MARKET", "market_protection": -1, "transaction_type": "BUY", **fields}
    made = kite.place_order(
        "regular", exchange="NFO", tradingsymbol=FUTURE, quantity=65, product="NRML", tag=tag, **terms
    )
    return str(made)


def listen(exchange: Exchange, kite: KiteConnect, make_ticker: Maker) -> Ticker:
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {"full": [INDEX, SHARE]})
    ticker.until(lambda event: event[0] == "ticks")
    return ticker


def fault(exchange: Exchange, kite: KiteConnect, kind: str, **fields: object) -> str:
    """Put a fault to work for this user and return its id."""
    made = exchange.control("POST", "faults", kind=kind, user_id=kite.profile()["user_id"], **fields)
    return str(made["id"])


def last(kite: KiteConnect, key: str = KEY) -> float:
    return float(kite.ltp(key)[key]["last_price"])


def tags_until(ticker: Ticker, tag: str) -> list[str]:
    seen: list[str] = []

    def take(event: list[Any]) -> bool:
        if event[0] == "order":
            seen.append(event[1]["tag"])
        return bool(seen) and seen[-1] == tag

    ticker.until(take)
    return seen


@shows("updates-lost", "updates-doubled", "updates-reordered")
@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("updates-lost", ["B", "C"]),
        ("updates-doubled", ["A", "A", "B", "C"]),
        ("updates-reordered", ["B", "A", "C"]),
    ],
)
def test_order_updates_lost_doubled_reordered(
    exchange: Exchange, trader: KiteConnect, make_ticker: Maker, kind: str, seen: list[str]
) -> None:
    """`on_order_update` is called for the wrong orders in the wrong order; the book is right."""
    ticker = listen(exchange, trader, make_ticker)
    fault(exchange, trader, kind, count=1, tag="A")
    for tag in "ABC":
        order(trader, tag)
        eventually(lambda: trader.orders()[-1]["status"] == "COMPLETE")
    assert tags_until(ticker, "C") == seen
    assert [row["tag"] for row in trader.orders()] == ["A", "B", "C"]


@shows("updates-replayed")
def test_order_updates_are_replayed(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """An update of long ago comes again after a newer one."""
    ticker = listen(exchange, trader, make_ticker)
    fault(exchange, trader, "updates-replayed", count=1, tag="NEW")
    for tag in ("OLD", "NEW", "END"):
        order(trader, tag)
        eventually(lambda: trader.orders()[-1]["status"] == "COMPLETE")
    assert tags_until(ticker, "END") == ["OLD", "NEW", "OLD", "END"]


@shows("stream-reset")
def test_a_reset_stream_comes_back(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """The ticker closes with 1006 and connects again by itself."""
    ticker = listen(exchange, trader, make_ticker)
    fault(exchange, trader, "stream-reset", count=1)
    assert ticker.until(lambda event: event[0] == "close")[1] == 1006
    ticker.until(lambda event: event[0] == "connect")
    ticker.until(lambda event: event[0] == "ticks")


@shows("black-hole")
def test_a_black_hole_says_nothing_at_all(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """Not a byte and no close while it lasts: the official ticker notices nothing."""
    ticker = listen(exchange, trader, make_ticker)
    made = fault(exchange, trader, "black-hole")
    # What was sent before the hole opened may still arrive.
    ticker.quiet_for(1.5, {"ticks", "bytes", "close", "error"}, after=0.7)
    exchange.control("DELETE", f"faults/{made}")
    ticker.until(lambda event: event[0] == "ticks")


def test_a_new_connection_falls_into_the_hole_from_its_first_frame(
    make_exchange: Callable[..., Exchange], make_ticker: Maker
) -> None:
    """Who reconnects gets no snapshot either: silence is silence, however often one asks."""
    exchange = make_exchange(
        stream={"tick_interval_ms": 30_000}
    )  # the snapshot of a subscription is all that could come
    kite = exchange.client()
    fault(exchange, kite, "black-hole")
    ticker = make_ticker(exchange, kite.api_key, kite.access_token, {"full": [INDEX, SHARE]})
    ticker.until(lambda event: event[0] == "connect")
    ticker.quiet_for(1.0, {"ticks", "bytes"}, after=0.0)


@shows("heartbeats-only")
def test_heartbeats_come_without_ticks(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """One byte now and then keeps every watchdog of bytes calm; order updates still come."""
    ticker = listen(exchange, trader, make_ticker)
    made = fault(exchange, trader, "heartbeats-only")
    ticker.quiet_for(0.1, set(), after=0.7)
    ticker.until(lambda event: event == ["bytes", 1])
    assert not ticker.drain("ticks")
    order(trader, "STILL")
    assert tags_until(ticker, "STILL") == ["STILL"]
    exchange.control("DELETE", f"faults/{made}")
    ticker.until(lambda event: event[0] == "ticks")


@shows("frozen-prices")
def test_frozen_prices_tick_and_stand_still(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """Ticks keep coming with new times and one price; another instrument walks on."""
    ticker = listen(exchange, trader, make_ticker)
    made = fault(exchange, trader, "frozen-prices", instrument="NSE:INFY")
    frozen = last(trader, "NSE:INFY")
    ticker.quiet_for(0.1, set(), after=0.7)
    prices: dict[int, set[float]] = {INDEX: set(), SHARE: set()}
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        for tick in ticker.until(lambda event: event[0] == "ticks")[1]:
            prices[tick["instrument_token"]].add(tick["last_price"])
    assert prices[SHARE] == {frozen}
    assert len(prices[INDEX]) > 1
    exchange.control("DELETE", f"faults/{made}")
    eventually(lambda: last(trader, "NSE:INFY") != frozen)


@shows("token-expired")
def test_a_token_that_expired_ends_rest_and_stream(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """REST raises TokenException and calls the session hook; the ticker is refused with 403 again and again."""
    called: list[bool] = []
    trader.set_session_expiry_hook(lambda: called.append(True))
    made = fault(exchange, trader, "token-expired")
    with pytest.raises(kite_errors.TokenException) as seen:
        trader.orders()
    assert seen.value.code == 403
    assert called == [True]
    ticker = make_ticker(exchange, trader.api_key, trader.access_token, {"ltp": [INDEX]})
    assert "403" in ticker.until(lambda event: event[0] == "close")[2]
    exchange.control("DELETE", f"faults/{made}")
    ticker.until(lambda event: event[0] == "ticks")


@shows("exchange-halt")
def test_a_halt_stops_matching_and_ticks(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """New orders are refused, a resting one stays OPEN whatever its price, and the exchange goes on afterwards."""
    price = last(trader)
    resting = order(trader, "REST", order_type="LIMIT", price=round(price - 100), market_protection=None)
    eventually(lambda: trader.order_history(resting)[-1]["status"] == "OPEN")
    made = exchange.control("POST", "faults", kind="exchange-halt", exchange="NFO")["id"]
    with pytest.raises(kite_errors.KiteException):
        order(trader, "HALTED")
    exchange.control("POST", "price", instrument=KEY, price=price - 150)
    assert trader.order_history(resting)[-1]["status"] == "OPEN"
    still = last(trader)
    ticker = listen(exchange, trader, make_ticker)
    ticker.until(lambda event: event[0] == "ticks")
    assert last(trader) == still
    exchange.control("DELETE", f"faults/{made}")
    eventually(lambda: trader.order_history(resting)[-1]["status"] == "COMPLETE")
    exchange.control("POST", "price", instrument=KEY, price=price)


@shows("lpp-cancel")
def test_a_stop_is_cancelled_at_its_trigger(exchange: Exchange, trader: KiteConnect, make_ticker: Maker) -> None:
    """Limit price protection: the stop that should have saved the position is gone, with the exchange's words."""
    price = last(trader)
    ticker = listen(exchange, trader, make_ticker)
    fault(exchange, trader, "lpp-cancel", count=1, tag="STOP")
    stop = order(
        trader,
        "STOP",
        transaction_type="SELL",
        order_type="SL",
        price=round(price - 60),
        trigger_price=round(price - 50),
        market_protection=None,
    )
    eventually(lambda: trader.order_history(stop)[-1]["status"] == "TRIGGER PENDING")
    exchange.control("POST", "price", instrument=KEY, price=round(price - 55))
    update = ticker.until(lambda event: event[0] == "order" and event[1]["status"] == "CANCELLED")[1]
    assert "limit price protection range" in update["status_message"]
    exchange.control("POST", "price", instrument=KEY, price=price)
