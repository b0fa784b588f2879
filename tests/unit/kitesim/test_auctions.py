"""The exchange's day by phases: the opening and the closing auction, the post-close session, and special days."""

from collections.abc import Callable
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitesim.calendars import Phase, load_calendar
from kitesim.clocks import SECOND, at
from kitesim.errors import InputRefused
from kitesim.exchange.auctions import equilibrium
from kitesim.exchange.orders import Order, Status

from .conftest import FUTURE, Floor

INFY, FUND = "NSE:INFY", "NSE:NIFTYBEES"
MONDAY = date(2026, 11, 23)
NEAR = "NFO:NIFTY26NOVFUT"
Maker = Callable[..., Floor]


@pytest.mark.parametrize(
    ("session", "day", "moment", "phase"),
    [
        ("NSE-CAS", MONDAY, "08:59:59", Phase.CLOSED),
        ("NSE-CAS", MONDAY, "09:00", Phase.AUCTION),
        ("NSE-CAS", MONDAY, "09:05", Phase.AUCTION_LIMIT),
        ("NSE-CAS", MONDAY, "09:10", Phase.MATCHING),
        ("NSE-CAS", MONDAY, "09:15", Phase.CONTINUOUS),
        ("NSE-CAS", MONDAY, "15:15", Phase.PAUSE),
        ("NSE-CAS", MONDAY, "15:20", Phase.AUCTION),
        ("NSE-CAS", MONDAY, "15:25", Phase.AUCTION_LIMIT),
        ("NSE-CAS", MONDAY, "15:30", Phase.MATCHING),
        ("NSE-CAS", MONDAY, "15:35", Phase.CLOSED),
        ("NSE-CAS", MONDAY, "15:50", Phase.POST_CLOSE),
        ("NSE-CAS", MONDAY, "16:00", Phase.CLOSED),
        ("NSE", MONDAY, "15:20", Phase.CONTINUOUS),
        ("NSE", MONDAY, "15:30", Phase.CLOSED),
        ("NFO", MONDAY, "09:05", Phase.CLOSED),
        ("NFO", MONDAY, "15:39:59", Phase.CONTINUOUS),
        ("NFO-PRE", MONDAY, "09:07", Phase.AUCTION),
        # The rules of the day, not those of today: two parts from 2026-09-07, the closing auction from 2026-08-03.
        ("NSE-CAS", date(2026, 9, 4), "09:06", Phase.AUCTION),
        ("NSE-CAS", date(2026, 7, 31), "15:20", Phase.CONTINUOUS),
        ("NSE-CAS", date(2026, 7, 31), "15:45", Phase.POST_CLOSE),
        ("NFO", date(2026, 7, 31), "15:30", Phase.CLOSED),
        ("NFO-PRE", date(2025, 12, 5), "09:01", Phase.CLOSED),
        # A Sunday with hours of its own.
        ("NSE-CAS", date(2026, 11, 8), "18:30", Phase.CONTINUOUS),
        ("NFO", date(2026, 11, 8), "19:00", Phase.CLOSED),
        ("NSE-CAS", date(2026, 11, 8), "09:30", Phase.CLOSED),
        ("NSE-CAS", date(2026, 11, 24), "11:00", Phase.CLOSED),
    ],
)
def test_the_day_has_its_phases(session: str, day: date, moment: str, phase: Phase) -> None:
    """What the circulars say of the hour, by session and date."""
    assert load_calendar("nse").phase(session, at(day, time.fromisoformat(moment))) is phase


def test_an_auction_ends_when_nobody_knows() -> None:
    """Within the last two minutes, at a moment that the seed draws; another seed or day has another."""
    ends = set()
    for seed in range(8):
        moments, phases = load_calendar("nse", seed=seed).timeline("NSE-CAS", MONDAY)
        (end,) = [moment for moment, phase in zip(moments, phases, strict=True) if phase is Phase.PAUSE][:1]
        assert 0 <= at(MONDAY, time(9, 10)) - end <= 120 * SECOND
        ends.add(end)
    assert len(ends) == 8


interest = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 50)), max_size=8)


@given(buys=interest, sells=interest, reference=st.integers(1, 40))
def test_no_other_price_would_trade_more(
    buys: list[tuple[int, int]], sells: list[tuple[int, int]], reference: int
) -> None:
    """Largest quantity first, then the least left over, then the nearest to the reference."""

    def at_price(price: int) -> tuple[int, int, int]:
        demand = sum(quantity for limit, quantity in buys if limit >= price)
        supply = sum(quantity for limit, quantity in sells if limit <= price)
        return min(demand, supply), -abs(demand - supply), -abs(price - reference)

    found = equilibrium(buys, sells, reference)
    prices = [limit for limit, _ in (*buys, *sells)]
    if found.quantity == 0:
        assert found.price == reference
        assert all(at_price(price)[0] == 0 for price in prices)
    else:
        assert at_price(found.price)[0] == found.quantity
        assert at_price(found.price) == max(at_price(price) for price in prices)


