"""The wall clock is stepped under a leader with a position: nothing that keeps a promise is timed by it (rule 1, machine time)."""

import json
from pathlib import Path

import pytest

from ops.drills.control_plane import LEASE_PATH
from ops.drills.processes import awaited
from tests.component.faults.account import SOON
from tests.component.faults.stand import LEASE_SECONDS, LOADED, Stand, counts, stays
from tests.component.faults.wall_clocks import WallClock

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

HOUR = 3600.0


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_step_of_the_wall_clock_changes_nothing(stand: Stand, tmp_path: Path, seconds: float) -> None:
    """Past a whole Lease: the same leader, its epoch, its stop; and a kill is flat within 2 s."""
    clock = WallClock(tmp_path / "wall-clock")
    trader = stand.start_trader(environment=clock.environment)
    stand.live(trader)
    standby = stand.start_trader(1)
    awaited(lambda: standby.ask("/readyz")[0] == 200, SOON * 2, "the standby is ready")
    stand.open_position(trader)
    epoch = trader.state()["epoch"]
    clock.step(seconds)

    def is_unmoved() -> bool:
        shown = trader.state()
        return (shown.get("tradingState"), shown.get("epoch"), standby.is_leader) == ("LIVE", epoch, False)

    assert stays(is_unmoved, LEASE_SECONDS + LOADED), (trader.state(), standby.state())
    assert counts(stand) == [1, 1, 1]
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    # What it says to people is by that clock: so it was really stepped.
    awaited(lambda: abs(told_since(stand) - since - seconds * 1e9) < SOON * 1e9, SOON, "the Lease tells of the kill")
    stand.judge()


def told_since(stand: Stand) -> float:
    """When the kill was engaged, as the trader tells the desk in its Lease (Unix ns); 0 before it does."""
    lease = stand.plane.get(LEASE_PATH) or {}
    kill = json.loads(lease["metadata"]["annotations"]["tradeops.dev/report"])["kill"]
    return float(kill["since"]) if kill else 0.0
