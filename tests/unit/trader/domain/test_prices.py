"""Prices that an exchange accepts, at any input."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trader.domain.world import nifty
from trader.domain.prices import (
    beyond,
    clamp_price,
    round_down,
    round_up,
    stop_limit_price,
    validate_order_price,
    within_band,
    within_protection,
)
from trader.domain.values import Paise, Side

PRICES = st.integers(-1_000_000, 10_000_000)


@given(PRICES, st.integers(2_160_000, 2_640_000), st.sampled_from(list(Side)))
def test_i37_a_clamped_price_is_always_acceptable(price: int, reference: int, side: Side) -> None:
    """Whatever comes in, what comes out lies on the tick, inside the circuit, and inside the protection when it is asked for."""
    instrument = nifty()
    assert validate_order_price(clamp_price(price, instrument), instrument) == ""

    protected = clamp_price(price, instrument, reference)

    assert validate_order_price(protected, instrument) == ""
    assert within_protection(side, protected, instrument, reference)


@given(PRICES, st.sampled_from([5, 10, 20, 7]))
def test_rounding_brackets_the_price(price: int, tick: int) -> None:
    """Down is at or below, up at or above, both on the tick and at most one tick apart."""
    down, up = round_down(price, tick), round_up(price, tick)
    assert down <= price <= up
    assert down % tick == up % tick == 0
    assert up - down in (0, tick)


def test_the_band_must_be_known() -> None:
    """Unknown circuit limits hold no price, but do not stop an exit."""
    unknown = nifty(lower_circuit=Paise(0), upper_circuit=Paise(0))
    assert not within_band(2_400_000, unknown)
    assert "unknown" in validate_order_price(2_400_000, unknown)
    assert clamp_price(2_400_004, unknown) == 2_400_000


def test_each_fault_of_a_price_is_named() -> None:
    """Zero, off the tick, outside the circuit: each says what would be right."""
    assert "above 0" in validate_order_price(0, nifty())
    assert "multiple of the tick 10" in validate_order_price(2_400_003, nifty())
    assert "within 2160000..2640000" in validate_order_price(2_640_010, nifty())
    assert validate_order_price(2_640_000, nifty()) == ""


def test_the_protection_binds_before_the_circuit() -> None:
    """Futures within 2 % of the reference, options within 40 % or, below 50 rupees, within 20 rupees."""
    assert clamp_price(1, nifty(), 2_400_000) == 2_352_000
    assert clamp_price(9_999_999, nifty(), 2_400_000) == 2_448_000
    option = nifty(kind="CE", tick_size=Paise(5), lower_circuit=Paise(5), upper_circuit=Paise(100_000))
    assert clamp_price(99_999, option, 10_000) == 14_000
    assert clamp_price(99_999, option, 5_000) == 7_000
    assert clamp_price(1, option, 5_000) == 3_000


def test_only_paying_too_much_is_refused() -> None:
    """A BUY far below and a SELL far above the reference only rest; an unknown reference lets nothing pass."""
    assert within_protection(Side.BUY, 2_300_000, nifty(), 2_400_000)
    assert within_protection(Side.SELL, 2_500_000, nifty(), 2_400_000)
    assert not within_protection(Side.BUY, 2_448_010, nifty(), 2_400_000)
    assert not within_protection(Side.SELL, 2_351_990, nifty(), 2_400_000)
    assert not within_protection(Side.BUY, 1, nifty(), 0)


@given(
    trigger=st.integers(216_100, 263_900).map(lambda ticks: ticks * 10),
    side=st.sampled_from(list(Side)),
    ticks=st.integers(0, 20_000),
    ppm=st.integers(0, 100_000),
)
def test_a_stop_survives_the_check_at_its_trigger(trigger: int, side: Side, ticks: int, ppm: int) -> None:
    """With the market at its trigger its limit lies inside the protection, however far beyond it was wanted."""
    limit = stop_limit_price(side, trigger, nifty(), ticks, ppm)

    assert within_protection(side, limit, nifty(), trigger)


def test_beyond_makes_an_order_trade_sooner() -> None:
    """Buyers go up, sellers down."""
    assert beyond(Side.BUY, 1_001, 2, 10) == 1_030
    assert beyond(Side.SELL, 1_009, 2, 10) == 980


def test_a_stop_limit_lies_beyond_its_trigger() -> None:
    """Far enough to trade through a fast market, inside the circuit."""
    assert stop_limit_price(Side.SELL, 2_400_000, nifty(), 20, 5_000) == 2_388_000
    assert stop_limit_price(Side.BUY, 2_400_000, nifty(), 20, 0) == 2_400_200
    assert stop_limit_price(Side.SELL, 2_160_100, nifty(), 20, 5_000) == 2_160_000
