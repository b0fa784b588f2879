"""The leader stops at each checkpoint of a send, sleeps past its Lease, and goes on when another one leads.

What it had not let pass never leaves. What it had let pass leaves in that very moment, and nothing on our side can stop it any
more: at most this one request, with its old epoch in the tag, which the successor finds in the book and makes harmless (rule 7).
"""

from collections.abc import Callable
from threading import Thread

import pytest

from ops.drills.dual_runner import LOST_EXIT
from ops.drills.processes import awaited
from tests.component.faults.account import SOON
from tests.component.faults.checkpoints import VARIABLE, Checkpoint, spoken
from tests.component.faults.forked import ForkedProgram, ForkedTrader
from tests.component.faults.stand import LEASE_SECONDS, Stand, stays
from trader.domain.values import Leg

ARRIVED_SECONDS = 1.0
"""By then the exchange has taken what was written: on loopback, and it takes 10 ms."""

pytestmark = [pytest.mark.component, pytest.mark.timeout(150)]


def stopped(stand: Stand, checkpoint: Checkpoint, leg: Leg) -> tuple[ForkedTrader, ForkedTrader]:
    """A leader that stopped itself there, and the standby that leads since."""
    leader = stand.start_trader(environment={VARIABLE: spoken(checkpoint, leg)})
    stand.live(leader)
    standby = stand.start_trader(1)
    awaited(lambda: standby.ask("/readyz")[0] == 200, SOON * 2, "the standby is ready")
    # Its answer does not come: whoever would give it is stopped.
    Thread(target=stand.enter, args=(leader,), daemon=True).start()
    awaited(program(leader).is_stopped, SOON, f"the leader stops, its {leg.name} {checkpoint}")
    ended = stand.nobody_leads()
    stand.live(standby, LEASE_SECONDS + 2 * SOON)
    ended()
    return leader, standby


def program(trader: ForkedTrader) -> ForkedProgram:
    """Its process."""
    assert isinstance(trader.program, ForkedProgram)
    return trader.program


def let_go_on(stand: Stand, leader: ForkedTrader, successor: ForkedTrader) -> Callable[[], int]:
    """Until the stopped leader has ended; what counts the orders of its epoch that the exchange took since."""
    before, epoch = len(stand.accepted_orders()), int(successor.state()["epoch"])
    leader.program.thaw()
    awaited(lambda: leader.program.exit_code is not None, SOON, "the sleeper ends")
    assert leader.program.exit_code == LOST_EXIT
    return lambda: sum(each.parts.epoch < epoch for each in stand.accepted_orders()[before:])


def test_an_entry_that_was_not_durable_is_as_if_it_had_never_been(stand: Stand) -> None:
    """The store refuses the older epoch's commit, and nobody misses what it held."""
    leader, successor = stopped(stand, Checkpoint.DECIDED, Leg.ENTRY)
    late = let_go_on(stand, leader, successor)
    assert stays(lambda: late() == 0, ARRIVED_SECONDS)
    stand.open_position(successor)
    assert stand.flat_seconds(stand.killed(successor), SOON) > 0
    stand.judge()


@pytest.mark.parametrize("checkpoint", [Checkpoint.DURABLE, Checkpoint.BUILT])
def test_an_entry_that_had_not_passed_the_gate_never_leaves(stand: Stand, checkpoint: Checkpoint) -> None:
    """The old leader's gate knows that its time is over. The successor cannot: to him it is in doubt, and he enters nothing."""
    leader, successor = stopped(stand, checkpoint, Leg.ENTRY)
    late = let_go_on(stand, leader, successor)
    assert stays(lambda: late() == 0, ARRIVED_SECONDS)
    answer = stand.enter(successor, "another")
    assert (answer.verdict, "is in doubt" in answer.detail) == ("DENIED", True), answer
    assert (stand.accepted_orders(), stand.position()) == ([], 0)


def test_an_entry_that_had_passed_the_gate_leaves_alone_and_is_made_harmless(stand: Stand) -> None:
    """It fills under a leader that never sent it, who protects what it opened, and closes it when told."""
    leader, successor = stopped(stand, Checkpoint.PASSED, Leg.ENTRY)
    late = let_go_on(stand, leader, successor)
    awaited(lambda: late() == 1, SOON, "what had passed arrives")
    assert stays(lambda: late() == 1, ARRIVED_SECONDS), "and nothing else"
    held = stand.filled(Leg.ENTRY)
    assert held > 0
    stand.has_stop(successor)
    assert (len(stand.of_leg(Leg.ENTRY)), stand.position()) == (1, held)
    assert stand.flat_seconds(stand.killed(successor), SOON) > 0
    stand.judge()


def test_a_stop_that_had_passed_the_gate_leaves_beside_the_successors_and_one_of_them_goes(stand: Stand) -> None:
    """The successor could not know of it and protected the position; two stops for one position stay no longer than it takes."""
    leader, successor = stopped(stand, Checkpoint.PASSED, Leg.STOP)
    stand.has_stop(successor)
    held = stand.position()
    late = let_go_on(stand, leader, successor)
    awaited(lambda: late() == 1, SOON, "what had passed arrives")
    assert stays(lambda: late() == 1, ARRIVED_SECONDS), "and nothing else"
    awaited(lambda: working_stops(stand) == 1, SOON, "one stop is left")
    stand.has_stop(successor)
    assert stand.position() == held == stand.filled(Leg.ENTRY)
    assert stand.flat_seconds(stand.killed(successor), SOON) > 0
    stand.judge()


def working_stops(stand: Stand) -> int:
    """Stops at work, by the exchange."""
    return sum(stand.order_status(each.order_id) == "TRIGGER PENDING" for each in stand.of_leg(Leg.STOP))