@pytest.fixture
def morning(make_floor: Maker) -> Floor:
    """Return a floor a minute before the opening auction, at sixty times the speed."""
    return make_floor(market="nse", start="08:59:00", speed=60, strikes=0)


def share(floor: Floor, side: str, quantity: int, **fields: object) -> Order:
    terms = {"key": INFY, "product": "CNC", "order_type": "MARKET", "market_protection": -1, **fields}
    order = floor.place(side, quantity, **terms)
    floor.settle()
    return order


def test_the_opening_auction_trades_once_at_one_price(morning: Floor) -> None:
    """Orders wait from nine, trade at 09:10 at one price, which is the day's open; what is left goes on at 09:15."""
    with pytest.raises(InputRefused, match="After Market Order"):
        share(morning, "BUY", 10)
    morning.let_pass(1.5)
    yesterday = morning.quote(INFY).last
    assert yesterday == morning.quote(INFY).close
    market = share(morning, "BUY", 10)
    generous = share(morning, "BUY", 20, order_type="LIMIT", price=round(yesterday * 1.05) // 100)
    low = share(morning, "BUY", 5, order_type="LIMIT", price=round(yesterday * 0.92) // 100)
    assert [order.status for order in (market, generous, low)] == [Status.OPEN] * 3
    morning.let_pass(3)
    assert not morning.account.trades
    morning.let_pass(7)
    assert (market.status, generous.status, low.status) == (Status.COMPLETE, Status.COMPLETE, Status.OPEN)
    assert len({trade.price for trade in morning.account.trades}) == 1
    quote = morning.quote(INFY)
    assert quote.open == morning.account.trades[0].price == quote.last
    assert low.terms.price <= quote.last < generous.limit
    morning.let_pass(5)
    assert quote.last != quote.open
    assert low.status is Status.OPEN


def test_an_auction_takes_only_plain_orders(morning: Floor) -> None:
    """No stops, no IOC, no disclosed quantity; market orders for the first five minutes only."""
    morning.let_pass(1.5)
    last = morning.quote(INFY).last // 100
    refused: list[dict[str, object]] = [
        {"order_type": "SL-M", "trigger_price": last + 5},
        {"validity": "IOC"},
        {"disclosed_quantity": 5},
    ]
    for fields in refused:
        with pytest.raises(InputRefused, match="not accepted in an auction"):
            share(morning, "BUY", 10, **fields)
    order = share(morning, "BUY", 10, order_type="LIMIT", price=last - 20)
    morning.let_pass(5)
    with pytest.raises(InputRefused, match="Market order cannot be placed during this period"):
        share(morning, "BUY", 10)
    with pytest.raises(InputRefused, match="Market order cannot be placed during this period"):
        morning.simulator.desk.modify(
            morning.account, order.order_id, {"order_type": "MARKET", "market_protection": "-1"}
        )
    morning.simulator.desk.modify(morning.account, order.order_id, {"price": str(last - 30)})
    morning.settle()
    assert order.terms.price == (last - 30) * 100
    morning.let_pass(5.5)
    with pytest.raises(InputRefused, match="takes no changes"):
        morning.simulator.desk.cancel(morning.account, order.order_id)
    with pytest.raises(InputRefused, match="takes no changes"):
        morning.simulator.desk.modify(morning.account, order.order_id, {"quantity": "9"})


def test_futures_of_the_month_open_by_auction_and_far_ones_do_not(make_floor: Maker) -> None:
    """In the last five days of a month the next one joins; options and far futures wait for 09:15."""
    floor = make_floor(market="nse", start="09:01:00", speed=60, strikes=0)
    sessions = {key: floor.quote(f"NFO:NIFTY{key}FUT").instrument.session for key in ("26NOV", "26DEC", "27JAN")}
    assert sessions == {"26NOV": "NFO-PRE", "26DEC": "NFO-PRE", "27JAN": "NFO"}
    early = make_floor(market="nse", date="2026-11-04", strikes=0)
    assert early.quote(FUTURE).instrument.session == "NFO"
    order = floor.place("BUY", 65, key=NEAR, order_type="MARKET", market_protection=-1)
    floor.settle()
    floor.let_pass(9)
    assert order.status is Status.COMPLETE
    assert order.filled_value == 65 * floor.quote(NEAR).open


@pytest.fixture
def evening(make_floor: Maker) -> Floor:
    """Return a floor a minute before continuous trading in shares ends, at sixty times the speed."""
    return make_floor(market="nse", start="15:14:00", speed=60, strikes=0)


def test_the_closing_auction_makes_the_close(evening: Floor) -> None:
    """Stops go at 15:15, limit orders stay for the auction, all trade at one price, and the rest is cancelled."""
    last = evening.quote(INFY).last // 100
    stop = share(evening, "BUY", 5, order_type="SL-M", trigger_price=last + 20)
    carried = share(evening, "BUY", 5, order_type="LIMIT", price=last - 25)
    fund = share(evening, "BUY", 5, key=FUND, order_type="LIMIT", price=evening.quote(FUND).last / 100 - 2)
    evening.let_pass(2)
    assert (stop.status, carried.status, fund.status) == (Status.CANCELLED, Status.OPEN, Status.OPEN)
    assert stop.message is not None
    assert "before the closing auction" in stop.message
    quote = evening.quote(INFY)
    assert quote.upper_circuit - quote.lower_circuit == pytest.approx(quote.last * 0.06, rel=0.01)
    with pytest.raises(InputRefused, match="could not be converted"):
        share(evening, "BUY", 7)
    evening.let_pass(5)
    market = share(evening, "BUY", 7)
    with pytest.raises(InputRefused, match="upper circuit limit"):
        share(evening, "BUY", 7, order_type="LIMIT", price=round(last * 1.05))
    evening.let_pass(9)
    assert (market.status, fund.status) == (Status.COMPLETE, Status.CANCELLED)
    assert market.filled_value == 7 * quote.last
    evening.let_pass(5)
    assert carried.status is Status.CANCELLED


def test_after_the_close_shares_trade_at_the_close_only(evening: Floor) -> None:
    """From 15:50 to 16:00 at the closing price; futures are closed."""
    evening.let_pass(38)
    quote = evening.quote(INFY)
    order = share(evening, "BUY", 7)
    high = share(evening, "BUY", 7, order_type="LIMIT", price=quote.last / 100 + 5)
    low = share(evening, "BUY", 7, order_type="LIMIT", price=quote.last / 100 - 5)
    assert order.filled_value == high.filled_value == 7 * quote.last
    assert str(low.status) == "OPEN"
    with pytest.raises(InputRefused):
        evening.place("BUY", 65)
    evening.let_pass(10)
    assert low.status is Status.CANCELLED


def test_a_market_order_that_found_nobody_stands_on_as_a_limit(morning: Floor) -> None:
    """More than the auction has: the rest goes into continuous trading at the auction's price."""
    morning.let_pass(1.5)
    floor = morning
    order = share(floor, "BUY", 3000)
    floor.let_pass(10.5)
    price = floor.quote(INFY).open
    assert 0 < order.filled < 3000
    assert order.filled_value == order.filled * price
    assert (order.terms.order_type, order.terms.price, order.limit) == ("LIMIT", price, price)
    assert floor.account.net() >= 0


def test_muhurat_trades_for_an_hour_on_a_sunday(make_floor: Maker) -> None:
    """Prices move, orders fill, and at the end everything is closed; intraday positions five minutes before."""
    floor = make_floor(market="nse", date="2026-11-08", start="18:00:00", speed=60, strikes=0)
    before = floor.quote(INFY).last
    order = share(floor, "BUY", 5, product="MIS")
    floor.let_pass(20)
    assert order.status is Status.COMPLETE
    assert floor.quote(INFY).last != before
    floor.let_pass(36)
    (position,) = floor.account.position_rows()["net"]
    assert position["quantity"] == 0
    floor.let_pass(5)
    assert floor.simulator.clock_row()["market_open"] is False


def test_a_leap_over_an_auction_still_holds_it(morning: Floor) -> None:
    """A clock that is moved forward passes every phase on the way, in order."""
    morning.let_pass(1.5)
    order = share(morning, "BUY", 10)
    morning.simulator.clock.advance(30 * 60 * SECOND)
    morning.let_pass(0.5)
    assert order.status is Status.COMPLETE
    phases = [
        entry["phase"]
        for entry in morning.simulator.log.entries()
        if entry["kind"] == "session_phase" and entry["session"] == "NSE-CAS"
    ]
    assert phases == ["auction", "auction-limit-only", "pause", "matching", "continuous"]
