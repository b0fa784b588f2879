"""Each key is worked on at most once at a time, and never lost."""

import asyncio

from session_operator.engine.queueing import WorkQueue


async def test_a_key_woken_ten_times_is_worked_on_once() -> None:
    """Waking is cheap."""
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(10):
        queue.add("a")
    queue.add("b")
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert queue.longest_wait_seconds() == 0.0


async def test_a_key_woken_while_worked_on_comes_again() -> None:
    """What changed in between is not missed, and two workers never hold one key."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert queue.longest_wait_seconds() == 0.0
    queue.done("a")
    assert await queue.get() == "a"


async def test_the_earlier_of_two_times_holds() -> None:
    """Looking again later never postpones looking again soon."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_a_forgotten_key_does_not_come() -> None:
    """Its session is gone."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.0)
    queue.forget("a")
    queue.add_after("b", 0.01)
    async with asyncio.timeout(5):
        assert await queue.get() == "b"
