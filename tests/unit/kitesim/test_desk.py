"""An order passes through its documented states, and the money follows."""

from collections.abc import Callable

import pytest

from kitesim.errors import InputRefused, MarginRefused, OrderUnknown, RateLimited
from kitesim.exchange.orders import Status

from .conftest import Floor

ON_ITS_WAY = ["VALIDATION PENDING", "OPEN PENDING"]


def test_a_marketable_order_shows_every_interim_status(floor: Floor) -> None:
    """Received, validated, registered, open, complete: one row each in the history."""
    order = floor.place("BUY", 65, price=floor.quote().last / 100 + 200)
    assert order.status is Status.RECEIVED
    assert floor.statuses(order) == []
    floor.settle()
    assert floor.statuses(order) == [*ON_ITS_WAY, "OPEN", "COMPLETE"]
    assert len(order.history) == 5
    assert floor.updates == [(order.order_id, "COMPLETE")]


def test_acceptance_is_logged_before_anything_else_happens(floor: Floor) -> None:
    """The truth log knows the order with its tag at the moment it is accepted."""
    order = floor.place("BUY", 65, price=floor.quote().last / 100, tag="T0001")
    (entry,) = [entry for entry in floor.simulator.log.entries() if entry["kind"] == "order_accepted"]
    assert entry | {"order_id": order.order_id, "tag": "T0001", "quantity": 65, "product": "NRML"} == entry
    assert entry["instrument"] == "NFO:NIFTY26DECFUT"


def test_a_large_order_fills_level_by_level_and_rests(floor: Floor) -> None:
    """What the book cannot give stays OPEN and fills as the book is refreshed, each time within the limit."""
    book = floor.quote().book
    limit = book.asks[1].price
    offered = book.asks[0].quantity + book.asks[1].quantity
    wanted = offered + 65
    assert wanted <= 1755
    order = floor.place("BUY", wanted, price=limit / 100)
    floor.settle()
    assert (order.status, order.filled) == (Status.OPEN, offered)
    assert [status for _, status in floor.updates] == ["UPDATE", "UPDATE"]
    floor.force(limit - 500)
    assert order.status is Status.COMPLETE
    assert all(trade.price <= limit for trade in floor.account.trades)


def test_an_ioc_order_never_rests(floor: Floor) -> None:
    """The rest of an IOC order is cancelled at once, with what it filled."""
    book = floor.quote().book
    order = floor.place("BUY", book.asks[0].quantity + 65, price=book.asks[0].price / 100, validity="IOC")
    floor.settle()
    assert order.status is Status.CANCELLED
    assert (order.filled, order.cancelled) == (order.terms.quantity - 65, 65)
    assert [status for _, status in floor.updates] == ["UPDATE", "CANCELLED"]


def test_a_market_order_stops_at_its_band_and_stays_as_a_limit(floor: Floor) -> None:
    """Market protection makes a limit; what cannot fill inside stays OPEN as LIMIT."""
    quote = floor.quote()
    order = floor.place("BUY", 1755, order_type="MARKET", market_protection=0.001)
    floor.settle()
    assert order.status is Status.OPEN
    assert order.terms.order_type == "LIMIT"
    assert quote.last < order.terms.price <= quote.last * 1.00001


def test_a_market_order_fills_within_its_band(floor: Floor) -> None:
    """A band that is wide enough fills at the levels' prices, not at the limit."""
    best = floor.quote().book.asks[0].price
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.settle()
    assert order.status is Status.COMPLETE
    assert order.filled_value == 65 * best


@pytest.mark.parametrize(("side", "away"), [("SELL", -1), ("BUY", 1)])
@pytest.mark.parametrize("order_type", ["SL", "SL-M"])
def test_a_stop_waits_for_its_trigger(floor: Floor, side: str, away: int, order_type: str) -> None:
    """A stop is TRIGGER PENDING until the last price reaches it, then it is an order like any other."""
    last = floor.quote().last
    trigger = (last + away * 5000) // 10 * 10
    fields = {"price": (trigger + away * 5000) / 100} if order_type == "SL" else {"market_protection": -1}
    order = floor.place(side, 65, order_type=order_type, trigger_price=trigger / 100, **fields)
    floor.settle()
    assert floor.statuses(order)[-1] == "TRIGGER PENDING"
    floor.force(trigger - away * 100)
    assert not order.triggered
    floor.force(trigger + away * 100)
    assert floor.statuses(order) == [*ON_ITS_WAY, "TRIGGER PENDING", "OPEN", "COMPLETE"]


