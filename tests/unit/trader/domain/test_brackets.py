"""What a bracket holds, what protects it and which attempt comes next, from its orders alone."""

from typing import Any

import pytest

from tests.unit.trader.domain.building import bracket, filled, order, over
from trader.domain.brackets import (
    OrderWatcher,
    Required,
    entry_filled,
    entry_price,
    exits_filled,
    failures_in_a_row,
    held_quantity,
    live_orders,
    next_attempt,
    on_entry_fill,
    order_exists,
    orders_of,
    position_of,
    refusals_in_a_row,
    stop_level,
)
from trader.domain.evolving import evolve
from trader.domain.state import Bracket
from trader.domain.values import Epoch, Leg, OrderStatus, Paise, Quantity, Side

LIVE = [OrderStatus.UNSENT, OrderStatus.SENT, OrderStatus.IN_DOUBT, OrderStatus.WORKING]
ENDED = [OrderStatus.COMPLETE, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.ABSENT]


def short(*sold: int, bought: int = 0) -> Bracket:
    """A bracket that sold to enter."""
    entries = [filled(Leg.ENTRY, each, attempt=number, side=Side.SELL) for number, each in enumerate(sold)]
    exits = [filled(Leg.STOP, bought, side=Side.BUY)] if bought else []
    return bracket(*entries, *exits, side=Side.SELL)


def test_held_is_bought_less_sold() -> None:
    """In the bracket's own direction; the position has the exchange's sign."""
    long = bracket(filled(Leg.ENTRY, 130), filled(Leg.STOP, 40), filled(Leg.TARGET, 25), order(Leg.EXIT))
    assert held_quantity(long) == position_of(long) == 65
    assert held_quantity(short(130, bought=40)) == 90
    assert position_of(short(130, bought=40)) == -90
    assert isinstance(position_of(long), int)
    assert held_quantity(bracket(filled(Leg.ENTRY, 130), filled(Leg.STOP, 130), filled(Leg.TARGET, 10))) == -10
    assert held_quantity(bracket()) == 0


def test_what_others_closed_is_not_held() -> None:
    """Signed as the closing trade was."""
    assert held_quantity(evolve(bracket(filled(Leg.ENTRY, 130)), closed_outside=-130)) == 0
    assert held_quantity(evolve(short(130), closed_outside=100)) == 30


@pytest.mark.parametrize("leg", list(Leg))
def test_orders_of_a_leg(leg: Leg) -> None:
    """Those of the leg and no others, as they were planned; the live ones among them."""
    others = [order(each) for each in Leg if each is not leg]
    mine = [order(leg, status=status, attempt=number) for number, status in enumerate(LIVE + ENDED)]
    whole = bracket(*others, *mine)
    assert list(orders_of(whole, leg)) == mine
    assert live_orders(whole, leg) == tuple(mine[:4])
    assert set(live_orders(whole)) == {*others, *mine[:4]}


@pytest.mark.parametrize("status", LIVE + ENDED)
def test_an_order_exists_while_it_may_fill(status: OrderStatus) -> None:
    """Doubt counts; the other legs do not."""
    one = bracket(order(Leg.STOP, status=status))
    assert order_exists(one, Leg.STOP) is (status in LIVE)
    assert not order_exists(one, Leg.ENTRY)


def test_fills_by_side_of_the_bracket() -> None:
    """Entries on one side, every kind of exit on the other."""
    whole = bracket(
        filled(Leg.ENTRY, 100),
        filled(Leg.ENTRY, 30, attempt=1),
        filled(Leg.STOP, 10),
        filled(Leg.TARGET, 20),
        filled(Leg.EXIT, 40),
    )
    assert entry_filled(whole) == 130
    assert exits_filled(whole) == 70


