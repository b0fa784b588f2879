"""The same seed gives the same course, to the last bit; another seed, another course."""

import os
import subprocess
import sys

import pytest

from ops.simulating.running import run
from ops.simulating.schedules import make, perfect


def test_in_a_perfect_world_one_bracket_lives_and_ends_and_nothing_is_broken() -> None:
    """One engine, no troubles: entry, stop, target, and the sibling cancelled."""
    result = run(perfect(1))

    assert result.violations == {}
    kinds = [entry["kind"] for entry in result.history]
    assert (kinds.count("order_accepted"), kinds.count("order_cancelled")) == (3, 1)
    assert result.reached["bracket_closed"] == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_run_twice_gives_the_same_digest(seed: int) -> None:
    """History, marks, events and time are equal."""
    schedule = make("short", seed)
    assert make("short", seed) == schedule
    first, again = run(schedule), run(schedule)
    assert (first.digest, first.history, first.reached) == (again.digest, again.history, again.reached)


@pytest.mark.timeout(180)
def test_neither_the_process_nor_its_hash_seed_changes_a_course() -> None:
    """No iteration over a set, no clock, no address leaks into what happens."""
    program = (
        "from ops.simulating.running import quiet, run; from ops.simulating.schedules import make; quiet(); "
        "print([run(make('short', seed)).digest for seed in range(4)])"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
            timeout=90,
        ).stdout.strip()
        for hash_seed in ("1", "4711")
    ]
    assert digests[0] == digests[1] == str([run(make("short", seed)).digest for seed in range(4)])


def test_other_seeds_give_other_courses() -> None:
    """Ten seeds, ten digests."""
    assert len({run(make("short", seed)).digest for seed in range(10)}) == 10
