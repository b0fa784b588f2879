"""Who leads, as the account's Lease says it; the operator mirrors and never elects.

A Lease holds a leader while it has a holder and changed within its own duration, measured on the operator's clock from
when the operator saw the last change: `renewTime` is another host's clock and is not compared with ours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from session_operator.domain.money import as_rupees
from session_operator.domain.names import ANNOTATION_EPOCH, ANNOTATION_REPORT, ANNOTATION_STATE
from session_operator.domain.observed import Observed
from session_operator.domain.sessions import Manifest
from session_operator.status import ConditionType, Kill, Leader, Report, Status

NANOSECONDS = 1_000_000_000
# Several renewals: a leader writes its epoch with each.
BELIEVED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Leadership:
    """What the Lease says."""

    lease_exists: bool = False
    leader: Leader | None = None
    last_identity: str = ""
    """Whoever is written there, expired or not."""
    is_expired: bool = False
    trading_state: str | None = None
    config_hash: str = ""
    kill: Kill | None = None
    report: Report | None = None
    message: str = ""
    duration_seconds: float = 15

    @property
    def live_epoch(self) -> int | None:
        """The epoch of a leader that trades the account; None of one on paper, which earns a configuration nothing."""
        is_on_paper = self.report is not None and self.report.on_paper
        return self.leader.epoch if self.leader is not None and not is_on_paper else None


def read_leadership(lease: Manifest | None, observed: Observed, previous: Status, now: str) -> Leadership:
    """Read the Lease; a report that cannot be read counts as none and never stops the operator."""
    if lease is None:
        return Leadership()
    spec = lease.get("spec") or {}
    annotations = lease["metadata"].get("annotations") or {}
    report = _parse_report(annotations.get(ANNOTATION_REPORT, ""))
    identity = spec.get("holderIdentity") or ""
    said = Leadership(
        lease_exists=True,
        last_identity=identity,
        # No report (a new holder has not written one yet) says nothing about the kill that stood.
        kill=_read_kill(report) if report else previous.kill,
        duration_seconds=float(spec.get("leaseDurationSeconds") or 15),
    )
    if not identity:
        return said
    if _was_expired(observed, previous) or observed.lease_silent_seconds > said.duration_seconds:
        return replace(said, is_expired=True)
    standing = previous.leader if previous.leader is not None and previous.leader.identity == identity else None
    epoch = _epoch_of_holder(annotations.get(ANNOTATION_EPOCH, ""), standing, observed, previous)
    leader = Leader(
        holder=identity.partition("_")[0],
        identity=identity,
        epoch=epoch,
        since=spec.get("acquireTime") or (standing.since if standing is not None else now),
    )
    if epoch is None:  # what else is written there is its predecessor's
        return replace(said, leader=leader)
    return replace(
        said,
        leader=leader,
        trading_state=annotations.get(ANNOTATION_STATE) or None,
        config_hash=_text(report.get("config")),
        report=_read_numbers(report),
        message=_text(report.get("message")),
    )


def _was_expired(observed: Observed, previous: Status) -> bool:
    """It had expired before the operator started, and no renewal was seen since."""
    reasons = [each.reason for each in previous.conditions if each.type is ConditionType.LEADER_ELECTED]
    return reasons == ["LeaseExpired"] and not observed.lease_is_renewed


def _epoch_of_holder(text: str, standing: Leader | None, observed: Observed, previous: Status) -> int | None:
    """Read the epoch, if it is the holder's own.

    A new holder takes the Lease first and its epoch from the database a moment later: until then its predecessor's
    epoch, state and report still stand beside its name. An epoch is believed if it is the one known of this holder, or
    higher than all before, or has stood beside it for longer than a leader goes without writing (the database may
    have been replaced).
    """
    if not text.isdecimal():
        return None
    epoch = int(text)
    is_known = standing is not None and standing.epoch == epoch
    is_new = previous.last_epoch is None or epoch > previous.last_epoch
    return epoch if is_known or is_new or observed.lease_holder_seconds > BELIEVED_SECONDS else None


def significance(lease: Manifest) -> tuple[Any, ...]:
    """Project a Lease on what must be shown at once: renewals and rapid numbers are left out."""
    annotations = lease["metadata"].get("annotations") or {}
    report = _parse_report(annotations.get(ANNOTATION_REPORT, ""))
    return (
        (lease.get("spec") or {}).get("holderIdentity") or "",
        annotations.get(ANNOTATION_EPOCH),
        annotations.get(ANNOTATION_STATE),
        report.get("config"),
        repr(report.get("kill")),
        report.get("openPositions"),
        report.get("workingOrders"),
        report.get("message"),
        report.get("onPaper"),
        tuple(sorted((lease["metadata"].get("labels") or {}).items())),
        tuple(owner.get("uid") for owner in lease["metadata"].get("ownerReferences") or ()),
    )


def _parse_report(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_numbers(report: Mapping[str, Any]) -> Report | None:
    names = ("openPositions", "workingOrders", "heatPaise", "dayProfitPaise", "netLiquidationPaise")
    values = [report.get(name) for name in names]
    if not all(isinstance(value, int) for value in values):
        return None
    positions, orders, heat, profit, worth = (int(value) for value in values if value is not None)
    return Report(
        open_positions=positions,
        working_orders=orders,
        heat_rupees=as_rupees(heat),
        day_profit_rupees=as_rupees(profit),
        net_liquidation_rupees=as_rupees(worth),
        on_paper=report.get("onPaper") is True,
    )


def _read_kill(report: Mapping[str, Any]) -> Kill | None:
    kill = report.get("kill")
    if not isinstance(kill, dict) or not kill.get("id"):
        return None
    return Kill(
        id=_text(kill["id"]),
        reason=_text(kill.get("reason")),
        by=_text(kill.get("by")),
        since=_moment(kill.get("since")),
        flat_at=_moment(kill.get("flatAt")),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _moment(value: Any) -> str | None:
    """Read a moment: text as it is, a number as Unix nanoseconds."""
    if isinstance(value, int) and value > 0:
        moment = datetime.fromtimestamp(value // NANOSECONDS, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{value % NANOSECONDS // 1_000_000:03d}Z"
    return value if isinstance(value, str) and value else None