def test_the_entry_price_is_the_average_of_its_fills() -> None:
    """Weighted by quantity, rounded down to the paisa; the plan's before anything filled."""
    entries = filled(Leg.ENTRY, 100, 2_400_000), filled(Leg.ENTRY, 30, 2_400_101, attempt=1)
    assert entry_price(bracket(*entries, filled(Leg.STOP, 10, 1))) == (100 * 2_400_000 + 30 * 2_400_101) // 130
    assert isinstance(entry_price(bracket(*entries)), int)
    assert entry_price(bracket(order(Leg.ENTRY))) == 2_400_000


def test_the_stop_follows_only_a_trail_that_tightens() -> None:
    """Without a trail the plan's; with one, the tightest trigger that any stop ever had, never a looser one."""
    tight, loose = Paise(2_397_000), Paise(2_393_000)
    stops = order(Leg.STOP, trigger_price=tight), order(Leg.STOP, trigger_price=loose, attempt=1)
    target = order(Leg.TARGET, trigger_price=Paise(2_399_000))
    assert stop_level(bracket(*stops)) == 2_395_000
    assert stop_level(bracket(*stops, target, trail_distance=Paise(1))) == tight
    assert stop_level(bracket(*reversed(stops), target, trail_distance=Paise(1))) == tight
    assert stop_level(bracket(order(Leg.STOP, trigger_price=loose), trail_distance=Paise(1))) == 2_395_000
    assert stop_level(bracket(order(Leg.STOP, trigger_price=Paise(2_395_001)), trail_distance=Paise(1))) == 2_395_001
    turned = order(Leg.STOP, trigger_price=Paise(0))
    sold: dict[str, Any] = {"side": Side.SELL, "trail_distance": Paise(1)}
    assert stop_level(bracket(turned, trail_distance=Paise(1))) == 2_395_000
    assert stop_level(bracket(turned, order(Leg.STOP, trigger_price=loose, attempt=1), **sold)) == loose
    assert stop_level(bracket(turned, **sold)) == 2_395_000
    assert stop_level(bracket(order(Leg.STOP, trigger_price=Paise(1)), **sold)) == 1


def test_both_legs_cover_what_is_held() -> None:
    """Nothing while nothing is held, nothing while it exits, and never below zero."""
    assert on_entry_fill(bracket(filled(Leg.ENTRY, 70))) == Required(stop=70, target=70)
    assert on_entry_fill(bracket(order(Leg.ENTRY))) == Required(stop=0, target=0)
    assert on_entry_fill(bracket(filled(Leg.STOP, 10))) == Required(stop=0, target=0)
    assert on_entry_fill(bracket(filled(Leg.ENTRY, 70), exiting="killed")) == Required(stop=0, target=0)


def test_attempts_count_up_by_leg() -> None:
    """One above the highest that the leg ever had, whatever became of it."""
    stops = [over(Leg.STOP, OrderStatus.REJECTED, attempt) for attempt in (0, 7, 3)]
    assert next_attempt(bracket(*stops, order(Leg.TARGET, attempt=9)), Leg.STOP, Epoch(1)) == 8
    assert next_attempt(bracket(*stops), Leg.EXIT, Epoch(1)) == 0
    assert next_attempt(bracket(), Leg.ENTRY, Epoch(1)) == 0


@pytest.mark.parametrize(("highest", "first"), [(0, 32), (15, 32), (16, 48), (17, 48), (31, 48), (32, 64)])
def test_a_takeover_leaves_room(highest: int, first: int) -> None:
    """A newer epoch begins beyond what the older one's emergency journal may have used, also on a leg that it never saw."""
    old = bracket(order(Leg.STOP, attempt=highest, epoch=3))
    assert next_attempt(old, Leg.STOP, Epoch(4)) == first
    assert next_attempt(old, Leg.TARGET, Epoch(4)) == 16
    assert next_attempt(old, Leg.STOP, Epoch(3)) == highest + 1


def test_a_takeover_counts_on_after_its_first() -> None:
    """The newest epoch among all legs decides, whichever order came first."""
    for orders in (
        (order(Leg.STOP, epoch=3), order(Leg.TARGET, attempt=16, epoch=4)),
        (order(Leg.TARGET, attempt=16, epoch=4), order(Leg.STOP, epoch=3)),
    ):
        assert next_attempt(bracket(*orders), Leg.TARGET, Epoch(4)) == 17
        assert next_attempt(bracket(*orders), Leg.STOP, Epoch(4)) == 1
        assert next_attempt(bracket(*orders), Leg.STOP, Epoch(5)) == 32


