"""Rows of the order book and order frames say the same in our words."""

from typing import Any

import pytest

from trader.adapters.kite.rows import broker_order, broker_position
from trader.domain.values import OrderType, Product, Side

ROW: dict[str, Any] = {
    "placed_by": "AB1234",
    "order_id": 1914227164488687616,
    "status": "TRIGGER PENDING",
    "status_message": None,
    "exchange": "NFO",
    "tradingsymbol": "NIFTY26DECFUT",
    "order_type": "SL",
    "transaction_type": "SELL",
    "validity": "DAY",
    "product": "MIS",
    "quantity": 65,
    "price": 23980.05,
    "trigger_price": 24000,
    "average_price": 0,
    "filled_quantity": 0,
    "pending_quantity": 65,
    "tag": "T0001ABCDEFGHS011",
    "tags": ["T0001ABCDEFGHS011"],
}


def test_a_row_of_the_book() -> None:
    """Identifiers are text, prices are paise, an absent message is empty."""
    order = broker_order(ROW)
    assert order.order_id == "1914227164488687616"
    assert order.instrument == "NFO:NIFTY26DECFUT"
    assert (order.side, order.order_type, order.product) == (Side.SELL, OrderType.STOP_LIMIT, Product.MIS)
    assert (order.price, order.trigger_price, order.average_price) == (2398005, 2400000, 0)
    assert (order.status, order.status_message, order.tag) == ("TRIGGER PENDING", "", "T0001ABCDEFGHS011")


def test_an_order_frame_lacks_tags_and_says_unfilled() -> None:
    """The stream's payload has `unfilled_quantity` and no `tags`."""
    frame = {name: value for name, value in ROW.items() if name not in {"tags", "pending_quantity"}}
    assert broker_order(frame | {"unfilled_quantity": 40, "filled_quantity": 25}).pending_quantity == 40


def test_the_tag_is_found_among_tags() -> None:
    """Some rows carry it only in the list."""
    assert broker_order(ROW | {"tag": None}).tag == "T0001ABCDEFGHS011"
    assert broker_order(ROW | {"tag": None, "tags": []}).tag is None


@pytest.mark.parametrize(("product", "ours"), [("MTF", Product.CNC), ("CO", Product.MIS), ("NEW", Product.NRML)])
def test_foreign_products_do_not_hide_the_book(product: str, ours: Product) -> None:
    """An order that a person placed with a product that we never send is still seen."""
    assert broker_order(ROW | {"product": product, "order_type": "NEW"}).product is ours


@pytest.mark.parametrize("spoiled", [{"quantity": 1.5}, {"transaction_type": "HOLD"}, {"price": "n/a"}])
def test_a_row_that_makes_no_sense_is_refused(spoiled: dict[str, Any]) -> None:
    """Size, side and price are never guessed."""
    with pytest.raises(ValueError, match=r"was|is not"):
        broker_order(ROW | spoiled)


def test_a_position_is_signed() -> None:
    """Short is negative; a closed position stays with quantity 0."""
    row = {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26DECFUT",
        "product": "MIS",
        "quantity": -65,
        "average_price": 24000.1,
    }
    position = broker_position(row)
    assert (position.quantity, position.average_price) == (-65, 2400010)
