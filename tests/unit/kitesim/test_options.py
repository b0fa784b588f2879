"""Option prices: the model, and how quotes follow their underlying."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitesim.clocks import DAY
from kitesim.market.options import black76, option_price

from .conftest import FUTURE, Floor

WEEK = 7 * DAY
CALL, PUT = "NFO:NIFTY26DEC24000CE", "NFO:NIFTY26DEC24000PE"


def test_black_prices_are_the_published_ones() -> None:
    """Undiscounted times the discount factor is what the textbook says.

    J. Hull, Options, Futures, and Other Derivatives, Black's model: a put on oil futures (20, 20, 9 %, 25 %, four
    months) at 1.12, and a call on gold futures (620, 600, 5 %, 20 %, six months) at 44.19.
    """
    oil = math.exp(-0.09 * 4 / 12) * black76(20.0, 20.0, 0.25 * math.sqrt(4 / 12), is_call=False)
    gold = math.exp(-0.05 * 0.5) * black76(620.0, 600.0, 0.20 * math.sqrt(0.5), is_call=True)
    assert oil == pytest.approx(1.12, abs=0.006)
    assert gold == pytest.approx(44.19, abs=0.006)


@given(
    strike=st.floats(10_000, 40_000),
    forward=st.floats(15_000, 30_000),
    volatility=st.floats(0.05, 0.8),
    left=st.integers(0, 90 * DAY),
)
def test_a_call_less_a_put_is_forward_less_strike(strike: float, forward: float, volatility: float, left: int) -> None:
    """Put-call parity, at any strike, volatility and time; and neither is worth less than at expiry."""
    call, put = (option_price(forward, strike, volatility, left, kind) for kind in (True, False))
    assert call - put == pytest.approx(forward - strike, abs=1e-6)
    assert call >= max(forward - strike, 0) - 1e-6
    assert put >= max(strike - forward, 0) - 1e-6


@pytest.mark.parametrize("left", [DAY // 24, DAY, WEEK, 60 * DAY])
def test_the_smile_allows_no_free_money(left: int) -> None:
    """Calls fall and puts rise with the strike, both bend upward, and time is worth something."""
    calls = [option_price(24_000, strike, 0.135, left, True) for strike in range(20_000, 28_000, 50)]
    puts = [option_price(24_000, strike, 0.135, left, False) for strike in range(20_000, 28_000, 50)]
    assert all(a >= b for a, b in pairwise(calls))
    assert all(a <= b + 1e-9 for a, b in pairwise(puts))
    assert all(a + c >= 2 * b - 0.01 for a, b, c in zip(calls, calls[1:], calls[2:], strict=False))
    assert option_price(24_000, 24_000, 0.135, left, True) < option_price(24_000, 24_000, 0.135, 2 * left, True)


def test_options_follow_their_future(floor: Floor) -> None:
    """A call less a put of a strike stays at future less strike, while the index walks."""
    for _ in range(20):
        floor.let_pass(30)
        parity = floor.quote(CALL).last - floor.quote(PUT).last
        # Half a paisa of rounding each, and the future's own small noise.
        assert parity == pytest.approx(floor.quote(FUTURE).last - 24_000_00, abs=25_00)


def test_a_forced_index_takes_its_options_along(floor: Floor) -> None:
    """The chain is where the model says before the call returns."""
    call, put = floor.quote(CALL).last, floor.quote(PUT).last
    floor.simulator.force_price("NSE:NIFTY 50", 24_500.0, 0)
    assert floor.quote(CALL).last > call + 200_00
    assert floor.quote(PUT).last < put - 50_00


def test_a_forced_option_moves_alone(floor: Floor) -> None:
    """Its index and its sisters stay; it comes back to its model within some ticks."""
    put, index, fair = floor.quote(PUT).last, floor.quote("NSE:NIFTY 50").last, floor.quote(CALL).last
    floor.simulator.force_price(CALL, fair * 1.5 / 100, 0)
    assert floor.quote(CALL).last == pytest.approx(fair * 1.5, abs=5)
    assert (floor.quote(PUT).last, floor.quote("NSE:NIFTY 50").last) == (put, index)
    floor.let_pass(90)
    assert floor.quote(CALL).last == pytest.approx(fair, rel=0.2)


def test_an_option_that_nobody_asked_for_ticks_seldom(floor: Floor) -> None:
    """It sleeps until somebody looks, then it ticks like everything else."""
    market = floor.simulator.market
    quote = market.quotes[floor.simulator.master.by_key[CALL].token]
    floor.let_pass(20)
    assert 1 <= quote.ticks <= 3
    seen = floor.quote(CALL).ticks
    floor.let_pass(20)
    assert quote.ticks == seen + 40


def test_circuit_limits_follow_the_delta(floor: Floor) -> None:
    """A far option has a narrow range, one deep in the money that of its index; a move of the index widens it."""
    near, far, deep = (floor.quote(f"NFO:NIFTY26DEC{strike}CE") for strike in (24000, 24500, 23500))
    assert 0 < far.upper_circuit - far.close < near.upper_circuit - near.close < deep.upper_circuit - deep.close
    assert deep.upper_circuit - deep.close <= 23_950_00 * 0.1 * 1.05
    assert near.upper_circuit - near.close == pytest.approx(24_000_00 * 0.1 * 0.5, rel=0.25)
    for quote in (near, far, deep):
        assert quote.lower_circuit >= 5
        assert quote.upper_circuit % 5 == 0
    upper = far.upper_circuit
    floor.simulator.force_price("NSE:NIFTY 50", 27_000.0, 60)
    floor.let_pass(1)
    assert upper < far.last <= far.upper_circuit
    assert far.last == pytest.approx(27_000_00 - 24_500_00, rel=0.1)


def test_an_exercised_option_pays_its_tax(make_floor: Callable[..., Floor]) -> None:
    """The buyer of an option that ends in the money pays STT on its intrinsic value; its seller and others pay none."""
    floor = make_floor(market="nse", date="2026-12-29", start="15:20:00", speed=1200, funds=50_000_000)
    bought, sold, dead = "NFO:NIFTY26DEC23500CE", "NFO:NIFTY26DEC23550CE", "NFO:NIFTY26DEC23500PE"
    for key, side in ((bought, "BUY"), (sold, "SELL"), (dead, "BUY")):
        floor.place(side, 65, key=key, order_type="MARKET", market_protection=-1)
    floor.settle()
    account = floor.account
    before = account.cash
    values = {order.instrument.key: order.filled_value for order in account.orders.values()}
    floor.let_pass(20)
    spot = floor.quote("NSE:NIFTY 50").last
    floor.let_pass(10)
    assert floor.simulator.market.day.isoformat() == "2026-12-30"
    intrinsic = 65 * max(spot - 23_500_00, 0)
    tax = round(intrinsic * 0.0015 / 100) * 100
    assert tax > 0
    short = 65 * max(spot - 23_550_00, 0)
    assert account.cash == before + intrinsic - values[bought] - short + values[sold] - values[dead] - tax
    settled = {
        entry["instrument"]: entry for entry in floor.simulator.log.entries() if entry["kind"] == "position_settled"
    }
    assert [settled[key]["charges"] for key in (bought, sold, dead)] == [tax / 100, 0, 0]
