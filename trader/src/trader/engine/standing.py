"""What this process holds of the two proofs of leadership: Lease and epoch folded into one `Standing` (rule 1)."""

from enum import StrEnum
from typing import NamedTuple

from trader.domain.values import MachineTime, Standing
from trader.engine.leases import SEND_LIMIT


class Proof(StrEnum):
    """What is known of the epoch in the database."""

    OURS = "OURS"
    """The last statement proved it."""
    AWAY = "AWAY"
    """The database does not answer."""
    LOST = "LOST"
    """The database answered: somebody else has a newer one."""


class Holdings(NamedTuple):
    """The two proofs as last heard."""

    lease_deadline: MachineTime
    """0 once the Lease is lost for certain: to another holder, or given back."""
    epoch: Proof


def standing(holdings: Holdings, now: MachineTime) -> Standing:
    """Adding risk needs both, reducing either; with neither, touch nothing.

    The Lease counts until G before its deadline, as at the gate: what the domain plans later would die there.
    """
    has_lease = now < holdings.lease_deadline - SEND_LIMIT
    match holdings.epoch:
        case Proof.LOST:
            return Standing.NONE
        case Proof.OURS:
            return Standing.LEADER if has_lease else Standing.EPOCH_ONLY
        case Proof.AWAY:
            return Standing.LEASE_ONLY if has_lease else Standing.NONE
