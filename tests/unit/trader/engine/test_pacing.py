"""What leaves in a second is never more than the broker takes, whenever it was decided."""

import asyncio

from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.values import SECOND, MachineTime
from trader.engine.pacing import WINDOW, Call, Pace

LIMIT = 3


def paced(clock: VirtualClock) -> Pace:
    return Pace(clock.machine_time, lambda: LIMIT)


async def left(pace: Pace, clock: VirtualClock, count: int) -> list[MachineTime]:
    """When each of so many calls leaves, that goes and is answered at once."""
    times = []
    for _ in range(count):
        call = await pace.turn()
        call.left()
        call.over()
        times.append(clock.machine_time())
    return times


def test_no_window_holds_more_calls_than_the_broker_takes() -> None:
    """Those above the limit wait for the oldest to pass its window, one after the other."""

    async def main(clock: VirtualClock) -> None:
        times = await left(paced(clock), clock, 2 * LIMIT + 1)
        assert all(later - earlier >= WINDOW for earlier, later in zip(times, times[LIMIT:], strict=False))
        assert times[-1] - times[0] == 2 * WINDOW

    run_virtually(main)


def test_a_call_counts_when_it_leaves_not_when_it_had_its_turn() -> None:
    """Its connection took 0.9 s to stand: it holds its place until a window after that."""

    async def main(clock: VirtualClock) -> None:
        pace = paced(clock)
        slow = await pace.turn()
        await left(pace, clock, LIMIT - 1)
        await asyncio.sleep(0.9)
        slow.left()
        slow.over()
        gone = clock.machine_time()
        times = await left(pace, clock, LIMIT)
        assert [each - gone >= WINDOW for each in times] == [False, False, True]

    run_virtually(main)


def test_a_call_that_is_not_answered_may_arrive_in_any_second_until_it_is() -> None:
    """A slow network brings it to the broker among the calls of a later second: it holds its place in that one, too."""

    async def main(clock: VirtualClock) -> None:
        pace = paced(clock)
        slow = await pace.turn()
        slow.left()
        await left(pace, clock, LIMIT - 1)
        await asyncio.sleep(1.5)
        following = asyncio.ensure_future(left(pace, clock, LIMIT))
        await asyncio.sleep(0.25)
        slow.over()
        times = await following
        assert [each - times[0] >= WINDOW for each in times] == [False] * (LIMIT - 1) + [True]

    run_virtually(main)


def test_calls_on_their_way_hold_their_places_until_they_are_over() -> None:
    """Nobody knows when they leave: the next one waits until one did, or will not."""

    async def main(clock: VirtualClock) -> None:
        pace = paced(clock)
        waiting: list[Call] = [await pace.turn() for _ in range(LIMIT)]
        begin = clock.machine_time()
        following = asyncio.ensure_future(left(pace, clock, 1))
        await asyncio.sleep(5)
        assert not following.done()
        waiting[1].over()
        (at,) = await following
        assert 5 * SECOND + WINDOW <= at - begin <= 5 * SECOND + WINDOW + SECOND // 20

    run_virtually(main)
