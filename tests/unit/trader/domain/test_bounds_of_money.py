"""Where the bounds of sizing and of price protection lie, to the paisa and the lot."""

from dataclasses import replace

import pytest

from tests.unit.trader.domain.world import nifty, profile
from trader.domain.prices import protection_reach, validate_order_price, within_band, within_protection
from trader.domain.sizing import bounded, share_of, size_entry
from trader.domain.values import Paise, Quantity, Side


@pytest.mark.parametrize("kind", ["CE", "PE"])
def test_a_small_premium_may_move_by_twenty_rupees_a_larger_one_by_its_part(kind: str) -> None:
    """Up to 50 rupees, that included; and always whole paise."""
    assert [protection_reach(kind, at) for at in (0, 1, 5_000, 5_001)] == [0, 2_000, 2_000, 2_000]
    assert protection_reach(kind, 50_001) == 20_000
    assert all(type(protection_reach(kind, at)) is int for at in (5_001, 77_777))


def test_shares_and_futures_have_reaches_of_their_own() -> None:
    """2.5 % and 2 %, in whole paise."""
    assert (protection_reach("EQ", 100_001), protection_reach("FUT", 100_001)) == (2_500, 2_000)
    assert type(protection_reach("FUT", 77_777)) is int


def test_a_price_of_one_paisa_is_a_price_and_unknown_limits_are_no_band() -> None:
    """Zero means unknown, of either limit."""
    fine = nifty(tick_size=Paise(1), lower_circuit=Paise(1), upper_circuit=Paise(100))
    assert within_band(1, fine)
    assert validate_order_price(1, fine) == ""
    assert not within_band(0, replace(fine, lower_circuit=Paise(0)))
    for unknown in ({"lower_circuit": Paise(0)}, {"upper_circuit": Paise(0)}):
        assert validate_order_price(50, replace(fine, **unknown)) == "the circuit limits of the day are unknown"  # type: ignore[arg-type]


def test_without_a_reference_nothing_is_within_protection() -> None:
    """A reference of one paisa is one."""
    assert not within_protection(Side.BUY, 0, nifty(), 0)
    assert within_protection(Side.BUY, 1, nifty(), 1)


def test_nothing_left_is_no_money_at_all() -> None:
    """Neither a share of it nor a lot on it."""
    assert share_of(Paise(-1), 1_000_000) == share_of(Paise(0), 1_000_000) == 0
    spent = size_entry(profile(), Paise(1_000_000), Paise(10**9), 1, nifty(lot_size=Quantity(1)))
    assert spent.by_heat == spent.quantity == 0


def test_no_freeze_quantity_bounds_nothing_and_a_lot_of_nothing_is_refused() -> None:
    """0 means that the exchange freezes no quantity."""
    free = nifty(freeze_quantity=Quantity(0))
    assert size_entry(profile(), Paise(10**12), Paise(0), 100, free).by_freeze > 0
    with pytest.raises(ValueError, match="lot must be positive"):
        size_entry(profile(), Paise(10**12), Paise(0), 100, replace(free, lot_size=Quantity(0)))


def test_one_order_unless_more_are_allowed() -> None:
    """And nothing is cut into nothing."""
    assert bounded(130, 65, 195).quantity == 65
    assert bounded(0, 65, 65).cut() == ()
