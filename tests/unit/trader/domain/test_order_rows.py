"""What one row of the broker's changes in one order, field by field."""

from typing import Any

import pytest

from tests.unit.trader.domain.building import order
from trader.domain.events import BrokerOrder
from trader.domain.evolving import evolve
from trader.domain.orders import changed, differs, is_final, may_become, observed
from trader.domain.records import OrderChanged
from trader.domain.state import Order
from trader.domain.values import (
    BrokerOrderId,
    Leg,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Quantity,
)

NOW = MarketTime(77)
WORKING = order(Leg.TARGET)


def row(of: Order, **changes: object) -> BrokerOrder:
    """The broker's row of this order, as it would be if nothing had happened."""
    same = BrokerOrder(
        order_id=of.order_id or BrokerOrderId("B1"),
        tag=of.tag,
        instrument=of.instrument,
        side=of.side,
        order_type=of.order_type,
        product=of.product,
        status="OPEN",
        status_message="",
        quantity=of.quantity,
        filled_quantity=of.filled_quantity,
        pending_quantity=Quantity(of.quantity - of.filled_quantity),
        price=of.price,
        trigger_price=of.trigger_price,
        average_price=of.average_price,
    )
    return evolve(same, **changes)


def news(of: Order, *, trusts_terms: bool = True, **changes: object) -> dict[str, object]:
    """The fields that a row changes in the order; the rest of the record must be the order's own."""
    record = observed(of, row(of, **changes), NOW, trusts_terms=trusts_terms)
    if record is None:
        return {}
    assert record.market_time == NOW
    assert record.tag == of.tag
    return told(of, record)


def told(of: Order, record: OrderChanged) -> dict[str, object]:
    names = [name for name in OrderChanged.__slots__ if name not in ("market_time", "tag")]
    return {name: getattr(record, name) for name in names if getattr(record, name) != getattr(of, name)}


CHANGES: dict[str, object] = {
    "status": OrderStatus.CANCELLED,
    "order_id": BrokerOrderId("other"),
    "quantity": Quantity(65),
    "filled_quantity": Quantity(1),
    "average_price": Paise(9),
    "price": Paise(2_407_400),
    "trigger_price": Paise(10),
    "modifications": 3,
    "order_type": OrderType.MARKET,
}
QUIET: dict[str, object] = {"message": "why", "reprices": 2}


@pytest.mark.parametrize("name", [*CHANGES, *QUIET])
def test_a_record_names_what_changed(name: str) -> None:
    """One field changes, the others stay as the order has them; words and counters alone are no news."""
    value = {**CHANGES, **QUIET}[name]
    record = changed(WORKING, NOW, **{name: value})  # type: ignore[arg-type]
    assert told(WORKING, record) == {name: value}
    assert (record.market_time, record.tag) == (NOW, WORKING.tag)
    assert differs(WORKING, record) is (name in CHANGES)


def test_charges_stay_with_the_order() -> None:
    """A record that says nothing of them keeps them."""
    assert changed(evolve(WORKING, charges=Paise(7)), NOW).charges == 7


def test_the_same_again_is_no_news() -> None:
    """A row that says what we know changes nothing."""
    assert news(WORKING) == news(WORKING, trusts_terms=False) == {}
    assert news(WORKING, status_message="only words") == {}


def test_terms_are_believed_only_when_fresh() -> None:
    """A snapshot says quantity, prices and type; a push may be older than our modification."""
    terms: dict[str, Any] = {
        "quantity": Quantity(65),
        "price": Paise(1),
        "trigger_price": Paise(2),
        "order_type": OrderType.MARKET,
    }
    assert news(WORKING, **terms) == terms
    assert news(WORKING, trusts_terms=False, **terms) == {}


@pytest.mark.parametrize("text", ["COMPLETE", "CANCELLED", "REJECTED"])
def test_the_end_keeps_our_terms(text: str) -> None:
    """What an ended order was worth is what we asked for: a cancelled row tells other terms than it traded under."""
    said = news(WORKING, status=text, quantity=Quantity(0), price=Paise(1), status_message="the end")
    assert said == {"status": OrderStatus(text), "message": "the end"}


