"""The decision: from what is wanted and what is to what is done. Level-triggered: history plays no part.

Three levels of trouble:
- Blocked (spec unreadable, account taken, a name that somebody else has): nothing is made or changed.
- Inputs missing (a Secret, a profile): the foundation is kept up (Lease, access, Services), the pair is left as it is:
  pods that run keep their last good configuration.
- None: everything is as wanted, and the rollout of the configuration takes the steps that are due.

The invariant, held by property tests: after the actions are performed and the status tells of them, deciding again
yields nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from session_operator.domain import configs, gates, profiles
from session_operator.domain.actions import Action, Apply, Delete, WriteStatus
from session_operator.domain.adoption import Ownership, classify, foreign_children
from session_operator.domain.configs import (
    Plan,
    Revision,
    SessionFile,
    build_plan,
    build_session_file,
    hash_of,
    read_revision,
)
from session_operator.domain.desired import build_foundation, build_pointer, build_revision_map, build_session_map
from session_operator.domain.differences import is_covered
from session_operator.domain.inputs import account_problem, secret_problems
from session_operator.domain.jobs import job_actions
from session_operator.domain.leadership import Leadership, read_leadership
from session_operator.domain.names import LABEL_COMPONENT, config_name, lease_name, pointer_name, session_file_name
from session_operator.domain.observed import Child, Observed, Problem, child_of
from session_operator.domain.profiles import ProfileSource
from session_operator.domain.proving import Proofs, Question
from session_operator.domain.proving import advance as advance_proofs
from session_operator.domain.reports import TraderReport
from session_operator.domain.requests import read_request
from session_operator.domain.rollout import ACTIVE, Course, Facts, advance
from session_operator.domain.sealing import Material
from session_operator.domain.sessions import Session
from session_operator.domain.statuses import (
    Picture,
    as_body,
    build_status,
    condition_of,
    is_worth_writing,
    read_status,
    remembered_kill,
)
from session_operator.domain.steering import Steering, orders, steer
from session_operator.domain.transitions import transitions
from session_operator.domain.workload import build_workload
from session_operator.model import Spec
from session_operator.status import ConditionType, ConfigStatus, KillSample, Status


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all sessions: the operator's own settings."""

    trader_image: str
    profile_source: ProfileSource
    resync_seconds: float = 30.0
    report_seconds: float = 10.0
    rollout_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and when to look again at the latest."""

    actions: tuple[Action, ...]
    look_again_seconds: float
    phase: str = ""
    status: Status | None = None
    """As it is now, written or not."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is known from before, and who leads now."""

    status: Status
    leadership: Leadership
    kill: KillSample | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What should be there."""

    file: SessionFile | None = field(default=None, kw_only=True)
    manifests: tuple[dict[str, Any], ...]
    plan: Plan | None
    course: Course | None
    steering: Steering | None
    problems: tuple[Problem, ...]


def decide(observed: Observed, terms: Terms, now: str) -> Decision:
    """Decide what to do about one session."""
    session = observed.session
    if session.deleting:  # its children go with it, by their owner references
        return Decision((), terms.resync_seconds)
    before = read_status(session.status)
    leadership = _leadership(observed, now)
    kill = remembered_kill(before, observed.reports.values())
    wanted = _wanted(observed, terms, _Memory(before, leadership, kill), now)
    proofs = _proofs(observed, wanted, _Memory(before, leadership, kill), terms, now)
    picture = Picture(leadership, wanted.plan, wanted.course, wanted.steering, wanted.problems, kill, proofs)
    status = build_status(observed, picture, now)
    actions: list[Action] = [*_applies(observed, wanted), *_clean(observed, wanted)]
    actions += job_actions(observed, before.runs, proofs.runs, _material(observed, wanted, proofs, terms))
    if wanted.steering is not None:
        actions += orders(observed, wanted.steering, before, status)
    body = as_body(status)
    if is_worth_writing(body, session.status, observed.status_age_seconds, terms.report_seconds):
        actions += transitions(before, status)
        actions.append(WriteStatus(body))
    look_again = _look_again(observed, leadership, terms, is_fast=is_steering(status))
    return Decision(tuple(actions), look_again, str(status.phase), status)


def _wanted(observed: Observed, terms: Terms, memory: _Memory, now: str) -> _Wanted:
    session, spec = observed.session, observed.session.spec
    if spec is None:
        return _blocked(Problem("SpecInvalid", session.spec_error))
    taken = account_problem(observed)
    if taken is not None:
        return _blocked(taken)
    plan, file, problems = _inputs(observed, spec, terms.profile_source)
    foundation = build_foundation(session, spec)
    if plan is None or file is None:
        foreign = foreign_children(observed, foundation)
        return _blocked(*foreign) if foreign else _Wanted(foundation, None, None, None, problems)
    image = spec.trader.image or terms.trader_image
    course, steering = _course(observed, plan, memory, gates.broken(spec, image, memory.status.drills), now)
    pair = _pair(session, spec, file, steering, terms.trader_image)
    history = [build_revision_map(session, revision) for revision in plan.revisions]
    foreign = foreign_children(observed, (*foundation, *history, *pair))
    if foreign:
        return _blocked(*foreign)
    return _Wanted((*foundation, *history, *pair), plan, course, steering, (), file=file)


def _blocked(*problems: Problem) -> _Wanted:
    return _Wanted((), None, None, None, problems)


def _inputs(
    observed: Observed, spec: Spec, source: ProfileSource
) -> tuple[Plan | None, SessionFile | None, tuple[Problem, ...]]:
    problems = secret_problems(observed, spec)
    names = [stage.profile for stage in spec.config.stages]
    found = profiles.read_profiles(names, [each.name for each in spec.strategies], observed.profiles, source)
    if isinstance(found, tuple):
        return None, None, (*problems, *found)
    if problems:
        return None, None, problems
    return build_plan(spec, found), build_session_file(observed.session, spec, found[names[-1]]), ()


def _course(
    observed: Observed, plan: Plan, memory: _Memory, broken: Mapping[str, str], now: str
) -> tuple[Course, Steering]:
    """Say where the rollout stands now, and what that asks of the traders."""
    config = memory.status.config or ConfigStatus()
    stable = _find_revision(config.stable, plan, observed)
    facts = Facts(
        plan=plan,
        leader_epoch=memory.leadership.live_epoch,
        report=_leaders_report(observed, memory.leadership),
        kill=memory.kill,
        request=read_request(observed.session.request),
        now=now,
        broken=broken,
    )
    course = advance(memory.status.rollout, stable.short_hash if stable is not None else "", config.failed, facts)
    return course, steer(course, plan, _find_revision(course.stable, plan, observed))


def _leaders_report(observed: Observed, leadership: Leadership) -> TraderReport | None:
    """What the leader answered, under the epoch that it leads with."""
    leader = leadership.leader
    report = observed.reports.get(leader.holder) if leader is not None else None
    return report if leader is not None and report is not None and report.epoch == leader.epoch else None


def _proofs(observed: Observed, wanted: _Wanted, memory: _Memory, terms: Terms, now: str) -> Proofs:
    """Say where drills, post-close and burn-in stand, and what the gates still ask for."""
    question, spec = None, observed.session.spec
    image = spec.trader.image or terms.trader_image if spec is not None else ""
    if wanted.plan is not None and wanted.course is not None and wanted.steering is not None:
        burn_in = memory.status.burn_in
        question = Question(
            judged=(wanted.steering.leader or wanted.steering.boots_on).hash,
            image=image,
            hashes=_in_question(wanted.plan, wanted.course, wanted.steering),
            final=wanted.plan.final.revision,
            before=_find_revision(burn_in.revision if burn_in is not None else None, wanted.plan, observed),
        )
    return advance_proofs(memory.status, observed, _leaders_report(observed, memory.leadership), question, now)


def _material(observed: Observed, wanted: _Wanted, proofs: Proofs, terms: Terms) -> Material | None:
    """What Jobs are made of; None while no configuration can be used."""
    if wanted.steering is None or wanted.file is None:
        return None
    return Material(
        file=wanted.file,
        revision=wanted.steering.leader or wanted.steering.boots_on,
        image=terms.trader_image,
        digests=tuple(sorted({pod.image_digest for pod in observed.pods if pod.image_digest})),
        drills=proofs.drills,
    )


def _in_question(plan: Plan, course: Course, steering: Steering) -> tuple[str, ...]:
    """List what the leader runs, what it falls back to, and the stages to come: what it may run today."""
    to_come = (step.revision for step in plan.steps[course.rollout.step - 1 :])
    revisions = (steering.leader, steering.stable, *to_come)
    return tuple(dict.fromkeys(revision.hash for revision in revisions if revision is not None))


def _find_revision(short_hash: str | None, plan: Plan, observed: Observed) -> Revision | None:
    """Find a revision by the short hash that status has: in the plan, in the history, in what pods boot on."""
    if not short_hash:
        return None
    for revision in plan.revisions:
        if revision.short_hash == short_hash:
            return revision
    session = observed.session
    for name in (config_name(session.name, short_hash), pointer_name(session.name)):
        live = observed.children.get(Child("ConfigMap", name))
        if live is not None and classify(live, session) is not Ownership.FOREIGN:
            text = (live.get("data") or {}).get("profile.yaml", "")
            if hash_of(text).startswith(short_hash):
                return read_revision(text)
    return None


def _pair(
    session: Session, spec: Spec, file: SessionFile, steering: Steering, image: str
) -> tuple[dict[str, Any], ...]:
    boots_on = steering.boots_on
    is_waiting = steering.stable is None
    stage = spec.config.stages[0].name if is_waiting else "stable"
    return (
        build_session_map(session, file),
        build_pointer(session, boots_on, stage, awaits_promotion=is_waiting),
        build_workload(session, spec, file, image),
    )


def _leadership(observed: Observed, now: str) -> Leadership:
    session = observed.session
    lease = observed.children.get(Child("Lease", lease_name(session.account))) if session.account else None
    if lease is not None and classify(lease, session) is not Ownership.OURS:
        lease = None
    return read_leadership(lease, observed, read_status(session.status), now)


def _applies(observed: Observed, wanted: _Wanted) -> Iterator[Action]:
    for manifest in wanted.manifests:
        live = observed.children.get(child_of(manifest))
        if live is None or not is_covered(manifest, live):
            yield Apply(manifest, is_new=live is None)


def _clean(observed: Observed, wanted: _Wanted) -> Iterator[Action]:
    """Drop revisions and session files that nobody runs, beyond a short history; none while the wanted is unknown."""
    if wanted.plan is None or wanted.steering is None:
        return
    name = observed.session.name
    kept = {child_of(manifest).name for manifest in wanted.manifests}
    kept |= {session_file_name(name, pod.session_file) for pod in observed.pods}
    kept |= {config_name(name, report.in_force) for report in observed.reports.values()}
    kept |= {config_name(name, run.config_hash) for run in read_status(observed.session.status).runs}
    if wanted.steering.stable is not None:
        kept.add(config_name(name, wanted.steering.stable.hash))
    for component in ("config", "session-file"):
        spare = [
            live
            for child, live in observed.children.items()
            if child.kind == "ConfigMap" and child.name not in kept and _is_old(live, component, observed)
        ]
        for live in _oldest_first(spare)[: max(0, len(spare) - configs.HISTORY)]:
            yield Delete("ConfigMap", live["metadata"]["name"], live["metadata"]["uid"])


def _is_old(live: Any, component: str, observed: Observed) -> bool:
    labels = live["metadata"].get("labels") or {}
    return labels.get(LABEL_COMPONENT) == component and classify(live, observed.session) is Ownership.OURS


def _oldest_first(manifests: Sequence[Any]) -> list[Any]:
    return sorted(manifests, key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"]))


def is_steering(status: Status) -> bool:
    """Whether a rollout is under way, or traders are yet to run what they shall."""
    is_active = status.rollout is not None and status.rollout.phase in ACTIVE
    return is_active or condition_of(status, ConditionType.CONFIG_SYNCED)[0] != "True"


def _look_again(observed: Observed, leadership: Leadership, terms: Terms, *, is_fast: bool) -> float:
    """Look again when rapid numbers or an answer are due, when a silent Lease would expire, or at the next resync."""
    if leadership.leader is None:
        return terms.resync_seconds
    until_expiry = max(0.0, leadership.duration_seconds - observed.lease_silent_seconds) + 0.2
    pace = terms.rollout_seconds if is_fast else terms.report_seconds
    return min(terms.resync_seconds, pace, until_expiry)
