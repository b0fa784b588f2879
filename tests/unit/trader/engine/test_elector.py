"""The elector's threads, with a client that a test holds in its hand."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.trader.engine.fakes import Tally
from trader.adapters.local_lease import LocalLease
from trader.adapters.system_clock import machine_time
from trader.domain.values import Epoch, MachineTime, Tag
from trader.engine.elector import ElectorThread, new_identity
from trader.engine.gate import OrderGate
from trader.engine.leading import Signal
from trader.engine.leases import LeaseTimes
from trader.engine.ports import GateClosed, LeaseAway, LeaseClient, LeaseConflict, LeaseRecord, LeaseWrite, Permit


class HandLease(LocalLease):
    """A lease that others may write, and that may fall silent."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_away = False
        self.written: list[LeaseWrite] = []

    def read(self) -> LeaseRecord:
        if self.is_away:
            raise LeaseAway("cut")
        return super().read()

    def write(self, write: LeaseWrite) -> LeaseRecord:
        if self.is_away:
            raise LeaseAway("cut")
        self.written.append(write)
        return super().write(write)

    def steal(self) -> None:
        super().write(LeaseWrite(super().read(), "thief_uid_boot", 15, {}))


class Pod:
    """An elector and what it says."""

    def __init__(self, lease: LeaseClient, times: LeaseTimes) -> None:
        self.gate = OrderGate(machine_time)
        self.tally = Tally()
        self.heard: list[Signal] = []
        self.identity = new_identity("trader-0", "uid0")
        self.elector = ElectorThread(
            self.identity,
            times,
            client=lease,
            gate=self.gate,
            machine_time=machine_time,
            telemetry=self.tally,
            heard=self.heard.append,
            annotations=lambda: {"tradeops.dev/epoch": "1"},
        )
        self.elector.start()

    def open(self) -> None:
        assert self.gate.open(self.elector.term, Epoch(1), self.elector.deadline, killed=False)

    def may_send(self) -> bool:
        permit = Permit(Tag("T"), adds_risk=True, epoch=Epoch(1), risk_generation=0, epoch_checked_at=machine_time())
        try:
            self.gate.check(permit)
        except GateClosed:
            return False
        return True


def until(holds: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.005)


@pytest.fixture
def lease(tmp_path: Path) -> HandLease:
    return HandLease(tmp_path / "lease.lock")


@pytest.fixture
def pod(lease: HandLease) -> Iterator[Pod]:
    """An elector that is about to win; renews each second."""
    made = Pod(lease, LeaseTimes(duration_seconds=8, renew_deadline_seconds=3, retry_period_seconds=1))
    yield made
    made.elector.stop(2.0)


def test_it_wins_renews_and_tells_the_gate(pod: Pod, lease: HandLease) -> None:
    """The Lease carries the name and the annotations, the metric says leader, the gate gets each new deadline."""
    until(lambda: Signal.WON in pod.heard)
    pod.open()
    assert pod.may_send()
    before = pod.gate.proofs.lease_deadline
    until(lambda: Signal.RENEWED in pod.heard)
    assert pod.gate.proofs.lease_deadline > before
    assert lease.written[-1].annotations == {"tradeops.dev/epoch": "1"}
    assert (pod.elector.holder, pod.tally.leads[-1]) == (pod.identity.holder, True)


def test_another_holder_cuts_the_gate_before_anybody_is_told(pod: Pod, lease: HandLease) -> None:
    """By the time that LOST is heard, nothing can be sent."""
    until(lambda: Signal.WON in pod.heard)
    pod.open()
    lease.steal()
    until(lambda: Signal.LOST in pod.heard)
    assert not pod.may_send()
    assert pod.tally.leads[-1] is False


def test_silence_shuts_the_gate_by_the_clock_alone(pod: Pod, lease: HandLease) -> None:
    """No thread has to notice: the deadline passes, and an answer opens it again."""
    until(lambda: Signal.WON in pod.heard)
    pod.open()
    lease.is_away = True
    until(lambda: not pod.may_send())
    assert Signal.LOST not in pod.heard
    until(lambda: pod.tally.leads[-1] is False)
    lease.is_away = False
    until(pod.may_send)


def test_a_release_leaves_the_lease_empty(pod: Pod, lease: HandLease) -> None:
    """Written at once, not at the next renewal."""
    until(lambda: Signal.WON in pod.heard)
    pod.elector.release(60)
    until(lambda: Signal.RELEASED in pod.heard, 0.5)
    assert (lease.read().holder, lease.read().duration_seconds) == ("", 1)
    assert pod.elector.deadline == 0


def test_a_bug_in_the_thread_cuts_and_is_told(lease: HandLease) -> None:
    """Fail closed: a dead elector must not leave a gate open for as long as its deadline."""

    def broken() -> LeaseRecord:
        raise ZeroDivisionError("a bug")

    lease.read = broken  # type: ignore[method-assign]
    pod = Pod(lease, LeaseTimes())
    until(lambda: pod.heard == [Signal.LOST])
    assert pod.tally.failures == ["elector: ZeroDivisionError('a bug')"]
    pod.elector.stop(2.0)


def test_a_second_process_by_hand_is_kept_out(tmp_path: Path) -> None:
    """The kernel's lock: until the first is closed, and not longer."""
    first, second = LocalLease(tmp_path / "lock"), LocalLease(tmp_path / "lock")
    record = first.read()
    with pytest.raises(LeaseAway, match="another process"):
        second.read()
    first.write(LeaseWrite(record, "me", 15, {}))
    with pytest.raises(LeaseConflict):
        first.write(LeaseWrite(record, "me", 15, {}))
    first.close()
    assert second.read().holder == ""
    second.close()


def test_machine_time_moves_forward_and_identities_differ() -> None:
    """Two starts of one pod are two identities, of one container."""
    assert machine_time() <= machine_time()
    one, two = new_identity("trader-0", "uid0"), new_identity("trader-0", "uid0")
    assert one.holder != two.holder
    assert one.is_predecessor(two.holder)
    assert not one.is_predecessor(one.holder)
    assert MachineTime(0) < machine_time()
