"""The collector runs between turns of the loop, and only there."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

from trader.app.collecting import YOUNG_LIMIT, collect_at_rest, generation_due


class Ring:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
async def keeping() -> AsyncIterator[None]:
    task = asyncio.create_task(collect_at_rest())
    await asyncio.sleep(0)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def collections() -> Iterator[list[int]]:
    """The generations that were collected inside the block."""
    seen: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            seen.append(about["generation"])

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


async def test_a_burst_of_work_is_not_interrupted(keeping: None) -> None:
    """As many objects as a thousand steps make bring no collection in their midst."""
    with collections() as seen:
        kept = [[number] for number in range(YOUNG_LIMIT // 2)]
        assert seen == []
    assert len(kept) == YOUNG_LIMIT // 2


async def test_rings_are_freed_when_the_loop_rests(keeping: None) -> None:
    """What only the collector can free goes within a moment of rest."""
    gone = asyncio.Event()
    weakref.finalize(Ring(), gone.set)
    await asyncio.wait_for(gone.wait(), 5)


async def test_start_up_is_set_aside(keeping: None) -> None:
    """A full collection does not look at what was there before."""
    assert gc.get_freeze_count() > 10_000


async def test_the_end_leaves_no_trace() -> None:
    """Thresholds and generations are Python's own again."""
    before = gc.get_threshold()
    task = asyncio.create_task(collect_at_rest())
    await asyncio.sleep(0)
    assert gc.get_threshold()[0] == YOUNG_LIMIT

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_older_generations_are_looked_at_less_often() -> None:
    """Young ones each time, the middle each second, all of it each five minutes."""
    due = [generation_due(turn) for turn in range(1, 3_001)]
    assert (due.count(0), due.count(1), due.count(2)) == (2_700, 299, 1)