def test_a_stop_that_the_price_has_passed_is_refused(floor: Floor, make_floor: Callable[..., Floor]) -> None:
    """By default as public logs show it; switched off, such a stop triggers as soon as it arrives."""
    last = floor.quote().last // 10 * 10
    stop = {"order_type": "SL", "trigger_price": (last + 500) / 100, "price": (last - 500) / 100}
    with pytest.raises(InputRefused, match="should be lower than the last traded price"):
        floor.place("SELL", 65, **stop)
    lenient = make_floor(rules={"refuse_passed_trigger": False})
    order = lenient.place("SELL", 65, **stop)
    lenient.settle()
    assert order.status is Status.COMPLETE


def test_a_modification_takes_its_documented_way(floor: Floor) -> None:
    """The four statuses of a modification, an UPDATE to the client, and the new price in the book."""
    last = floor.quote().last
    order = floor.place("BUY", 65, price=(last - 10000) / 100)
    floor.settle()
    floor.simulator.desk.modify(floor.account, order.order_id, {"price": f"{(last - 5000) / 100:.2f}"})
    floor.settle()
    changes = ["MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN"]
    assert floor.statuses(order) == [*ON_ITS_WAY, "OPEN", *changes]
    assert order.limit == last - 5000
    assert floor.updates == [(order.order_id, "UPDATE")]


def test_a_modification_that_costs_too_much_leaves_the_order(make_floor: Callable[..., Floor]) -> None:
    """The order stands as it was, says why, and the log does not call it rejected."""
    floor = make_floor(funds=200_000)
    order = floor.place("BUY", 65, price=(floor.quote().last - 10000) / 100)
    floor.settle()
    floor.simulator.desk.modify(floor.account, order.order_id, {"quantity": "130"})
    floor.settle()
    assert (order.status, order.terms.quantity) == (Status.OPEN, 65)
    assert str(order.message).startswith("Insufficient funds")
    kinds = [entry["kind"] for entry in floor.simulator.log.entries()]
    assert "order_rejected" not in kinds
    assert "modification_rejected" in kinds


def test_an_order_can_be_modified_25_times(floor: Floor) -> None:
    """The 26th modification is refused."""
    last = floor.quote().last
    order = floor.place("BUY", 65, price=(last - 10000) / 100)
    floor.settle()
    for number in range(25):
        floor.simulator.desk.modify(floor.account, order.order_id, {"price": f"{(last - 5000 - number * 10) / 100}"})
        floor.settle()
    with pytest.raises(RateLimited):
        floor.simulator.desk.modify(floor.account, order.order_id, {"price": f"{(last - 9000) / 100}"})


def test_an_order_fills_while_its_cancellation_is_on_its_way(floor: Floor) -> None:
    """CANCEL PENDING is not cancelled: the exchange may be faster, and then the order is COMPLETE."""
    last = floor.quote().last
    order = floor.place("BUY", 65, price=(last - 10000) / 100)
    floor.settle()
    floor.simulator.desk.cancel(floor.account, order.order_id)
    floor.force(last - 20000)
    floor.settle()
    assert floor.statuses(order)[-2:] == ["CANCEL PENDING", "COMPLETE"]


def test_a_cancelled_order_frees_its_margin(floor: Floor) -> None:
    """Cancelling gives back what the order blocked."""
    before = floor.account.net()
    order = floor.place("BUY", 65, price=(floor.quote().last - 10000) / 100)
    floor.settle()
    assert floor.account.net() < before
    floor.simulator.desk.cancel(floor.account, order.order_id)
    floor.settle()
    assert (order.status, order.cancelled, floor.account.net()) == (Status.CANCELLED, 65, before)


