"""The order budget counts attempts, in sliding windows."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trader.domain.test_protection import entering, fill_entry
from trader.domain.effects import PlaceOrder
from trader.domain.throttle import Sends, budget_left
from trader.domain.values import MILLISECOND, SECOND, MachineTime


@given(st.lists(st.integers(0, 400), min_size=1, max_size=200))
def test_no_second_ever_holds_more_than_its_calls(pauses: list[int]) -> None:
    """Whoever sends only while the budget is above 0 keeps ten in any window of a second, calendar or not."""
    sends, now, times = Sends(), 0, []
    for pause in pauses:
        now += pause * MILLISECOND
        while budget_left(sends, MachineTime(now), 10, 400, 5_000).calls > 0:
            sends = sends.noted(MachineTime(now), 1)
            times.append(now)
    for index, at in enumerate(times[10:]):
        assert at - times[index] >= SECOND
    assert all(later - earlier >= 60 * SECOND for earlier, later in zip(times, times[400:], strict=False))


def test_old_calls_are_forgotten() -> None:
    """After a minute a call counts nowhere."""
    sends = Sends().noted(MachineTime(0), 3).noted(MachineTime(61 * SECOND), 1)
    left = budget_left(sends, MachineTime(61 * SECOND), 10, 400, 7)
    assert (left.second, left.minute, left.day, left.calls) == (9, 399, 7, 9)


def test_the_window_does_not_grow_with_the_day() -> None:
    """However long the day, little more than a minute of calls is kept, and every one of the last minute is."""
    sends = Sends()
    for second in range(1_000):
        sends = sends.noted(MachineTime(second * SECOND), 6)
        assert sends.within_minute(MachineTime(second * SECOND)) == 6 * min(second + 1, 60)
        assert len(sends.times) <= 6 * 60 + 64


def test_every_attempt_counts_refused_or_not() -> None:
    """The window holds each call that left, whatever the broker said to it."""
    world = entering()
    world.fate = lambda call: "refused" if isinstance(call, PlaceOrder) else "ok"
    fill_entry(world, 1755)
    world.run(5)

    assert len(world.sent) > 5
    assert world.state.control.sends.within_minute(world.now) == len(world.sent)
