"""Which of the operator's replicas works: the rules of its own Lease, as client-go has them. Pure.

Two operators at work would do no harm to trading (every action is a server-side apply of the same wanted state, and none
of them elects a trader), but they would write the same status and events twice. So this Lease is for order, not for safety.

Times in the record are never compared with a clock of ours: a candidate waits the duration since it itself saw the record
change. A deadline counts from before the renewal was sent.
"""

from dataclasses import dataclass, replace
from typing import Any

DURATION_SECONDS = 15
RENEW_DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 2.0
RELEASED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Sight:
    """The Lease as this process saw it last, and when it last saw it change (seconds of its own monotonic clock)."""

    holder: str = ""
    pulse: tuple[Any, ...] = ()
    duration_seconds: float = 0.0
    changed_at: float = 0.0


def look(sight: Sight, lease: dict[str, Any] | None, now: float) -> Sight:
    """Fold in what a read has shown; None for a Lease that does not exist."""
    spec = (lease or {}).get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    pulse = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
    if pulse == sight.pulse:
        return replace(sight, holder=holder)
    return Sight(holder, pulse, float(spec.get("leaseDurationSeconds") or DURATION_SECONDS), now)


def may_take(sight: Sight, identity: str, now: float) -> bool:
    """Whether the Lease is free: nobody's, ours, or of one who was silent for its whole duration."""
    return sight.holder in {"", identity} or now - sight.changed_at >= sight.duration_seconds


def written(lease: dict[str, Any], holder: str, moment: str) -> dict[str, Any]:
    """The Lease with this holder; `moment` is for people. An empty holder releases it."""
    spec = dict(lease.get("spec") or {})
    if holder and holder != spec.get("holderIdentity"):
        spec |= {"acquireTime": moment, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
    spec |= {"holderIdentity": holder, "leaseDurationSeconds": DURATION_SECONDS if holder else RELEASED_SECONDS}
    return {**lease, "spec": spec | {"renewTime": moment}}
