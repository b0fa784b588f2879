"""What may leave, and what may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.values import SECOND, Epoch, MachineTime, Tag
from trader.engine.gate import OrderGate, Proofs, judge
from trader.engine.ports import GateClosed, Permit

NOW = MachineTime(100 * SECOND)
TIMES = st.integers(min_value=90 * SECOND, max_value=110 * SECOND).map(MachineTime)
PERMITS = st.builds(
    Permit,
    tag=st.just(Tag("T")),
    adds_risk=st.booleans(),
    epoch=st.integers(0, 3).map(Epoch),
    risk_generation=st.integers(0, 2),
    epoch_checked_at=st.none() | TIMES,
)
PROOFS = st.builds(
    Proofs,
    epoch=st.integers(0, 3).map(Epoch),
    lease_deadline=TIMES,
    risk_generation=st.integers(0, 2),
    killed=st.booleans(),
)


@given(permit=PERMITS, proofs=PROOFS)
def test_adding_risk_needs_both_proofs_and_reducing_either(permit: Permit, proofs: Proofs) -> None:
    """The rule, said the other way round: what passes has what it needs, and what does not lacks something."""
    lease = proofs.lease_deadline - NOW > SECOND
    epoch = permit.epoch_checked_at is not None and 0 <= NOW - permit.epoch_checked_at < SECOND
    ours = proofs.epoch != 0 and permit.epoch == proofs.epoch
    same = not proofs.killed and permit.risk_generation == proofs.risk_generation
    expected = ours and (lease and epoch and same if permit.adds_risk else lease or epoch)

    assert (judge(permit, proofs, NOW) is None) == expected


@given(permit=PERMITS, proofs=PROOFS, later=st.integers(0, 20 * SECOND))
def test_time_opens_nothing(permit: Permit, proofs: Proofs, later: int) -> None:
    """What is refused now is refused later: proofs only age (a proof from the future is no proof)."""
    if permit.epoch_checked_at is not None and permit.epoch_checked_at > NOW:
        return
    if judge(permit, proofs, NOW) is not None:
        assert judge(permit, proofs, MachineTime(NOW + later)) is not None


def permit(epoch: int = 1, *, adds_risk: bool = True, generation: int = 0) -> Permit:
    return Permit(Tag("T"), adds_risk=adds_risk, epoch=Epoch(epoch), risk_generation=generation, epoch_checked_at=NOW)


def opened() -> OrderGate:
    gate = OrderGate(lambda: NOW)
    assert gate.open(gate.begin(), Epoch(1), MachineTime(NOW + 8 * SECOND), killed=False)
    return gate


def test_a_gate_is_shut_until_it_is_opened() -> None:
    """A standby sends nothing, whatever permit it shows."""
    with pytest.raises(GateClosed, match="cut"):
        OrderGate(lambda: NOW).check(permit(0))


def test_a_cut_refuses_everything_and_no_later_news_undoes_it() -> None:
    """Renewals, releases and generations that were on their way when the gate was cut find it cut."""
    gate = opened()
    gate.check(permit())
    gate.cut()
    gate.renewed(MachineTime(NOW + 60 * SECOND))
    gate.killed(killed=False)
    gate.risk_generation(0)

    for adds_risk in (True, False):
        with pytest.raises(GateClosed, match="cut"):
            gate.check(permit(adds_risk=adds_risk))


def test_a_cut_between_winning_and_opening_keeps_the_gate_shut() -> None:
    """Whoever lost while it was still reading the journal does not open."""
    gate = OrderGate(lambda: NOW)
    term = gate.begin()
    gate.cut()

    assert not gate.open(term, Epoch(1), MachineTime(NOW + 8 * SECOND), killed=False)
    with pytest.raises(GateClosed):
        gate.check(permit())


def test_a_newly_won_epoch_opens_a_gate_that_was_cut() -> None:
    """A process that stood down gracefully may lead again, under its new epoch only."""
    gate = opened()
    gate.cut()

    assert gate.open(gate.begin(), Epoch(2), MachineTime(NOW + 8 * SECOND), killed=False)
    gate.check(permit(2))
    with pytest.raises(GateClosed, match="epoch 1 is not ours"):
        gate.check(permit(1))


def test_a_kill_and_a_newer_generation_stop_added_risk_only() -> None:
    """Exits and protection pass under a kill; entries planned before it do not, even after its release."""
    gate = opened()
    gate.killed(killed=True)
    gate.check(permit(adds_risk=False))
    with pytest.raises(GateClosed, match="killed"):
        gate.check(permit())
    gate.risk_generation(1)
    gate.killed(killed=False)
    with pytest.raises(GateClosed, match="risk generation 0 is past"):
        gate.check(permit())
    gate.check(permit(generation=1))
