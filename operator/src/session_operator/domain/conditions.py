"""Conditions, as Kubernetes' API conventions have them: each with a reason, all of them written from the first visit.

`lastTransitionTime` moves only when `status` does, so that "since when" can be trusted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from session_operator.domain.configs import SHORT, Revision
from session_operator.domain.leadership import Leadership
from session_operator.domain.names import TRADER_REPLICAS
from session_operator.domain.observed import PodFacts, Problem
from session_operator.status import Condition, ConditionStatus, ConditionType


@dataclass(frozen=True, slots=True)
class Draft:
    """A condition before it has a time."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


def merge(drafts: Iterable[Draft], previous: Sequence[Condition], generation: int, now: str) -> list[Condition]:
    """Give each draft its time: the one that stands if the status is the same, else now."""
    standing = {condition.type: condition for condition in previous}
    merged = []
    for draft in drafts:
        before = standing.get(draft.type)
        is_same = before is not None and before.status == draft.status
        merged.append(
            Condition(
                type=draft.type,
                status=draft.status,
                reason=draft.reason,
                message=draft.message,
                last_transition_time=before.last_transition_time if before is not None and is_same else now,
                observed_generation=generation,
            )
        )
    return merged


def spec_valid(problems: Sequence[Problem]) -> Draft:
    """Say whether the spec, and everything it refers to, can be used."""
    if problems:
        message = "; ".join(problem.message for problem in problems)
        return Draft(ConditionType.SPEC_VALID, "False", problems[0].reason, message)
    return Draft(ConditionType.SPEC_VALID, "True", "Valid", "the spec and everything it refers to can be used")


def leader_elected(leadership: Leadership, problems: Sequence[Problem]) -> Draft:
    """Say whether a trader leads."""
    kind = ConditionType.LEADER_ELECTED
    foreign = next((problem for problem in problems if problem.reason == "LeaseForeign"), None)
    if foreign is not None:
        return Draft(kind, "False", foreign.reason, foreign.message)
    if leadership.leader is not None:
        epoch = leadership.leader.epoch
        text = f"{leadership.leader.holder} leads" + (f" with epoch {epoch}" if epoch is not None else "")
        return Draft(kind, "True", "LeaderElected", text)
    if not leadership.lease_exists:
        return Draft(kind, "False", "NoLease", "the account's Lease does not exist yet")
    if leadership.is_expired:
        text = f"{leadership.last_identity} did not renew the Lease for {leadership.duration_seconds:g} s"
        return Draft(kind, "False", "LeaseExpired", text)
    return Draft(kind, "False", "NoHolder", "no trader holds the account's Lease")


def config_synced(revision: Revision | None, pods: Sequence[PodFacts], leadership: Leadership) -> Draft:
    """Say whether the traders run the configuration that the spec asks for."""
    kind = ConditionType.CONFIG_SYNCED
    if revision is None:
        return Draft(kind, "False", "ConfigUnavailable", "no usable configuration; pods that run keep their last one")
    behind = [pod.name for pod in pods if pod.config_hash != revision.hash]
    if behind:
        text = f"{', '.join(behind)} runs an older configuration than {revision.short_hash}"
        return Draft(kind, "False", "Rolling", text)
    if len(pods) < TRADER_REPLICAS:
        return Draft(kind, "Unknown", "PodsMissing", f"{len(pods)} of {TRADER_REPLICAS} pods exist")
    if leadership.leader is None or not leadership.config_hash:
        return Draft(kind, "Unknown", "NoReport", f"no leader has reported to run {revision.short_hash} yet")
    if leadership.config_hash[:SHORT] != revision.short_hash:
        text = f"the leader reports {leadership.config_hash[:SHORT]}, wanted is {revision.short_hash}"
        return Draft(kind, "False", "LeaderBehind", text)
    return Draft(kind, "True", "Synced", f"the traders run {revision.short_hash} (profile {revision.profile_name})")


def ready(others: Sequence[Draft], pods: Sequence[PodFacts], leadership: Leadership, fault: str) -> Draft:
    """Sum up: both traders are ready, one leads, and nothing is wrong with the spec."""
    kind = ConditionType.READY
    invalid = next((each for each in others if each.type is ConditionType.SPEC_VALID and each.status != "True"), None)
    if invalid is not None:
        return Draft(kind, "False", invalid.reason, invalid.message)
    if fault:
        return Draft(kind, "False", "ApplyFailed", fault)
    count = sum(pod.is_ready for pod in pods)
    troubles = _troubles(pods)
    if count == 0:
        return Draft(kind, "False", "PodsNotReady", troubles or f"0 of {TRADER_REPLICAS} traders are ready")
    if leadership.leader is None:
        elected = next(each for each in others if each.type is ConditionType.LEADER_ELECTED)
        return Draft(kind, "False", elected.reason, elected.message)
    if count < TRADER_REPLICAS:
        text = f"{count} of {TRADER_REPLICAS} traders are ready: there is no standby"
        return Draft(kind, "False", "StandbyNotReady", f"{text} ({troubles})" if troubles else text)
    return Draft(kind, "True", "SessionReady", f"both traders are ready, {leadership.leader.holder} leads")


def _troubles(pods: Sequence[PodFacts]) -> str:
    """Say what ails the pods; what ails both is said once."""
    by_problem: dict[str, list[str]] = {}
    for pod in pods:
        if pod.problem and not pod.is_ready:
            by_problem.setdefault(pod.problem, []).append(pod.name)
    return "; ".join(f"{', '.join(names)}: {problem}" for problem, names in by_problem.items())
