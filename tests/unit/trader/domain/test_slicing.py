"""An entry above the freeze quantity is cut into slices; each is a bracket, and the sum keeps every limit."""

import pytest

from tests.unit.trader.domain.world import World, nifty, profile
from trader.domain.brackets import OrderWatcher, held_quantity
from trader.domain.records import BracketPlanned
from trader.domain.sizing import bounded
from trader.domain.values import Leg
from trader.domain.views import view

FREEZE = 1_755
"""27 lots of 65: what one order of NIFTY may be at a freeze quantity of 1,800."""


def sliced(**changes: object) -> World:
    """A large account on a signal that is worth 169 lots; the profile allows three slices."""
    world = World(profile=profile(**{"entry_slices": 3, **changes})).start()
    world.open_range()
    return world


def planned(world: World) -> list[BracketPlanned]:
    return [each for each in world.journal if isinstance(each, BracketPlanned)]


def test_a_large_entry_is_cut_into_slices() -> None:
    """No order above the freeze quantity, as many as the profile allows, each with intent, tag and key of its own."""
    world = sliced()
    world.quote(2_402_500)

    entries = world.placed(Leg.ENTRY)
    assert [each.quantity for each in entries] == [FREEZE] * 3
    assert len({each.intent for each in entries}) == len({each.tag for each in entries}) == 3
    first, *others = [each.signal_key for each in planned(world)]
    assert others == [f"{first}#2", f"{first}#3"]


def test_the_same_signal_never_enters_twice_however_it_was_cut() -> None:
    """The first slice is the intent: it burns the key for all of them, in the successor too."""
    world = sliced()
    world.quote(2_402_500)
    world.pump()
    world.restart(2)
    world.quote(2_402_500)

    assert len(planned(world)) == 3


def test_every_slice_is_protected_as_it_fills() -> None:
    """The sum of the stops is the sum of what is held, at each partial fill."""
    world = sliced()
    world.exchange.liquidity = False
    world.quote(2_402_500)
    world.pump()

    for order, lots in zip(list(world.exchange.orders.values()), (1, 27, 5), strict=True):
        world.exchange.fill(order.order_id, lots * 65)
        world.pump()
        brackets = world.state.durable.open.values()
        held = sum(held_quantity(each) for each in brackets)
        stops = [order for each in brackets for order in each.orders.values() if order.leg is Leg.STOP]
        assert sum(order.remaining for order in stops) == held
        assert all(OrderWatcher(each).is_protected for each in brackets)


def test_a_refused_slice_leaves_the_others_whole() -> None:
    """Margin for two of three: the third is closed unfilled, nothing is sent again for it."""
    world = sliced()
    refused = iter(["ok", "refused", "ok"])
    world.fate = lambda call: next(refused, "ok")
    world.quote(2_402_500)
    world.pump()
    world.run(3)

    assert len(world.placed(Leg.ENTRY)) == 3
    assert [held_quantity(each) for each in world.state.durable.open.values()] == [FREEZE, FREEZE]
    assert view(world.state).naked == 0


def test_slices_are_flat_within_two_seconds_of_a_kill() -> None:
    """Three slices take calls of three brackets, and these were counted before they were entered."""
    world = sliced()
    world.quote(2_402_500)
    world.pump()
    world.run(2)
    before = len(world.sent)

    world.kill()
    world.run(2)

    assert view(world.state).is_flat
    assert len(world.sent) - before <= 12


@pytest.mark.parametrize(("per_second", "slices"), [(10, 3), (6, 2), (5, 1)])
def test_slices_fit_what_a_flatten_can_close(per_second: int, slices: int) -> None:
    """Four calls a bracket within two seconds bound them, and so does the second's share of entries."""
    world = sliced(orders_per_second=per_second)
    world.run(2)
    world.quote(2_402_500)

    assert len(planned(world)) == slices


def test_slices_never_exceed_what_may_be_risked() -> None:
    """Heat and risk bound the sum, not the slice."""
    world = sliced(per_trade_risk_ppm=1_000)
    world.quote(2_402_500)

    quantities = [each.quantity for each in planned(world)]
    first = planned(world)[0]
    assert sum(quantities) * (first.entry_price - first.stop_price) <= 10_000_000_000 // 1_000
    assert quantities == [FREEZE, sum(quantities) - FREEZE]


def test_a_cut_is_exact() -> None:
    """Whole slices first, then the rest; nothing is lost and nothing gained."""
    assert bounded(10_000, 1_755, 4_000 // 65 * 65, 5).cut() == (1_755, 1_755, 455)
    assert bounded(1_755, 1_755, 9_999, 5).cut() == (1_755,)
    assert bounded(9_999, 1_755, 9_999, 1).cut() == (1_755,)
    assert nifty().freeze_quantity >= FREEZE
