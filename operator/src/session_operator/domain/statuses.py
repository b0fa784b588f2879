"""The status of a session, put together from what was seen.

One word of it (phase) is for the printer only. Rapid numbers are written at a slow pace: `is_worth_writing` holds back
a status that differs in them alone.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from session_operator.domain import conditions
from session_operator.domain.configs import SHORT, Revision
from session_operator.domain.leadership import Leadership
from session_operator.domain.names import trader_name
from session_operator.domain.observed import Child, Observed, PodFacts, Problem
from session_operator.domain.sessions import Manifest
from session_operator.status import ActiveConfig, ConditionType, ConfigStatus, Phase, Status

# Problems that are cured by something other than this session appearing: it waits, it is not wrong.
WAITING = frozenset({"SecretMissing", "ProfileMissing"})
RAPID = ("heatRupees", "dayProfitRupees", "netLiquidationRupees")
STATES = {
    "RECOVERING": Phase.RECOVERING,
    "LIVE": Phase.LIVE,
    "REDUCING": Phase.REDUCING,
    "HALTED": Phase.HALTED,
    "CLOSED": Phase.CLOSED,
    "PAPER": Phase.PAPER,
}


def read_status(raw: Manifest) -> Status:
    """Read the status that stands; one that cannot be read (an older operator's) counts as none."""
    try:
        return Status.model_validate(raw)
    except ValidationError:
        return Status()


def build_status(
    observed: Observed,
    leadership: Leadership,
    revision: Revision | None,
    problems: Sequence[Problem],
    now: str,
) -> Status:
    """Put the status together."""
    previous = read_status(observed.session.status)
    drafts = [
        conditions.leader_elected(leadership, problems),
        conditions.config_synced(revision, observed.pods, leadership),
        conditions.spec_valid(problems),
    ]
    summary = conditions.ready(drafts, observed.pods, leadership, observed.fault)
    session = observed.session
    return Status(
        observed_generation=session.generation,
        phase=_phase(observed, leadership, problems),
        message=_message(observed, summary, leadership),
        conditions=conditions.merge([summary, *drafts], previous.conditions, session.generation, now),
        ready_traders=sum(pod.is_ready for pod in observed.pods),
        trading_state=leadership.trading_state,
        leader=leadership.leader,
        last_epoch=_last_epoch(leadership, previous),
        config=_config(revision, observed.pods, leadership, previous),
        kill=leadership.kill,
        report=leadership.report,
    )


def _last_epoch(leadership: Leadership, previous: Status) -> int | None:
    current = leadership.leader.epoch if leadership.leader is not None else None
    return current if current is not None else previous.last_epoch


def _config(
    revision: Revision | None, pods: Sequence[PodFacts], leadership: Leadership, previous: Status
) -> ConfigStatus:
    before = previous.config or ConfigStatus()
    return ConfigStatus(
        desired=revision.short_hash if revision is not None else before.desired,
        stable=leadership.config_hash[:SHORT] or before.stable,
        profile=revision.profile_name if revision is not None else before.profile,
        active=[ActiveConfig(pod=pod.name, hash=pod.config_hash[:SHORT]) for pod in pods if pod.config_hash],
    )


def _phase(observed: Observed, leadership: Leadership, problems: Sequence[Problem]) -> Phase:
    spec = observed.session.spec
    if leadership.leader is not None and leadership.trading_state is not None:
        is_idle = leadership.report is None or leadership.report.open_positions == 0
        if spec is not None and spec.suspend and leadership.kill is None and is_idle:
            return Phase.SUSPENDED
        return STATES.get(leadership.trading_state, Phase.RECOVERING)
    has_traders = Child("StatefulSet", trader_name(observed.session.name)) in observed.children
    if not has_traders and any(problem.reason not in WAITING for problem in problems):
        return Phase.INVALID
    if not has_traders:
        return Phase.PENDING
    if leadership.leader is not None:
        return Phase.RECOVERING
    return Phase.ELECTING if any(pod.is_ready for pod in observed.pods) else Phase.STARTING


def _message(observed: Observed, summary: conditions.Draft, leadership: Leadership) -> str:
    if summary.status != "True":
        return summary.message
    if leadership.kill is not None:
        flat = f"flat since {leadership.kill.flat_at}" if leadership.kill.flat_at else "going flat"
        return f"kill {leadership.kill.id} stands ({leadership.kill.reason or 'no reason given'}), {flat}"
    if leadership.message:
        return leadership.message
    spec = observed.session.spec
    return "suspended: no new risk" if spec is not None and spec.suspend else ""


def as_body(status: Status) -> dict[str, Any]:
    """Write the status as the API server keeps it: what is empty is absent."""
    return status.model_dump(by_alias=True, exclude_none=True, mode="json")


def is_worth_writing(new: Manifest, standing: Manifest, age_seconds: float, pace_seconds: float) -> bool:
    """Say whether the status differs: at once in anything that matters, at a slow pace in rapid numbers."""
    if new == standing:
        return False
    return age_seconds >= pace_seconds or _without_rapid(new) != _without_rapid(standing)


def _without_rapid(status: Manifest) -> dict[str, Any]:
    report = {key: value for key, value in (status.get("report") or {}).items() if key not in RAPID}
    return {**status, "report": report}


def condition_of(status: Status, kind: ConditionType) -> tuple[str, str, str]:
    """Find a condition's status, reason and message; one that was never written is Unknown."""
    for condition in status.conditions:
        if condition.type is kind:
            return condition.status, condition.reason, condition.message
    return "Unknown", "", ""
