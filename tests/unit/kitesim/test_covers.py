"""Cover orders: a first leg that brings its stop, and an exit that needs no second order."""

from typing import Any

import pytest

from kitesim.errors import InputRefused
from kitesim.exchange.orders import Order, Status

from .conftest import Floor

INFY = "NSE:INFY"


def cover(floor: Floor, side: str = "BUY", quantity: int = 10, **fields: Any) -> Order:
    last = floor.quote(INFY).last // 100
    distance = -20 if side == "BUY" else 20
    terms: dict[str, object] = {"order_type": "MARKET", "market_protection": -1, "trigger_price": last + distance}
    form = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": side,
        "product": "MIS",
        "quantity": quantity,
    }
    text = {name: str(value) for name, value in {**form, **terms, **fields}.items()}
    order = floor.simulator.desk.place(floor.account, "co", text)
    floor.settle()
    return order


def stops(floor: Floor) -> list[Order]:
    return [order for order in floor.account.orders.values() if order.request.is_cover_stop]


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_fill_brings_the_stop(floor: Floor, side: str) -> None:
    """The second leg waits at the asked trigger, names its parent, and closes the position when it fires."""
    first = cover(floor, side)
    (stop,) = stops(floor)
    assert (first.status, stop.status) == (Status.COMPLETE, Status.TRIGGER_PENDING)
    row = stop.row()
    assert (row["parent_order_id"], row["variety"], row["quantity"]) == (first.order_id, "co", 10)
    assert row["transaction_type"] == ("SELL" if side == "BUY" else "BUY")
    assert row["trigger_price"] == first.terms.trigger_price / 100
    beyond = -5_00 if side == "BUY" else 5_00
    floor.force(first.terms.trigger_price + beyond, INFY)
    floor.let_pass(1)
    assert [position["quantity"] for position in floor.account.position_rows()["net"]] == [0]
    assert stop.row()["status"] == "COMPLETE"


def test_the_stop_grows_with_partial_fills(floor: Floor) -> None:
    """However the first leg fills, one stop stands behind exactly what was filled."""
    price = floor.quote(INFY).last / 100
    first = cover(floor, quantity=5000, order_type="LIMIT", price=price)
    for _ in range(200):
        floor.settle()
        assert sum(order.terms.quantity for order in stops(floor)) == first.filled
        if first.status is Status.COMPLETE:
            break
        floor.force(round(price * 100), INFY)
        floor.let_pass(0.5)
    assert first.filled > 0
    assert len(stops(floor)) == 1
    floor.simulator.desk.cancel(floor.account, first.order_id) if first.row()["status"] == "OPEN" else None
    floor.settle()
    assert sum(order.terms.quantity for order in stops(floor)) == first.filled


def test_an_exit_goes_to_the_market(floor: Floor) -> None:
    """Cancelling the stop sells the position at once; nothing of both legs is left."""
    cover(floor)
    (stop,) = stops(floor)
    floor.simulator.desk.cancel(floor.account, stop.order_id)
    floor.settle()
    assert stop.row()["status"] == "COMPLETE"
    assert [position["quantity"] for position in floor.account.position_rows()["net"]] == [0]
    assert floor.account.blocked == 0


def test_price_and_trigger_are_modified(floor: Floor) -> None:
    """The first leg's price and trigger before it fills, the stop's trigger afterwards; a quantity never."""
    last = floor.quote(INFY).last // 100
    first = cover(floor, order_type="LIMIT", price=last - 10, trigger_price=last - 20)
    desk = floor.simulator.desk
    desk.modify(floor.account, first.order_id, {"price": str(last - 8), "trigger_price": str(last - 25)})
    floor.settle()
    assert (first.terms.price, first.terms.trigger_price) == ((last - 8) * 100, (last - 25) * 100)
    with pytest.raises(InputRefused, match="quantity is fixed"):
        desk.modify(floor.account, first.order_id, {"quantity": "20"})
    floor.force((last - 12) * 100, INFY)
    floor.settle()
    (stop,) = stops(floor)
    assert stop.terms.trigger_price == (last - 25) * 100
    desk.modify(floor.account, stop.order_id, {"trigger_price": str(last - 22)})
    floor.settle()
    assert (stop.terms.trigger_price, stop.row()["status"]) == ((last - 22) * 100, "TRIGGER PENDING")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exchange": "BSE", "tradingsymbol": "SENSEX"}, "not available on BSE or F&O"),
        ({"trigger_price": ""}, "Missing or empty field `trigger_price`"),
        ({"trigger_price": 1}, "Invalid `trigger_price`"),
        ({"order_type": "SL"}, "Invalid `order_type`"),
        ({"product": "CNC"}, "Invalid `product`"),
        ({"validity": "IOC"}, "Invalid `validity`"),
        ({"order_type": "LIMIT", "price": 1480, "trigger_price": 1500}, "should be lower than its price"),
    ],
)
def test_what_no_cover_order_has_is_refused(floor: Floor, fields: dict[str, Any], message: str) -> None:
    """Each refusal names the field; nothing is in the book."""
    floor.force(1520_00, INFY)
    with pytest.raises(InputRefused) as refusal:
        cover(floor, **fields)
    assert message in refusal.value.message
    assert not floor.account.orders
