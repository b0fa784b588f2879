"""What a guard's case gathers, and how large it makes the entry."""

import pytest

from tests.unit.trader.domain.test_guard_bounds import Change, case_of, control, holding, mastered, unit_lots
from tests.unit.trader.domain.test_guards import intent, live
from tests.unit.trader.domain.world import NIFTY, World, profile
from trader.domain.evolving import evolve
from trader.domain.sizing import Sizing
from trader.domain.tags import intent_id
from trader.domain.values import AccountId, Paise, Quantity, SignalKey


@pytest.fixture(scope="module")
def ready() -> World:
    """LIVE, with quotes; nobody steps it further."""
    return live()


def test_a_case_gathers_what_is(ready: World) -> None:
    """Distance, heat, size and budget are those of this intent at this moment."""
    case = case_of(ready)
    assert case.stop_distance == 5_000
    assert case.net_liquidation == ready.state.control.net_liquidation
    assert case.quote == ready.state.market.quotes[NIFTY]
    assert case.heat == 0
    assert case.budget == case.turn.budget()
    held, order = holding(ready)
    assert case.identity == order.intent
    assert case.identity == intent_id(AccountId("AB1234"), "2026-11-23", "test", SignalKey("key"))
    assert case_of(ready, lambda _: held).heat == 1755 * 5_000
    assert case_of(ready, control(net_liquidation=None)).net_liquidation == 0


@pytest.mark.parametrize(
    "change",
    [
        control(instruments={}),
        control(profile=None),
        control(net_liquidation=None),
        mastered(lot_size=Quantity(0)),
    ],
)
def test_what_cannot_be_sized_is_zero(ready: World, change: Change) -> None:
    """Without instrument, profile, funds or lot the size is nothing, never a guess."""
    assert case_of(ready, change).sizing == Sizing(0, 0, 0)
    assert case_of(ready, proposal=intent(stop_price=Paise(2_400_100))).sizing == Sizing(0, 0, 0)
    least = case_of(ready, unit_lots(), proposal=intent(stop_price=Paise(2_400_099))).sizing
    assert least.by_risk == case_of(ready).net_liquidation * 5_000 // 1_000_000
    assert all(isinstance(bound, int) for bound in (least.by_risk, least.by_heat, least.by_freeze))


def test_slices_leave_room(ready: World) -> None:
    """As many as the profile wants, can be closed in time, and fit into the second without the exits' share; at least one."""
    wants_nine = control(profile=profile(entry_slices=9))
    assert case_of(ready, wants_nine).sizing.slices == 5
    assert case_of(ready, control(profile=profile(entry_slices=2))).sizing.slices == 2
    assert case_of(ready, control(profile=profile(entry_slices=1))).sizing.slices == 1
    assert case_of(ready, control(profile=profile(entry_slices=9, orders_per_second=9))).sizing.slices == 4
    held, _ = holding(ready)
    room = evolve(held, control=evolve(held.control, profile=profile(entry_slices=9)))
    assert case_of(ready, lambda _: room).sizing.slices == 4
    crowded = evolve(room.control, sends=room.control.sends.noted(ready.now, 3))
    assert case_of(ready, lambda _: evolve(room, control=crowded)).sizing.slices == 2
    full = evolve(room.control, sends=room.control.sends.noted(ready.now, 9))
    assert case_of(ready, lambda _: evolve(room, control=full)).sizing.slices == 1
