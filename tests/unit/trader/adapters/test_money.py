"""Rupees and paise meet without losing one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.adapters.kite.money import paise, rupees
from trader.domain.values import Paise


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_any_amount_survives_the_way_to_kite_and_back(amount: int) -> None:
    """Paise to rupees to paise is the identity, for any amount that the market knows."""
    assert paise(rupees(Paise(amount))) == amount


@given(st.integers(min_value=0, max_value=10**12))
def test_rupees_are_written_with_two_decimals_at_most(amount: int) -> None:
    """The text in the form body names the price that was meant, not its binary neighbour."""
    _, _, decimals = repr(rupees(Paise(amount))).partition(".")
    assert len(decimals) <= 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.15, 115),
        (24000.05, 2400005),
        (0.005, 0),
        (0.015, 2),
        (0.025, 2),
        ("12.30", 1230),
        (None, 0),
        ("", 0),
        (7, 700),
    ],
)
def test_more_than_two_decimals_round_half_to_even(value: object, expected: int) -> None:
    """An average price of 0.025 is 2 paise, of 0.015 too."""
    assert paise(value) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, "n/a", True, [1]])
def test_what_is_no_amount_is_refused(value: object) -> None:
    """A reply that makes no sense raises instead of becoming a price."""
    with pytest.raises(ValueError, match="expected an amount"):
        paise(value)
