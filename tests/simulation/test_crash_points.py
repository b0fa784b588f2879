"""Killed between any two steps of its life, an engine comes back and nothing is broken."""

from dataclasses import replace

import pytest

from ops.simulating.running import run
from ops.simulating.schedules import Schedule, perfect
from ops.simulating.troubles import Kind, Trouble

BEGIN = 4.0
"""Just before the signal: the entry, its fill, stop and target follow within a tenth of a second."""
TURNS = 160
"""As many resumptions of tasks later all of it is over."""


def crashed(schedule: Schedule, turn: int) -> Schedule:
    """The same life, ended after so many turns."""
    trouble = Trouble(Kind.CRASH_AT_TURN, at=BEGIN, number=turn)
    return replace(schedule, troubles=(trouble,), storm_seconds=8.0, partial=0.5, kills_after_healing=turn % 4 == 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pods", [1, 2])
def test_a_crash_at_any_await_of_a_brackets_birth_breaks_nothing(pods: int) -> None:
    """Every single point is tried, with one pod that starts again, and with a standby that takes over or not."""
    schedule = replace(perfect(7), pods=pods)
    broken = {turn: result.violations for turn in range(1, TURNS) if not (result := run(crashed(schedule, turn))).held}

    assert broken == {}


def test_the_crash_points_lie_where_orders_are_made() -> None:
    """Among them: an entry planned and not sent, sent and not answered, filled and not yet protected."""
    reached: set[str] = set()
    for turn in range(1, TURNS, 3):
        reached.update(run(crashed(perfect(7), turn)).reached)

    assert {"crash with entry UNSENT", "crash with entry WORKING", "crash with stop UNSENT"} <= reached
