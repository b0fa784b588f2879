"""Iceberg, after-market and sliced orders, orders that live some minutes, and varieties that are refused."""

import json
from collections.abc import Callable

import pytest

from kitesim.errors import HoldingRefused, InputRefused, KiteError
from kitesim.exchange.orders import Order, Status
from kitesim.exchange.protections import REFUSAL

from .conftest import FUTURE, Floor


def form(floor: Floor, quantity: int, **fields: object) -> dict[str, str]:
    """Return a LIMIT order to buy the future 200 rupees below the last price."""
    exchange, symbol = FUTURE.split(":")
    price = floor.quote().last / 100 - 200
    row = {"exchange": exchange, "tradingsymbol": symbol, "transaction_type": "BUY", "product": "NRML"}
    return {
        name: str(value)
        for name, value in {**row, "order_type": "LIMIT", "price": price, "quantity": quantity, **fields}.items()
    }


def place(floor: Floor, variety: str, quantity: int, **fields: object) -> Order:
    return floor.simulator.desk.place(floor.account, variety, form(floor, quantity, **fields))


def test_an_iceberg_shows_one_leg_at_a_time(floor: Floor) -> None:
    """The next leg comes when the one before is filled; all have the tag and name the first."""
    price = floor.quote().last / 100 + 200
    first = place(floor, "iceberg", 325, iceberg_legs=3, iceberg_quantity=130, price=price, tag="ICE1")
    assert json.loads(first.history[0])["meta"] == {
        "iceberg": {"leg": 1, "legs": 3, "leg_quantity": 130, "total_quantity": 325, "remaining_quantity": 195}
    }
    assert [order.terms.quantity for order in floor.account.orders.values()] == [130]
    for _ in range(6):
        floor.let_pass(0.5)
    orders = list(floor.account.orders.values())
    assert [(order.terms.quantity, order.status) for order in orders] == [
        (130, Status.COMPLETE),
        (130, Status.COMPLETE),
        (65, Status.COMPLETE),
    ]
    assert [order.row()["parent_order_id"] for order in orders] == [None, first.order_id, first.order_id]
    assert {order.request.tag for order in orders} == {"ICE1"}
    accepted = [entry for entry in floor.simulator.log.entries() if entry["kind"] == "order_accepted"]
    assert [entry["quantity"] for entry in accepted] == [130, 130, 65]


def test_a_cancelled_leg_ends_its_iceberg(floor: Floor) -> None:
    """What was never shown is never placed."""
    first = place(floor, "iceberg", 260, iceberg_legs=2)
    floor.settle()
    floor.simulator.desk.cancel(floor.account, first.order_id)
    floor.let_pass(2)
    assert [order.status for order in floor.account.orders.values()] == [Status.CANCELLED]


@pytest.mark.parametrize(
    ("variety", "fields", "message"),
    [
        ("iceberg", {"iceberg_legs": 1}, "Expected 2 to 50"),
        ("iceberg", {"iceberg_legs": 51}, "Expected 2 to 50"),
        ("iceberg", {}, "Missing or empty field `iceberg_legs`"),
        ("iceberg", {"iceberg_legs": 2, "iceberg_quantity": 100}, "Invalid `iceberg_quantity`"),
        ("iceberg", {"iceberg_legs": 2, "iceberg_quantity": 65}, "Invalid `iceberg_quantity`"),
        ("co", {}, "Cover orders are not available on BSE or F&O segments"),
        ("auction", {}, "Missing or empty field `auction_number`"),
        ("auction", {"auction_number": "22"}, "No auction is open"),
        ("amo", {}, "while the market is closed"),
        ("regular", {"validity": "TTL"}, "Missing or empty field `validity_ttl`"),
        ("regular", {"validity": "TTL", "validity_ttl": 0}, "Expected minutes above 0"),
    ],
)
def test_what_does_not_fit_is_refused(floor: Floor, variety: str, fields: dict[str, object], message: str) -> None:
    """Each refusal says what would be right, and nothing is in the book."""
    with pytest.raises(InputRefused) as refusal:
        place(floor, variety, 260, **fields)
    assert message in refusal.value.message
    assert not floor.account.orders


def test_a_ttl_order_lives_its_minutes(make_floor: Callable[..., Floor]) -> None:
    """After so many minutes of market time the rest is cancelled."""
    floor = make_floor(speed=60)
    order = place(floor, "regular", 65, validity="TTL", validity_ttl=2)
    assert json.loads(order.history[0])["validity_ttl"] == 2
    floor.let_pass(1.5)
    before = order.status
    floor.let_pass(1)
    assert (before, order.status) == (Status.OPEN, Status.CANCELLED)


