"""The life of one order."""

from itertools import permutations

import pytest

from tests.unit.trader.domain.world import NIFTY
from trader.domain.events import BrokerOrder
from trader.domain.journal import fold
from trader.domain.orders import TRANSITIONS, is_final, may_become, observed, status_from_broker
from trader.domain.records import BracketPlanned, OrderChanged, OrderPlanned
from trader.domain.state import Durable, Order
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    IntentId,
    Leg,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)

INTENT = IntentId("ABCDEFGH")
TAG = encode_tag(TagParts(Epoch(1), INTENT, Leg.ENTRY, 0))
NOW = MarketTime(1)


def planned() -> Durable:
    plan = BracketPlanned(
        NOW,
        INTENT,
        "2026-11-23",
        "test",
        SignalKey("key"),
        NIFTY,
        Side.BUY,
        Quantity(130),
        Product.MIS,
        Paise(100),
        Paise(90),
        Paise(120),
    )
    order = OrderPlanned(
        NOW,
        TAG,
        INTENT,
        Leg.ENTRY,
        0,
        Epoch(1),
        NIFTY,
        Side.BUY,
        OrderType.LIMIT,
        Product.MIS,
        Quantity(130),
        Paise(100),
        Paise(0),
    )
    return fold(fold(Durable(), plan), order)


def order_in(durable: Durable) -> Order:
    return durable.open[INTENT].orders[TAG]


def row(status: str, filled: int = 0, average: int = 100, order_id: str = "1") -> BrokerOrder:
    return BrokerOrder(
        BrokerOrderId(order_id),
        TAG,
        NIFTY,
        Side.BUY,
        OrderType.LIMIT,
        Product.MIS,
        status,
        "",
        Quantity(130),
        Quantity(filled),
        Quantity(130 - filled),
        Paise(100),
        Paise(0),
        Paise(average if filled else 0),
    )


def after(durable: Durable, *rows: BrokerOrder) -> Durable:
    for each in rows:
        record = observed(order_in(durable), each, NOW, trusts_terms=False)
        durable = fold(durable, record) if record else durable
    return durable


def with_status(status: OrderStatus, order_id: str | None = None) -> Durable:
    durable = planned()
    held = BrokerOrderId(order_id) if order_id else None
    change = OrderChanged(NOW, TAG, status, held, Quantity(130), Quantity(0), Paise(0), Paise(100), Paise(0), 0, "")
    return fold(durable, change)


def test_every_permutation_of_updates_ends_alike() -> None:
    """Late and reordered updates fold to the same order, whichever comes first."""
    updates = (row("OPEN"), row("UPDATE", 65), row("UPDATE", 65), row("COMPLETE", 130, 101))
    ends = {order_in(after(planned(), *each)) for each in permutations(updates)}

    assert len(ends) == 1
    (end,) = ends
    assert (end.status, end.filled_quantity, end.average_price) == (OrderStatus.COMPLETE, 130, 101)


def test_a_repeated_update_records_nothing() -> None:
    """The same row twice is one fact."""
    durable = after(planned(), row("UPDATE", 65))

    assert observed(order_in(durable), row("UPDATE", 65), NOW, trusts_terms=False) is None


@pytest.mark.parametrize("status", ["COMPLETE", "CANCELLED", "REJECTED"])
def test_what_the_broker_ended_stays_ended(status: str) -> None:
    """No later row brings an ended order back to life."""
    durable = after(planned(), row(status, 65))

    assert order_in(after(durable, row("OPEN", 65))).status == OrderStatus(status)
    assert is_final(order_in(durable))


def test_a_cancelled_order_may_still_tell_of_more_fills() -> None:
    """Status and fills are separate: the last fill counts even when its row comes after the end."""
    durable = after(planned(), row("CANCELLED", 65), row("UPDATE", 130))

    assert (order_in(durable).status, order_in(durable).filled_quantity) == (OrderStatus.CANCELLED, 130)


def test_fills_never_fall() -> None:
    """A stale row with fewer fills lowers nothing."""
    durable = after(planned(), row("UPDATE", 130), row("UPDATE", 65))

    assert order_in(durable).filled_quantity == 130


@pytest.mark.parametrize("status", [OrderStatus.ABSENT, OrderStatus.REJECTED])
def test_the_book_overrules_our_own_inference(status: OrderStatus) -> None:
    """An order that we took for absent or refused, and that the broker shows, exists."""
    durable = after(with_status(status), row("OPEN"))

    assert order_in(durable).status is OrderStatus.WORKING


def test_a_rejection_by_the_exchange_is_final() -> None:
    """With an order id, REJECTED is the broker's word."""
    durable = after(with_status(OrderStatus.REJECTED, "1"), row("OPEN"))

    assert order_in(durable).status is OrderStatus.REJECTED


@pytest.mark.parametrize(
    "text",
    ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "MODIFIED", "CANCEL PENDING", "SOMETHING NEW"],
)
def test_every_other_status_is_working(text: str) -> None:
    """Kite's interim statuses are open-ended: none of them ends an order."""
    assert status_from_broker(text) is OrderStatus.WORKING


def test_the_table_names_every_status() -> None:
    """The transition table is total, and no terminal state of the broker's leads anywhere."""
    assert set(TRANSITIONS) == set(OrderStatus)
    assert not TRANSITIONS[OrderStatus.COMPLETE] | TRANSITIONS[OrderStatus.CANCELLED]


def test_sent_orders_are_never_declared_absent_without_doubt_first() -> None:
    """Absence is concluded from doubt only (rule 2)."""
    assert not may_become(order_in(with_status(OrderStatus.SENT, "1")), OrderStatus.ABSENT)
    assert not may_become(order_in(with_status(OrderStatus.WORKING, "1")), OrderStatus.ABSENT)


def test_a_pushed_update_never_changes_the_terms() -> None:
    """An update may be older than our last modify: quantity and price come from judged snapshots only."""
    durable = planned()
    stale = BrokerOrder(
        BrokerOrderId("1"),
        TAG,
        NIFTY,
        Side.BUY,
        OrderType.LIMIT,
        Product.MIS,
        "OPEN",
        "",
        Quantity(65),
        Quantity(0),
        Quantity(65),
        Paise(77),
        Paise(0),
        Paise(0),
    )

    assert order_in(after(durable, stale)).price == 100
    judged = observed(order_in(durable), stale, NOW, trusts_terms=True)
    assert judged is not None
    assert (judged.price, judged.quantity) == (77, 65)
