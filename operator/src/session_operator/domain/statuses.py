"""The status of a session, put together from what was seen.

One word of it (phase) is for the printer only. Rapid numbers are written at a slow pace: `is_worth_writing` holds back
a status that differs in them alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from session_operator.domain import conditions
from session_operator.domain.analysis import remember
from session_operator.domain.configs import SHORT, Plan
from session_operator.domain.leadership import Leadership
from session_operator.domain.names import trader_name
from session_operator.domain.observed import Child, Observed, Problem
from session_operator.domain.proving import Proofs
from session_operator.domain.reports import TraderReport
from session_operator.domain.rollout import Course
from session_operator.domain.sessions import Manifest
from session_operator.domain.steering import Steering
from session_operator.status import ActiveConfig, ConditionType, ConfigStatus, KillSample, Phase, Status

# Problems that are cured by something other than this session appearing: it waits, it is not wrong.
WAITING = frozenset({"SecretMissing", "ProfileMissing"})
RAPID = ("heatRupees", "dayProfitRupees", "netLiquidationRupees")
RAPID_OF_ROLLOUT = ("marketSeconds", "orders")
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


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found out about a session, beside what was observed."""

    leadership: Leadership
    plan: Plan | None
    course: Course | None
    steering: Steering | None
    problems: Sequence[Problem]
    kill_sample: KillSample | None
    proofs: Proofs


def build_status(observed: Observed, picture: Picture, now: str) -> Status:
    """Put the status together."""
    previous = read_status(observed.session.status)
    leadership, problems, course = picture.leadership, picture.problems, picture.course
    drafts = [
        conditions.leader_elected(leadership, problems),
        conditions.config_synced(observed, picture.steering, leadership),
        *conditions.of_rollout(course, previous),
        conditions.gates_passed(observed.session.spec, picture.proofs, previous),
        conditions.post_close_succeeded(picture.proofs),
        conditions.live_allowed(picture.steering, picture.proofs, previous),
        conditions.spec_valid(problems),
    ]
    summary = conditions.ready(drafts, observed.pods, leadership, observed.fault)
    session = observed.session
    return Status(
        observed_generation=session.generation,
        phase=_phase(observed, leadership, problems),
        message=_message(observed, summary, leadership, drafts),
        conditions=conditions.merge([summary, *drafts], previous.conditions, session.generation, now),
        ready_traders=sum(pod.is_ready for pod in observed.pods),
        trading_state=leadership.trading_state,
        leader=leadership.leader,
        last_epoch=_last_epoch(leadership, previous),
        config=_config(observed, picture, previous),
        rollout=course.rollout if course is not None else previous.rollout,
        kill_sample=picture.kill_sample,
        kill=leadership.kill,
        report=leadership.report,
        trading_day=picture.proofs.day,
        gates=picture.proofs.gates,
        drills=list(picture.proofs.drills),
        burn_in=picture.proofs.burn_in,
        post_close=picture.proofs.post_close,
        runs=list(picture.proofs.runs),
        handled_job_request=picture.proofs.handled_request,
    )


def remembered_kill(previous: Status, reports: Iterable[TraderReport]) -> KillSample | None:
    """Keep the sample that KillFlatten is judged by, whoever leads now."""
    sample = previous.kill_sample
    for report in reports:
        kills = report.kills
        if kills is not None:
            sample = remember(sample, kills.trading_date, kills.samples, kills.slowest_ms)
    return sample


def _last_epoch(leadership: Leadership, previous: Status) -> int | None:
    current = leadership.leader.epoch if leadership.leader is not None else None
    return current if current is not None else previous.last_epoch


def _config(observed: Observed, picture: Picture, previous: Status) -> ConfigStatus:
    before = previous.config or ConfigStatus()
    active = [
        ActiveConfig(pod=pod.name, hash=observed.reports[pod.name].in_force[:SHORT])
        for pod in observed.pods
        if pod.name in observed.reports and observed.reports[pod.name].in_force
    ]
    plan, course, steering = picture.plan, picture.course, picture.steering
    if plan is None or course is None or steering is None:
        return before.model_copy(update={"active": active})
    holds = steering.leader or steering.boots_on
    return ConfigStatus(
        stable=course.stable or None,
        candidate=plan.final.revision.short_hash,
        stage=steering.stage if steering.leader is not None else None,
        profile=holds.profile_name,
        active=active,
        failed=list(course.failed),
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


def _message(
    observed: Observed, summary: conditions.Draft, leadership: Leadership, drafts: Sequence[conditions.Draft]
) -> str:
    if summary.status != "True":
        return summary.message
    if leadership.kill is not None:
        flat = f"flat since {leadership.kill.flat_at}" if leadership.kill.flat_at else "going flat"
        return f"kill {leadership.kill.id} stands ({leadership.kill.reason or 'no reason given'}), {flat}"
    forbidden = [each for each in drafts if each.type is ConditionType.LIVE_ALLOWED and each.status == "False"]
    if forbidden:
        return forbidden[0].message
    if leadership.message:
        return leadership.message
    spec = observed.session.spec
    return "suspended: no new risk" if spec is not None and spec.suspend else ""


def as_body(status: Status) -> dict[str, Any]:
    """Write the status as the API server keeps it: what is empty is absent.

    A server-side apply that empties a list removes the list too, and the next one with the same empty list brings it back: the
    shape of the status would change from write to write, and each list that empties would cost a second one.
    """
    return _without_empty(status.model_dump(by_alias=True, exclude_none=True, mode="json"))


def is_worth_writing(new: Manifest, standing: Manifest, age_seconds: float, pace_seconds: float) -> bool:
    """Say whether the status differs: at once in anything that matters, at a slow pace in rapid numbers."""
    if _without_empty(new) == _without_empty(standing):
        return False
    return age_seconds >= pace_seconds or _without_rapid(new) != _without_rapid(standing)


def _without_empty(status: Manifest) -> dict[str, Any]:
    """Lists and objects of it that say nothing are left out, at every depth."""
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in status.items()}
    return {name: value for name, value in kept.items() if value not in ([], {})}


def _without_rapid(status: Manifest) -> dict[str, Any]:
    report = {key: value for key, value in (status.get("report") or {}).items() if key not in RAPID}
    rollout = dict(status.get("rollout") or {})
    for name in RAPID_OF_ROLLOUT:
        rollout.pop(name, None)
    rollout["analysis"] = [(each["slo"], each["outcome"]) for each in rollout.get("analysis") or ()]
    return _without_empty({**status, "report": report, "rollout": rollout})


def condition_of(status: Status, kind: ConditionType) -> tuple[str, str, str]:
    """Find a condition's status, reason and message; one that was never written is Unknown."""
    for condition in status.conditions:
        if condition.type is kind:
            return condition.status, condition.reason, condition.message
    return "Unknown", "", ""
