"""The decision: from what is wanted and what is to what is done. Level-triggered: history plays no part.

Three levels of trouble:
- Blocked (spec unreadable, account taken, a name that somebody else has): nothing is made or changed.
- Inputs missing (a Secret, a profile): the foundation is kept up (Lease, access, Services), the pair is left as it is:
  pods that run keep their last good configuration.
- None: everything is as wanted.

The invariant, held by property tests: after the actions are performed and the status tells of them, deciding again
yields nothing to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from session_operator.domain import configs, profiles
from session_operator.domain.actions import Action, Apply, Delete, WriteStatus
from session_operator.domain.adoption import Ownership, classify, foreign_children
from session_operator.domain.configs import Revision, build_revision
from session_operator.domain.desired import build_config, build_foundation
from session_operator.domain.differences import is_covered
from session_operator.domain.inputs import account_problem, secret_problems
from session_operator.domain.leadership import Leadership, read_leadership
from session_operator.domain.names import LABEL_COMPONENT, config_name, lease_name
from session_operator.domain.observed import Child, Observed, Problem, child_of
from session_operator.domain.profiles import ProfileSource
from session_operator.domain.statuses import as_body, build_status, is_worth_writing, read_status
from session_operator.domain.transitions import transitions
from session_operator.domain.workload import build_workload
from session_operator.model import Spec


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all sessions: the operator's own settings."""

    trader_image: str
    profile_source: ProfileSource
    resync_seconds: float = 30.0
    report_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and when to look again at the latest."""

    actions: tuple[Action, ...]
    look_again_seconds: float
    phase: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What should be there."""

    manifests: tuple[dict[str, Any], ...]
    revision: Revision | None
    problems: tuple[Problem, ...]


def decide(observed: Observed, terms: Terms, now: str) -> Decision:
    """Decide what to do about one session."""
    session = observed.session
    if session.deleting:  # its children go with it, by their owner references
        return Decision((), terms.resync_seconds)
    plan = _plan(observed, terms)
    leadership = _leadership(observed, now)
    status = build_status(observed, leadership, plan.revision, plan.problems, now)
    actions: list[Action] = [*_applies(observed, plan), *_clean(observed, plan)]
    body = as_body(status)
    if is_worth_writing(body, session.status, observed.status_age_seconds, terms.report_seconds):
        actions += transitions(read_status(session.status), status)
        actions.append(WriteStatus(body))
    return Decision(tuple(actions), _look_again(observed, leadership, terms), str(status.phase))


def _plan(observed: Observed, terms: Terms) -> _Plan:
    session, spec = observed.session, observed.session.spec
    if spec is None:
        return _Plan((), None, (Problem("SpecInvalid", session.spec_error),))
    taken = account_problem(observed)
    if taken is not None:
        return _Plan((), None, (taken,))
    revision, problems = _inputs(observed, spec, terms.profile_source)
    foundation = build_foundation(session, spec)
    pair: tuple[dict[str, Any], ...] = ()
    if revision is not None:
        pair = (build_config(session, revision), build_workload(session, spec, revision, terms.trader_image))
    foreign = foreign_children(observed, (*foundation, *pair))
    if foreign:
        return _Plan((), None, foreign)
    return _Plan((*foundation, *pair), revision, problems)


def _inputs(observed: Observed, spec: Spec, source: ProfileSource) -> tuple[Revision | None, tuple[Problem, ...]]:
    problems = list(secret_problems(observed, spec))
    profile = profiles.read_profile(spec.config.stages[0].profile, observed.profiles, source)
    if isinstance(profile, Problem):
        problems.append(profile)
    if problems or isinstance(profile, Problem):
        return None, tuple(problems)
    return build_revision(observed.session, spec, profile), ()


def _leadership(observed: Observed, now: str) -> Leadership:
    session = observed.session
    lease = observed.children.get(Child("Lease", lease_name(session.account))) if session.account else None
    if lease is not None and classify(lease, session) is not Ownership.OURS:
        lease = None
    return read_leadership(lease, observed, read_status(session.status), now)


def _applies(observed: Observed, plan: _Plan) -> Iterator[Action]:
    for manifest in plan.manifests:
        live = observed.children.get(child_of(manifest))
        if live is None or not is_covered(manifest, live):
            yield Apply(manifest, is_new=live is None)


def _clean(observed: Observed, plan: _Plan) -> Iterator[Action]:
    """Drop configurations that nobody runs, beyond a short history; none while the wanted one is unknown."""
    if plan.revision is None:
        return
    session = observed.session
    kept = {config_name(session.name, plan.revision.hash)}
    kept |= {config_name(session.name, pod.config_hash) for pod in observed.pods}
    spare = [
        live
        for child, live in observed.children.items()
        if child.kind == "ConfigMap" and child.name not in kept and _is_old_config(live, observed)
    ]
    for live in _oldest_first(spare)[: max(0, len(spare) - configs.HISTORY)]:
        yield Delete("ConfigMap", live["metadata"]["name"], live["metadata"]["uid"])


def _is_old_config(live: Any, observed: Observed) -> bool:
    labels = live["metadata"].get("labels") or {}
    return labels.get(LABEL_COMPONENT) == "config" and classify(live, observed.session) is Ownership.OURS


def _oldest_first(manifests: Sequence[Any]) -> list[Any]:
    return sorted(manifests, key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"]))


def _look_again(observed: Observed, leadership: Leadership, terms: Terms) -> float:
    """Look again when rapid numbers are due, or when a silent Lease would expire, or at the next resync."""
    if leadership.leader is None:
        return terms.resync_seconds
    until_expiry = max(0.0, leadership.duration_seconds - observed.lease_silent_seconds) + 0.2
    return min(terms.resync_seconds, terms.report_seconds, until_expiry)
