"""What the broker refuses at once, and how it says so."""

from collections.abc import Callable

import pytest

from kitesim.errors import InputRefused

from .conftest import FUTURE, Floor

PRICE = "24000"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": ""}, "Missing or empty field `quantity`"),
        ({"price": ""}, "Missing or empty field `price`"),
        ({"order_type": "SL"}, "Missing or empty field `trigger_price`"),
        ({"key": "NFO:NIFTY20DECFUT"}, "has either expired or does not exist"),
        ({"key": "NSE:NIFTY 50", "product": "MIS"}, "is an index and cannot be traded"),
        ({"order_type": "BRACKET"}, "Invalid `order_type`"),
        ({"product": "CNC"}, "Invalid `product`"),
        ({"validity": "GTD"}, "Invalid `validity`"),
        ({"quantity": "1.5"}, "Expected a whole number"),
        ({"quantity": "-65"}, "Expected a whole number"),
        ({"quantity": "0"}, "Expected a number above 0"),
        ({"quantity": "66"}, "multiple of the lot size 65"),
        ({"quantity": "1820"}, "above the freeze quantity of 1800"),
        ({"price": "24000.05"}, "Tick size for this script is 0.10"),
        ({"price": "NaN"}, "Expected rupees above 0"),
        ({"price": "1e999"}, "Expected rupees above 0"),
        ({"price": "-5"}, "Expected rupees above 0"),
        ({"price": "20000"}, "lower than the current lower circuit limit of"),
        ({"price": "28000"}, "higher than the current upper circuit limit of"),
        ({"order_type": "MARKET"}, "Market orders without market protection are not allowed via API"),
        ({"order_type": "MARKET", "market_protection": "0"}, "without market protection"),
        ({"order_type": "MARKET", "market_protection": "101"}, "Invalid `market_protection`"),
        ({"order_type": "MARKET", "market_protection": "much"}, "Invalid `market_protection`"),
        ({"order_type": "SL-M", "trigger_price": "25000"}, "without market protection"),
        ({"order_type": "SL", "trigger_price": "25000", "price": "24900"}, "should be lower than the limit price"),
        ({"order_type": "SL", "trigger_price": "30000", "price": "26000"}, "above the upper circuit price"),
        ({"tag": "has space"}, "Invalid `tag`"),
        ({"tag": "x" * 21}, "Invalid `tag`"),
        ({"disclosed_quantity": "66"}, "Invalid `disclosed_quantity`"),
    ],
)
def test_a_bad_order_is_refused_with_a_clear_word(floor: Floor, fields: dict[str, object], message: str) -> None:
    """Each refusal names the field or the rule, and is written into the truth log with its reason."""
    form = {"quantity": 65, "price": PRICE, **fields}
    with pytest.raises(InputRefused) as refusal:
        _place(floor, form)
    assert message in refusal.value.message
    entry = floor.simulator.log.entries()[-1]
    assert (entry["kind"], entry["reason"], entry["order_id"]) == ("order_rejected", refusal.value.message, None)
    assert not floor.account.orders


def _place(floor: Floor, fields: dict[str, object]) -> None:
    exchange, symbol = str(fields.pop("key", FUTURE)).split(":")
    form = {"exchange": exchange, "tradingsymbol": symbol, "transaction_type": "BUY", "product": "NRML"}
    text = {name: str(value) for name, value in ({**form, "order_type": "LIMIT"} | fields).items()}
    floor.simulator.desk.place(floor.account, "regular", text)


@pytest.mark.parametrize("variety", ["bo", "REGULAR", ""])
def test_unknown_varieties_are_refused_not_misunderstood(floor: Floor, variety: str) -> None:
    """A variety that does not exist never becomes a regular order."""
    with pytest.raises(InputRefused, match="Invalid `variety`"):
        floor.simulator.desk.place(floor.account, variety, {})


def test_a_closed_market_refuses_regular_orders(make_floor: Callable[..., Floor]) -> None:
    """Before the open, after the close and on holidays the text is the one that Kite gives."""
    floor = make_floor(market="nse", start="08:00:00")
    with pytest.raises(InputRefused, match="After Market Order") as refusal:
        floor.place("BUY", 65, price=PRICE)
    assert refusal.value.data == {"hints": ["switch_to_amo"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": "64"}, "multiple of the lot size"),
        ({"price": "24000.01"}, "Tick size"),
        ({"price": "1"}, "lower circuit limit"),
        ({"order_type": "MARKET"}, "without market protection"),
    ],
)
def test_a_bad_modification_changes_nothing(floor: Floor, change: dict[str, str], message: str) -> None:
    """The same rules hold for a modification; a refused one leaves the order as it was and counts for nothing."""
    order = floor.place("BUY", 65, price=(floor.quote().last - 10000) / 100)
    floor.settle()
    terms = order.terms
    with pytest.raises(InputRefused) as refusal:
        floor.simulator.desk.modify(floor.account, order.order_id, change)
    assert message in refusal.value.message
    assert (order.terms, order.modifications, order.status.value) == (terms, 0, "OPEN")
