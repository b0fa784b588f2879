"""The order gate: the last look before bytes leave, inside the HTTP transport, after the connection stands.

`judge` is pure; `OrderGate` keeps what it judges by, readable from any thread without waiting. The flag of `cut` comes
first: nothing that happens later, in whatever thread, opens the gate again but a newly won epoch.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from trader.domain.values import Epoch, MachineTime
from trader.engine.leases import SEND_LIMIT
from trader.engine.ports import GateClosed, Permit


@dataclass(frozen=True, slots=True)
class Proofs:
    """What this process holds right now."""

    epoch: Epoch
    """0 when the gate is cut."""
    lease_deadline: MachineTime
    """Until when the Lease proves leadership."""
    risk_generation: int
    killed: bool


CUT = Proofs(Epoch(0), MachineTime(0), risk_generation=0, killed=False)


def judge(permit: Permit, proofs: Proofs, now: MachineTime) -> str | None:
    """Why this request must not leave, or None.

    Adding risk needs the Lease and a fresh proof of the epoch; reducing needs either (rule 1). Both leave G for the send:
    a successor waits G after its epoch committed, and cannot win before our deadline.
    """
    lease = now < proofs.lease_deadline - SEND_LIMIT
    epoch = permit.epoch_checked_at is not None and 0 <= now - permit.epoch_checked_at < SEND_LIMIT
    refusals = {
        "cut": proofs.epoch == 0,
        f"epoch {permit.epoch} is not ours, we lead {proofs.epoch}": permit.epoch != proofs.epoch,
        "neither the lease nor the epoch is proved": not lease and not epoch,
    }
    if permit.adds_risk:
        refusals |= {
            "the lease is not proved": not lease,
            "the epoch was not proved in time": not epoch,
            "killed": proofs.killed,
            f"risk generation {permit.risk_generation} is past, now {proofs.risk_generation}": (
                permit.risk_generation != proofs.risk_generation
            ),
        }
    return next((reason for reason, stands in refusals.items() if stands), None)


class OrderGate:
    """One per process; the broker adapter asks it from worker threads right before the write.

    What it holds is one tuple, replaced whole: the term in which it was opened, and the proofs. A cut begins another term,
    and whatever stood before, or is written later by a thread that did not know, is void.
    """

    def __init__(self, machine_time: Callable[[], MachineTime]) -> None:
        self._machine_time = machine_time
        self._writing = threading.Lock()
        self._term = object()
        self._held: tuple[object, Proofs] = (None, CUT)

    @property
    def proofs(self) -> Proofs:
        """What the gate judges by now; epoch 0 when it is cut."""
        term, proofs = self._held
        return proofs if term is self._term else CUT

    def check(self, permit: Permit) -> None:
        """Raise `GateClosed` with the reason, or tell the permit that its request leaves, and return."""
        reason = judge(permit, self.proofs, self._machine_time())
        if reason is not None:
            raise GateClosed(reason)
        permit.leaves()

    def cut(self) -> None:
        """Refuse all from here on. Waits for nothing: first of all that is done about a loss."""
        self._term = object()

    def begin(self) -> object:
        """Note, right after winning the Lease, that no cut since may be overlooked: hand the answer to `open`."""
        return self._term

    def open(self, since: object, epoch: Epoch, lease_deadline: MachineTime, *, killed: bool) -> bool:
        """Begin an epoch that was just won and waited out; False, and still shut, when there was a cut since `begin`."""
        with self._writing:
            self._held = (since, Proofs(epoch, lease_deadline, 0, killed))
        return since is self._term

    def renewed(self, lease_deadline: MachineTime) -> None:
        """The Lease was renewed; never opens a gate that was cut."""
        with self._writing:
            term, proofs = self._held
            self._held = (term, replace(proofs, lease_deadline=lease_deadline))

    def risk_generation(self, generation: int) -> None:
        """Orders of an older generation that add risk die here."""
        with self._writing:
            term, proofs = self._held
            self._held = (term, replace(proofs, risk_generation=generation))

    def killed(self, killed: bool) -> None:
        """A kill stands, or was released."""
        with self._writing:
            term, proofs = self._held
            self._held = (term, replace(proofs, killed=killed))
