"""Matching is by price, then by time, and never outside an order's limit."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitesim.exchange.matching import crossed, protection_band, take
from kitesim.exchange.orders import Order, OrderRequest, Place, Terms
from kitesim.market.books import Level
from kitesim.market.instruments import Instrument

FUTURE = Instrument(
    token=9820162,
    symbol="NIFTY26DECFUT",
    name="NIFTY",
    exchange="NFO",
    segment="NFO-FUT",
    instrument_type="FUT",
    tick=10,
    lot=1,
    freeze=0,
    reference_price=100_00,
    path="NIFTY 50",
    session="NFO",
    expiry=date(2026, 12, 29),
)


def order(side: str, quantity: int, limit: int, *, user: str = "AB1234", priority: int = 0) -> Order:
    terms = Terms(quantity, "LIMIT", limit, 0, "DAY")
    request = OrderRequest(FUTURE, "regular", side, "NRML", terms)
    made = Order(f"{user}-{priority}", "", user, request, terms, 0, place=Place.BOOK, priority=priority)
    made.limit = limit
    return made


def asks() -> list[Level]:
    return [Level(100_10, 50, 1), Level(100_20, 50, 1), Level(100_30, 50, 1)]


def test_takes_the_best_price_first_and_leaves_what_is_beyond_the_limit() -> None:
    """An order takes level after level up to its limit and no further."""
    levels = asks()
    fills = take(order("BUY", 200, 100_20), 200, levels, [])
    assert [(fill.price, fill.quantity) for fill in fills] == [(100_10, 50), (100_20, 50)]
    assert [level.quantity for level in levels] == [0, 0, 50]


def test_meets_resting_orders_before_the_market_at_the_same_price() -> None:
    """At one price the order that stood there first trades first, at its own price."""
    early, late = (order("SELL", 10, 100_10, user="CD5678", priority=number) for number in (1, 2))
    fills = take(order("BUY", 30, 100_10), 30, asks(), [late, early])
    assert [(fill.against, fill.quantity) for fill in fills] == [(early, 10), (late, 10), (None, 10)]


def test_prefers_a_better_price_to_an_earlier_order() -> None:
    """Price comes before time."""
    early, cheap = (order("SELL", 10, limit, user="CD5678", priority=n) for n, limit in ((1, 100_10), (2, 100_00)))
    fills = take(order("BUY", 15, 100_10), 15, [], [early, cheap])
    assert [(fill.price, fill.quantity) for fill in fills] == [(100_00, 10), (100_10, 5)]


def test_never_trades_with_himself() -> None:
    """The exchange's self-trade prevention passes over the same user's resting order."""
    own = order("SELL", 10, 100_00, priority=1)
    fills = take(order("BUY", 10, 100_10), 10, asks(), [own])
    assert [fill.against for fill in fills] == [None]


@given(
    side=st.sampled_from(["BUY", "SELL"]),
    quantity=st.integers(1, 1000),
    limit=st.integers(9_000, 11_000),
    offers=st.lists(
        st.tuples(st.integers(9_000, 11_000), st.integers(0, 300)), max_size=5, unique_by=lambda each: each[0]
    ),
    makers=st.lists(st.tuples(st.integers(9_000, 11_000), st.integers(1, 300)), max_size=5),
)
def test_no_fill_is_outside_limit_or_quantity(
    side: str,
    quantity: int,
    limit: int,
    offers: list[tuple[int, int]],
    makers: list[tuple[int, int]],
) -> None:
    """Whatever the book, fills keep the limits of both sides, never exceed a quantity, and come in price order."""
    other = "SELL" if side == "BUY" else "BUY"
    levels = [Level(price, size, 1) for price, size in sorted(offers, reverse=side == "SELL")]
    before = sum(level.quantity for level in levels)
    resting = [order(other, size, price, user="CD5678", priority=n) for n, (price, size) in enumerate(makers)]
    fills = take(order(side, quantity, limit), quantity, levels, resting)
    assert sum(fill.quantity for fill in fills) <= quantity
    assert all(fill.price <= limit if side == "BUY" else fill.price >= limit for fill in fills)
    assert all(level.quantity >= 0 for level in levels)
    assert before - sum(level.quantity for level in levels) == sum(f.quantity for f in fills if f.against is None)
    for maker in resting:
        taken = sum(fill.quantity for fill in fills if fill.against is maker)
        assert taken <= maker.pending
    prices = [fill.price for fill in fills]
    assert prices == sorted(prices, reverse=side == "SELL")
    if sum(fill.quantity for fill in fills) < quantity:
        assert not [level for level in levels if level.quantity and (level.price <= limit) is (side == "BUY")] or all(
            level.price > limit if side == "BUY" else level.price < limit for level in levels if level.quantity
        )


def test_a_resting_order_takes_only_what_crosses_it() -> None:
    """What the market offers inside the limit is taken out of its levels."""
    levels = asks()
    assert crossed(order("BUY", 80, 100_20), levels) == 80
    assert [level.quantity for level in levels] == [0, 20, 50]
    assert crossed(order("BUY", 80, 100_00), asks()) == 0


@pytest.mark.parametrize(
    ("rupees", "is_option", "band"),
    [
        (90, False, 0.02),
        (100, False, 0.01),
        (500, False, 0.01),
        (501, False, 0.005),
        (9, True, 0.05),
        (10, True, 0.03),
        (100, True, 0.02),
        (500, True, 0.02),
        (501, True, 0.01),
    ],
)
def test_automatic_protection_follows_the_published_table(rupees: int, is_option: bool, band: float) -> None:
    """Kite's own band depends on the price and on whether it is an option; a given percentage wins over it."""
    assert protection_band(-1, rupees * 100, is_option) == band
    assert protection_band(3, rupees * 100, is_option) == pytest.approx(0.03)
