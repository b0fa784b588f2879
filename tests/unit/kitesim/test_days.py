"""With the exchange's own hours a day closes, settles, and another begins."""

from collections.abc import Callable

import pytest

from kitesim.exchange.orders import Status

from .conftest import Floor


@pytest.fixture
def floor() -> Floor:
    """Return a floor that keeps NSE's hours, minutes before the closing auction, at sixty times the speed."""
    return Floor(market="nse", start="15:13:00", speed=60)


def test_the_close_cancels_what_is_left(floor: Floor) -> None:
    """Orders in shares go when the closing auction is over, at 15:35, orders in futures at 15:40."""
    share = floor.place("BUY", 5, key="NSE:INFY", product="CNC", price=floor.quote("NSE:INFY").last / 100 - 20)
    future = floor.place("BUY", 65, price=floor.quote().last / 100 - 200)
    floor.settle()
    floor.let_pass(21)
    assert (share.status, future.status) == (Status.OPEN, Status.OPEN)
    floor.let_pass(2)
    assert (share.status, future.status) == (Status.CANCELLED, Status.OPEN)
    floor.let_pass(5)
    assert future.status is Status.CANCELLED
    assert (share.order_id, "CANCELLED") in floor.updates


def test_nothing_moves_while_the_market_is_closed(floor: Floor) -> None:
    """After the close there are no ticks and no trades."""
    floor.let_pass(28)
    last = {key: quote.ticks for key, quote in floor.simulator.market.quotes.items()}
    floor.let_pass(30)
    assert {key: quote.ticks for key, quote in floor.simulator.market.quotes.items()} == last


def test_the_night_settles_the_day(floor: Floor) -> None:
    """Carried futures keep their cost, delivery shares become holdings, and no rupee is lost."""
    floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.place("BUY", 7, key="NSE:INFY", product="CNC", order_type="MARKET", market_protection=-1)
    floor.settle()
    account = floor.account
    cost = sum(trade.quantity * trade.price for trade in account.trades if trade.order.request.product == "CNC")
    floor.let_pass(60)
    worth = account.cash + account.profit()
    floor.let_pass(9 * 60)
    assert floor.simulator.market.day.isoformat() == "2026-11-24"
    assert not account.orders
    assert not account.trades
    (holding,) = account.holding_rows()
    assert (holding["tradingsymbol"], holding["quantity"]) == ("INFY", 7)
    (position,) = account.position_rows()["net"]
    assert (position["quantity"], position["overnight_quantity"], position["day_buy_quantity"]) == (65, 65, 0)
    assert position["close_price"] == floor.quote().close / 100
    assert account.cash + account.profit() + cost == worth
    assert account.net() == account.cash + account.profit() - account.blocked


def test_an_expired_contract_is_settled_at_its_index(make_floor: Callable[..., Floor]) -> None:
    """In the night of its last day a future ends in money, to the paisa, and frees its margin."""
    floor = make_floor(market="nse", date="2026-12-29", start="15:30:00", speed=1200, strikes=0)
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.settle()
    account = floor.account
    before = account.cash
    floor.let_pass(24)
    assert floor.simulator.market.day.isoformat() == "2026-12-29"
    spot = floor.quote("NSE:NIFTY 50").last
    floor.let_pass(4)
    assert floor.simulator.market.day.isoformat() == "2026-12-30"
    assert account.position_rows()["net"] == []
    assert account.cash == before + 65 * spot - order.filled_value
    assert account.net() == account.cash
