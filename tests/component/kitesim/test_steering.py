"""The routes that steer: step through time, pay money in, let the market follow pushed quotes."""

from collections.abc import Callable

import pytest
import requests

from .conftest import FUTURE, Exchange, eventually

pytestmark = pytest.mark.component
Maker = Callable[..., Exchange]


def test_time_is_walked_by_steps(make_exchange: Maker) -> None:
    """A stopped market moves by steps only, and two exchanges of a seed are the same after the same steps."""

    def walked() -> tuple[dict[str, float], str]:
        exchange = make_exchange(speed=0, seed=11)
        exchange.control("POST", "clock", advance_seconds=600, tick_seconds=5)
        state = exchange.control("GET", "state")
        return state["last_prices"], state["clock"]["market_time"]

    first, second = walked(), walked()
    assert first == second
    assert first[1].startswith("2026-11-23T09:25:00")


def test_orders_fill_on_the_way(make_exchange: Maker) -> None:
    """A resting order meets a walked market as it would meet a running one."""
    exchange = make_exchange(speed=0, limits={"enabled": False}, funds=50_000_000)
    kite = exchange.client()
    key = f"NFO:{FUTURE}"
    last = kite.ltp(key)[key]["last_price"]
    for side, price in (("BUY", round(last - 15)), ("SELL", round(last + 15))):
        kite.place_order("regular", "NFO", FUTURE, side, 65, "NRML", "LIMIT", price=price)
    eventually(lambda: {row["status"] for row in kite.orders()} == {"OPEN"})
    for _ in range(20):
        exchange.control("POST", "clock", advance_seconds=300, tick_seconds=2)
    filled = [row for row in kite.orders() if row["status"] == "COMPLETE"]
    assert filled
    assert all(abs(row["average_price"] - last) >= 14 for row in filled)


def test_money_is_paid_in_and_out(exchange: Exchange) -> None:
    """The official client sees the other balance; orders and positions stay."""
    kite = exchange.client()
    before = kite.margins("equity")["available"]["cash"]
    user_id = kite.profile()["user_id"]
    exchange.control("POST", "funds", user_id=user_id, amount=1234.5)
    assert kite.margins("equity")["available"]["cash"] == pytest.approx(before + 1234.5)
    exchange.control("POST", "funds", user_id=user_id, amount=-1000)
    equity = kite.margins("equity")
    assert equity["available"]["cash"] == pytest.approx(before + 234.5)
    assert equity["available"]["intraday_payin"] == pytest.approx(1234.5)
    assert equity["utilised"]["payout"] == pytest.approx(1000)
    assert equity["available"]["opening_balance"] == pytest.approx(before)


def test_the_market_follows_pushed_quotes(make_exchange: Maker) -> None:
    """Price, volume, interest and depth are those that were pushed; an order fills against that depth."""
    exchange = make_exchange(limits={"enabled": False})
    kite = exchange.client()
    depth = {"buy": [{"price": 1499.9, "quantity": 30}], "sell": [{"price": 1500.1, "quantity": 40, "orders": 2}]}
    row = {"instrument": "NSE:INFY", "last_price": 1500.0, "volume": 12345, "depth": depth}
    assert exchange.control("POST", "quotes", quotes=[row]) == {"taken": 1, "unknown": []}
    quote = kite.quote("NSE:INFY")["NSE:INFY"]
    assert (quote["last_price"], quote["volume"]) == (1500.0, 12345)
    assert quote["depth"]["sell"][0] == {"price": 1500.1, "quantity": 40, "orders": 2}
    order_id = kite.place_order("regular", "NSE", "INFY", "BUY", 10, "CNC", "LIMIT", price=1500.1)
    eventually(lambda: kite.order_trades(order_id))
    (trade,) = kite.order_trades(order_id)
    assert (trade["average_price"], trade["quantity"]) == (1500.1, 10)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("funds", {"user_id": "NOBODY", "amount": 1}, 404),
        ("quotes", {"quotes": [{"instrument": "NSE:NOSUCH", "last_price": 1}]}, 404),
        ("quotes", {"quotes": [{"instrument": "NSE:INFY", "last_price": -1}]}, 400),
        ("clock", {"advance_seconds": 10, "tick_seconds": 0}, 400),
    ],
)
def test_what_cannot_be_done_is_explained(exchange: Exchange, path: str, body: object, status: int) -> None:
    """And changes nothing."""
    reply = requests.post(f"{exchange.url}/sim/{path}", json=body, timeout=15)
    assert (reply.status_code, "error" in reply.json()) == (status, True)


def test_the_state_tells_a_whole_quote(exchange: Exchange) -> None:
    """With `instrument` it has depth and all, with nothing asked only prices, users, faults and streams."""
    state = exchange.control("GET", f"state?instrument=NFO:{FUTURE}")
    assert len(state["quote"]["depth"]["buy"]) == 5
    assert {"clock", "last_prices", "users", "faults", "streams", "log_sequence"} <= set(state)