R, A, C = OrderStatus.REJECTED, OrderStatus.ABSENT, OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("ends", "refusals", "failures"),
    [
        ((), 0, 0),
        ((R,), 1, 1),
        ((A,), 0, 1),
        ((R, R, R), 3, 3),
        ((R, A, R), 2, 3),
        ((R, R, C), 0, 0),
        ((R, C, R), 1, 1),
        ((C, A, R), 1, 2),
        ((R, OrderStatus.WORKING), 0, 0),
        ((A, A), 0, 2),
    ],
)
def test_what_went_wrong_in_a_row(ends: tuple[OrderStatus, ...], refusals: int, failures: int) -> None:
    """Refusals count over what never arrived; anything that stood begins anew; other legs are another matter."""
    whole = bracket(*(over(Leg.STOP, end, number) for number, end in enumerate(ends)), over(Leg.EXIT, R))
    assert refusals_in_a_row(whole, Leg.STOP) == refusals
    assert failures_in_a_row(whole, Leg.STOP) == failures


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.EXIT])
def test_protected_is_covered_to_the_unit(leg: Leg) -> None:
    """By stops and exits that may still fill; a target protects nothing, nor does what is over."""
    entry, target = filled(Leg.ENTRY, 130), order(Leg.TARGET)
    assert OrderWatcher(bracket(entry, order(leg), target)).is_protected
    assert not OrderWatcher(bracket(entry, order(leg, quantity=Quantity(129)), target)).is_protected
    assert not OrderWatcher(bracket(entry, over(leg, OrderStatus.CANCELLED), target)).is_protected
    halves = order(Leg.STOP, quantity=Quantity(65)), order(Leg.EXIT, quantity=Quantity(65))
    assert OrderWatcher(bracket(entry, *halves)).is_protected
    assert OrderWatcher(bracket(order(Leg.ENTRY))).is_protected


def test_a_reversal_is_never_protected() -> None:
    """More closed than held: only an exit from the other side helps."""
    both = OrderWatcher(bracket(filled(Leg.ENTRY), filled(Leg.STOP), filled(Leg.TARGET, 1), order(Leg.EXIT)))
    assert both.is_reversed
    assert not both.is_protected
    flat = OrderWatcher(bracket(filled(Leg.ENTRY), filled(Leg.STOP)))
    assert not flat.is_reversed
    assert flat.is_protected


def test_orphans_are_exits_of_nothing() -> None:
    """Entries are none, one in doubt is none yet, and nothing is while something is held."""
    known, doubtful = order(Leg.TARGET), order(Leg.STOP, status=OrderStatus.IN_DOUBT)
    rest = order(Leg.ENTRY, attempt=1), over(Leg.EXIT, OrderStatus.CANCELLED)
    assert OrderWatcher(bracket(known, doubtful, *rest)).orphans == (known,)
    assert OrderWatcher(bracket(filled(Leg.ENTRY), known)).orphans == ()
    assert OrderWatcher(bracket(filled(Leg.STOP, 5), known)).orphans == ()


def test_done_is_empty_and_still() -> None:
    """Nothing held and nothing that may fill; both."""
    assert OrderWatcher(bracket(filled(Leg.ENTRY), filled(Leg.STOP))).is_done
    assert not OrderWatcher(bracket(filled(Leg.ENTRY), filled(Leg.STOP), order(Leg.TARGET))).is_done
    assert not OrderWatcher(bracket(filled(Leg.ENTRY))).is_done


def test_the_watcher_says_what_is_required() -> None:
    """The same answer as `on_entry_fill`."""
    whole = bracket(filled(Leg.ENTRY, 70))
    assert OrderWatcher(whole).required == Required(70, 70)
    assert OrderWatcher(whole).bracket is whole
