"""The leader dies, or sleeps past its Lease, at each step of a bracket's placement: the successor finds what it left.

The drill dual-runner freezes between fill and stop, and with a protected position; those two are not repeated here.
"""

from collections.abc import Callable

import pytest

from ops.drills.dual_runner import LOST_EXIT
from ops.drills.processes import awaited
from ops.drills.traders import Trader
from tests.component.faults.account import SOON
from tests.component.faults.stand import LEASE_SECONDS, Stand
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(150)]

Step = Callable[[Stand, Trader], None]


def entry_accepted(stand: Stand, trader: Trader) -> None:
    """The entry rests, its reply may not be there yet."""
    stand.entered(trader, ticks=-3)
    stand.accepted(Leg.ENTRY)


def entry_part_filled(stand: Stand, trader: Trader) -> None:
    """One lot of it traded a moment ago."""
    stand.entered(trader, ticks=-3)
    stand.accepted(Leg.ENTRY)
    stand.sell_into(1)


def entry_filled(stand: Stand, trader: Trader) -> None:
    """All of it traded a moment ago; its stop may be on the way."""
    stand.entered(trader)
    awaited(lambda: stand.filled(Leg.ENTRY), SOON, "the entry fills")


def stop_accepted(stand: Stand, trader: Trader) -> None:
    """The stop stands, and its reply may not be there yet."""
    stand.entered(trader)
    stand.accepted(Leg.STOP)


def target_accepted(stand: Stand, trader: Trader) -> None:
    """The target stands, and its reply may not be there yet."""
    stand.entered(trader)
    stand.accepted(Leg.TARGET)


STEPS = [entry_accepted, entry_part_filled, entry_filled, stop_accepted, target_accepted]


def found(stand: Stand, successor: Trader) -> None:
    """Nothing is sent twice; what was filled is protected, what was not is gone; and it can be closed."""
    held = stand.position()
    if held:
        stand.has_stop(successor)
    awaited(lambda: not stand.is_entry_working(), SOON, "no entry of an older epoch works on")
    assert stand.position() == held == stand.filled(Leg.ENTRY)
    assert len(stand.of_leg(Leg.ENTRY)) == 1
    since = stand.killed(successor)
    stand.flat_seconds(since, SOON)
    stand.judge()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_leader_killed_in_the_middle_leaves_nothing_unknown(stand: Stand, step: Step) -> None:
    """SIGKILL, and the pod's next process: it adopts, protects or cancels, and repeats nothing."""
    leader = stand.live()
    step(stand, leader)
    ended = stand.nobody_leads()
    leader.program.kill()
    successor = stand.live(stand.start_trader())
    ended()
    found(stand, successor)


@pytest.mark.parametrize("step", [entry_accepted, entry_part_filled, stop_accepted], ids=lambda step: step.__name__)
def test_a_leader_that_slept_past_its_lease_touches_nothing(stand: Stand, step: Step) -> None:
    """SIGSTOP until the other pod leads, then SIGCONT: the sleeper ends by itself, and all that is new is the successor's."""
    leader = stand.live()
    standby = stand.start_trader(1)
    awaited(lambda: standby.ask("/readyz")[0] == 200, SOON * 2, "the standby is ready")
    step(stand, leader)
    ended = stand.nobody_leads()
    leader.program.freeze()
    stand.live(standby, LEASE_SECONDS + 2 * SOON)
    ended()
    sent = len(stand.accepted_orders())
    leader.program.thaw()
    awaited(lambda: leader.program.exit_code is not None, SOON, "the sleeper ends")
    assert leader.program.exit_code == LOST_EXIT
    found(stand, standby)
    assert {each.parts.epoch for each in stand.accepted_orders()[sent:]} <= {standby.state()["epoch"]}