@pytest.mark.parametrize("act", ["cancel", "modify"])
def test_a_finished_order_is_left_alone(floor: Floor, act: str) -> None:
    """Modifying or cancelling what is terminal, or still on its way, is a 400; unknown orders are unknown."""
    desk = floor.simulator.desk
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    arguments = [{"price": "1"}] if act == "modify" else []
    with pytest.raises(InputRefused, match="being processed"):
        getattr(desk, act)(floor.account, order.order_id, *arguments)
    floor.settle()
    with pytest.raises(InputRefused, match="being processed"):
        getattr(desk, act)(floor.account, order.order_id, *arguments)
    with pytest.raises(OrderUnknown):
        getattr(desk, act)(floor.account, "1", *arguments)
    with pytest.raises(OrderUnknown):
        getattr(desk, act)(floor.add("CD5678"), order.order_id, *arguments)


def test_too_little_money_makes_a_rejected_row(make_floor: Callable[..., Floor]) -> None:
    """The refusal is asynchronous, names both amounts, and never reaches the exchange."""
    floor = make_floor(funds=1000)
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.settle()
    assert order.status is Status.REJECTED
    assert order.exchange_order_id is None
    assert str(order.message).startswith("Insufficient funds. Required margin is ")
    assert floor.account.net() == 1000_00


def test_too_little_money_is_an_exception_when_configured(make_floor: Callable[..., Floor]) -> None:
    """The other documented form: no order at all."""
    floor = make_floor(funds=1000, margins={"refusal": "exception"})
    with pytest.raises(MarginRefused):
        floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    assert not floor.account.orders


def test_leaving_a_position_needs_no_money(make_floor: Callable[..., Floor]) -> None:
    """Stop and target of a position block nothing beyond what the position blocks."""
    floor = make_floor(funds=200_000)
    last = floor.quote().last // 10 * 10
    floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.settle()
    blocked = floor.account.blocked
    stop = floor.place("SELL", 65, order_type="SL", trigger_price=last / 100 - 50, price=last / 100 - 60)
    target = floor.place("SELL", 65, price=last / 100 + 90)
    floor.settle()
    assert (stop.status, target.status) == (Status.TRIGGER_PENDING, Status.OPEN)
    assert floor.account.blocked == blocked


def test_shares_are_sold_only_when_they_are_there(floor: Floor) -> None:
    """A delivery sale needs shares bought today or held."""
    order = floor.place("SELL", 5, key="NSE:INFY", product="CNC", order_type="MARKET", market_protection=-1)
    floor.settle()
    assert order.status is Status.REJECTED
    floor.place("BUY", 5, key="NSE:INFY", product="CNC", order_type="MARKET", market_protection=-1)
    floor.settle()
    order = floor.place("SELL", 5, key="NSE:INFY", product="CNC", order_type="MARKET", market_protection=-1)
    floor.settle()
    assert order.status is Status.COMPLETE


def test_users_trade_with_each_other_at_the_resting_price(floor: Floor) -> None:
    """An order inside the spread is the best price for the next one that comes."""
    book = floor.quote().book
    floor.force(floor.quote().last)
    price = floor.quote().book.bids[0].price + 10
    if price >= floor.quote().book.asks[0].price:
        pytest.skip("this seed left no room in the spread")
    resting = floor.place("BUY", 65, price=price / 100)
    floor.settle()
    seller = floor.add("CD5678")
    taking = floor.place_for(seller, "SELL", 65, price=book.bids[-1].price / 100)
    floor.settle()
    assert (resting.status, taking.status) == (Status.COMPLETE, Status.COMPLETE)
    assert (resting.filled_value, taking.filled_value) == (65 * price, 65 * price)


def test_a_reset_user_starts_with_nothing(floor: Floor) -> None:
    """New funds empty the book; orders that were on their way never arrive."""
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    floor.simulator.add_user("AB1234", 5000)
    floor.settle()
    account = floor.simulator.accounts["AB1234"]
    assert (account.net(), account.orders, account.trades) == (5000_00, {}, [])
    assert order.filled == 0