def test_autoslice_makes_orders_that_the_freeze_quantity_allows(floor: Floor) -> None:
    """Every slice but the last is as large as whole lots allow; all name the first."""
    placed = floor.simulator.desk.place_sliced(floor.account, "regular", form(floor, 1755 * 2 + 65))
    orders = [each for each in placed if isinstance(each, Order)]
    assert [order.terms.quantity for order in orders] == [1755, 1755, 65]
    assert [order.request.parent_order_id for order in orders] == [None, orders[0].order_id, orders[0].order_id]
    assert len(floor.simulator.desk.place_sliced(floor.account, "regular", form(floor, 65))) == 1


def test_a_refused_slice_leaves_the_others(make_floor: Callable[..., Floor]) -> None:
    """Money for one slice only: the second is an error with its class, the first stands."""
    floor = make_floor(
        funds=8_000_000, margins={"refusal": "exception"}, latencies={"received_ms": 0, "validation_ms": 0}
    )
    placed = floor.simulator.desk.place_sliced(floor.account, "regular", form(floor, 1755 * 2))
    assert isinstance(placed[0], Order)
    assert isinstance(placed[1], KiteError)
    assert placed[1].error_type == "MarginException"
    with pytest.raises(InputRefused, match="at most 10 slices"):
        floor.simulator.desk.place_sliced(floor.account, "regular", form(floor, 1755 * 10 + 65))


@pytest.fixture
def night(make_floor: Callable[..., Floor]) -> Floor:
    """Return a floor a minute before the exchange opens, at sixty times the speed."""
    return make_floor(market="nse", start="09:14:00", speed=60)


def test_an_after_market_order_waits_for_the_opening(night: Floor) -> None:
    """AMO REQ RECEIVED until the market opens, changed at once while it waits, then an order like any other."""
    order = place(night, "amo", 65)
    night.settle()
    assert order.row()["status"] == "AMO REQ RECEIVED"
    night.simulator.desk.modify(night.account, order.order_id, {"quantity": "130"})
    assert (order.terms.quantity, order.row()["status"]) == (130, "AMO REQ RECEIVED")
    cancelled = place(night, "amo", 65)
    night.simulator.desk.cancel(night.account, cancelled.order_id)
    assert cancelled.row()["status"] == "CANCELLED"
    night.let_pass(2)
    assert night.statuses(order)[-3:] == ["VALIDATION PENDING", "OPEN PENDING", "OPEN"]


def test_an_after_market_order_outlives_midnight(make_floor: Callable[..., Floor]) -> None:
    """The night empties the book, but for what waits for the morning."""
    floor = make_floor(market="nse", start="23:59:30", speed=60, date="2026-11-25")
    order = place(floor, "amo", 65)
    floor.let_pass(2)
    assert list(floor.account.orders.values()) == [order]


def test_limits_far_from_the_price_never_enter_the_book(floor: Floor) -> None:
    """Refused on arrival; a modification leaves the order; nothing of it blocks money."""
    before = floor.account.net()
    high = floor.quote().last / 100 * 1.05 // 1
    order = place(floor, "regular", 65, price=high)
    floor.settle()
    assert (order.row()["status"], order.message) == ("REJECTED", REFUSAL)
    assert floor.account.net() == before
    standing = place(floor, "regular", 65)
    floor.settle()
    floor.simulator.desk.modify(floor.account, standing.order_id, {"price": str(high)})
    floor.settle()
    assert (standing.row()["status"], standing.message) == ("OPEN", REFUSAL)


def test_a_stop_outside_the_range_is_cancelled_when_it_triggers(floor: Floor) -> None:
    """The documented text, and the exchange's cancellation, not the broker's rejection."""
    last = floor.quote().last // 1000 * 10
    order = floor.place("SELL", 65, order_type="SL", trigger_price=last - 20, price=last - 1200)
    floor.settle()
    floor.force((last - 30) * 100)
    assert (order.row()["status"], order.message) == ("CANCELLED", REFUSAL)
    assert floor.updates[-1] == (order.order_id, "CANCELLED")


def test_held_shares_need_authorisation_when_the_client_gave_no_consent(make_floor: Callable[..., Floor]) -> None:
    """428 names the quantity; what was bought today needs none."""
    floor = make_floor(rules={"holdings_authorisation": True})
    market = {"key": "NSE:INFY", "product": "CNC", "order_type": "MARKET", "market_protection": -1}
    floor.place("BUY", 5, **market)
    floor.settle()
    floor.account.close_day()
    with pytest.raises(HoldingRefused, match="5 quantity needs authorisation at depository") as refusal:
        floor.place("SELL", 5, **market)
    assert refusal.value.status == 428
    floor.place("BUY", 3, **market)
    floor.settle()
    order = floor.place("SELL", 3, **market)
    floor.account.authorised.quantities[floor.quote("NSE:INFY").instrument.token] = 5
    floor.place("SELL", 5, **market)
    floor.settle()
    assert order.row()["status"] == "COMPLETE"
    assert floor.account.holding_rows()[0]["used_quantity"] == 5