def test_words_come_with_a_status_that_counts() -> None:
    """A message belongs to the status that it explains; without words the old ones stay, and a late row brings none."""
    refused = news(WORKING, status="REJECTED", status_message="RMS: margin")
    assert refused == {"status": OrderStatus.REJECTED, "message": "RMS: margin"}
    noted = evolve(WORKING, message="placed")
    assert news(noted, status="REJECTED") == {"status": OrderStatus.REJECTED}
    done = evolve(noted, status=OrderStatus.COMPLETE, filled_quantity=Quantity(100), average_price=Paise(5))
    late = news(done, status="OPEN", status_message="stale", filled_quantity=Quantity(130), average_price=Paise(6))
    assert late == {"filled_quantity": 130, "average_price": 6}


def test_fills_only_grow() -> None:
    """A smaller count is older; its average with it."""
    half = evolve(WORKING, filled_quantity=Quantity(65), average_price=Paise(100))
    assert news(half, filled_quantity=Quantity(64), average_price=Paise(50)) == {}
    assert news(half, filled_quantity=Quantity(65), average_price=Paise(50)) == {}
    assert news(half, filled_quantity=Quantity(66), average_price=Paise(99)) == {
        "filled_quantity": 66,
        "average_price": 99,
    }


def test_an_average_that_was_unknown_is_taken() -> None:
    """A count without a price is completed by a row of the same count, and by no smaller one."""
    priceless = evolve(WORKING, filled_quantity=Quantity(65))
    assert news(priceless, filled_quantity=Quantity(65), average_price=Paise(50)) == {"average_price": 50}
    assert news(priceless, filled_quantity=Quantity(64), average_price=Paise(50)) == {}


def test_the_first_id_stays() -> None:
    """An order in doubt takes the id of its row; one that has an id keeps it."""
    doubtful = evolve(WORKING, order_id=None, status=OrderStatus.IN_DOUBT)
    assert news(doubtful, order_id=BrokerOrderId("B9")) == {"order_id": "B9", "status": OrderStatus.WORKING}
    assert news(WORKING, order_id=BrokerOrderId("B9")) == {}


STOP = OrderType.STOP_LIMIT
LIMIT = OrderType.LIMIT


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [(STOP, LIMIT, STOP), (STOP, STOP, STOP), (LIMIT, STOP, STOP), (LIMIT, OrderType.MARKET, OrderType.MARKET)],
)
def test_a_triggered_stop_stays_a_stop(ours: OrderType, theirs: OrderType, kept: OrderType) -> None:
    """Some books echo it as LIMIT; everything else is what the book says."""
    mine = order(Leg.STOP, order_type=ours)
    record = observed(mine, row(mine, order_type=theirs, quantity=Quantity(65)), NOW, trusts_terms=True)
    assert record is not None
    assert record.order_type is kept


@pytest.mark.parametrize("status", list(OrderStatus))
def test_only_the_broker_ends_an_order(status: OrderStatus) -> None:
    """Complete and cancelled always; a refusal when it has an id; what we concluded ourselves never."""
    known, unknown = evolve(WORKING, status=status), evolve(WORKING, status=status, order_id=None)
    always = status in (OrderStatus.COMPLETE, OrderStatus.CANCELLED)
    assert is_final(known) is (always or status is OrderStatus.REJECTED)
    assert is_final(unknown) is always
    assert not may_become(known, status)


def test_a_refusal_without_an_id_yields_to_the_book() -> None:
    """The reply said no, the book says yes: the book."""
    refused = evolve(WORKING, status=OrderStatus.REJECTED, order_id=None)
    assert may_become(refused, OrderStatus.WORKING)
    assert not may_become(evolve(refused, order_id=BrokerOrderId("B1")), OrderStatus.WORKING)
    assert not may_become(WORKING, OrderStatus.SENT)
