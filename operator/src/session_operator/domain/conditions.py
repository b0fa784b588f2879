"""Conditions, as Kubernetes' API conventions have them: each with a reason, all of them written from the first visit.

`lastTransitionTime` moves only when `status` does, so that "since when" can be trusted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from session_operator.domain.configs import SHORT
from session_operator.domain.leadership import Leadership
from session_operator.domain.names import TRADER_REPLICAS
from session_operator.domain.observed import Observed, PodFacts, Problem
from session_operator.domain.proving import Proofs
from session_operator.domain.rollout import Course
from session_operator.domain.steering import Steering
from session_operator.model import BrokerType, Mode, Spec
from session_operator.proofs import RunKind, Verdict
from session_operator.status import Condition, ConditionStatus, ConditionType, Outcome, RolloutPhase, Status


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


def config_synced(observed: Observed, steering: Steering | None, leadership: Leadership) -> Draft:
    """Say whether each trader runs what it shall: the leader its stage, the standby the stable configuration."""
    kind = ConditionType.CONFIG_SYNCED
    if steering is None:
        return Draft(kind, "False", "ConfigUnavailable", "no usable configuration; pods that run keep their last one")
    unknown = _unheard(observed, leadership)
    if unknown:
        return Draft(kind, "Unknown", *unknown)
    if observed.refusals:
        text = "; ".join(f"{pod}: {why}" for pod, why in sorted(observed.refusals.items()))
        return Draft(kind, "False", "Refused", text)
    behind = _behind(observed, steering, leadership)
    if behind:
        return Draft(kind, "False", *behind)
    if steering.leader is None:
        return Draft(kind, "True", "Idle", "there is no configuration to trade with")
    text = (
        f"the leader runs {steering.leader.short_hash} (profile {steering.leader.profile_name}), stage {steering.stage}"
    )
    return Draft(kind, "True", "Synced", text)


def _unheard(observed: Observed, leadership: Leadership) -> tuple[str, str] | None:
    """Say what keeps it from being known which configurations run."""
    pods, leader = observed.pods, leadership.leader
    if len(pods) < TRADER_REPLICAS:
        return "PodsMissing", f"{len(pods)} of {TRADER_REPLICAS} pods exist"
    if leader is None or leader.epoch is None:
        return "NoReport", "no leader reports which configuration it runs"
    silent = [pod.name for pod in pods if pod.name not in observed.reports]
    return ("NoReport", f"{', '.join(silent)} does not say which configuration it runs") if silent else None


def _behind(observed: Observed, steering: Steering, leadership: Leadership) -> tuple[str, str] | None:
    """Say which trader runs another configuration than it shall."""
    holder = leadership.leader.holder if leadership.leader is not None else ""
    for pod in observed.pods:
        report = observed.reports[pod.name]
        revision = steering.leader if pod.name == holder else steering.stable
        if revision is None or report.in_force == revision.hash:
            continue
        name = f"{revision.short_hash} (profile {revision.profile_name})"
        if report.waiting == revision.hash:
            text = f"{pod.name} takes {name} at its next safe point; what it tightens holds already"
            return "AwaitingSafePoint", text
        return "Behind", f"{pod.name} runs {report.in_force[:SHORT]}, wanted is {name}"
    return None


def of_rollout(course: Course | None, previous: Status) -> tuple[Draft, Draft]:
    """Say whether the wanted configuration is the stable one, and what the analysis of its stage says."""
    complete, healthy = ConditionType.ROLLOUT_COMPLETE, ConditionType.ANALYSIS_HEALTHY
    rollout = course.rollout if course is not None else previous.rollout
    if rollout is None:
        nothing = "no configuration was rolled out yet"
        return Draft(complete, "Unknown", "NoRollout", nothing), Draft(healthy, "Unknown", "NoRollout", nothing)
    is_complete = rollout.phase is RolloutPhase.COMPLETE
    reason = rollout.reason if rollout.phase in (RolloutPhase.PROGRESSING, RolloutPhase.COMPLETE) else rollout.phase
    text = f"{rollout.reason}: {rollout.message}" if rollout.message else f"stage {rollout.stage}"
    first = Draft(complete, "True" if is_complete else "False", str(reason), text)
    if not rollout.analysis:
        return first, Draft(healthy, "Unknown", "NotJudged", f"stage {rollout.stage} has nothing to judge by yet")
    outcomes = {each.outcome for each in rollout.analysis}
    said = "; ".join(f"{each.slo} {each.outcome.value}" for each in rollout.analysis)
    if Outcome.FAILURE in outcomes:
        return first, Draft(healthy, "False", "Failure", said)
    if Outcome.ERROR in outcomes:
        return first, Draft(healthy, "Unknown", "Error", said)
    if Outcome.INCONCLUSIVE in outcomes:
        return first, Draft(healthy, "Unknown", "Inconclusive", said)
    return first, Draft(healthy, "True", "Success", said)


def gates_passed(spec: Spec | None, proofs: Proofs, previous: Status) -> Draft:
    """Say what the gates still ask for; nobody asking for anything on a real account is worth a look."""
    kind = ConditionType.GATES_PASSED
    if spec is None:
        return _as_before(kind, previous) or Draft(kind, "Unknown", "SpecInvalid", "the spec cannot be read")
    if spec.gates is None or proofs.gates is None:
        if spec.account.broker.type is BrokerType.KITE and spec.mode is Mode.LIVE:
            text = "a real account in mode Live has no spec.gates: no drill and no burn-in was asked for"
            return Draft(kind, "Unknown", "NoGates", text)
        return Draft(kind, "True", "NoGates", "spec.gates is left out: nothing is asked for")
    missing = proofs.gates.missing
    if missing:
        is_under_way = any(run.kind is RunKind.DRILL for run in proofs.runs)
        return Draft(kind, "False", "Proving" if is_under_way else "NotPassed", "; ".join(missing))
    return Draft(kind, "True", "Passed", "all gates are satisfied")


def post_close_succeeded(proofs: Proofs) -> Draft:
    """Say how the last sealing of a day ended, and where it is kept."""
    kind, result = ConditionType.POST_CLOSE_SUCCEEDED, proofs.post_close
    under_way = next((run for run in proofs.runs if run.kind is RunKind.POST_CLOSE), None)
    if result is None:
        text = f"{under_way.trading_date} is being sealed" if under_way is not None else "no day was sealed yet"
        return Draft(kind, "Unknown", "Sealing" if under_way is not None else "NoDay", text)
    if result.verdict is not Verdict.PASSED:
        return Draft(kind, "False", result.verdict.value, f"{result.date}: {result.reason or 'no reason was given'}")
    if result.claim is None:
        text = (
            f"{result.date} was sealed and its snapshot restored; no claim is named, so the archive went with its pod"
        )
        return Draft(kind, "True", "NotKept", text)
    text = f"{result.date} was sealed and its snapshot restored: {result.archive} on {result.claim}"
    return Draft(kind, "True", result.result or "Archived", text)


def _as_before(kind: ConditionType, previous: Status) -> Draft | None:
    for each in previous.conditions:
        if each.type is kind:
            return Draft(kind, each.status, each.reason, each.message)
    return None


def live_allowed(steering: Steering | None, proofs: Proofs, previous: Status) -> Draft:
    """Say whether new risk may be taken in mode Live: traders read this of their own TradingSession."""
    kind = ConditionType.LIVE_ALLOWED
    missing = proofs.gates.missing if proofs.gates is not None else ()
    if steering is not None and steering.forbids_live is not None:
        return Draft(kind, "False", *steering.forbids_live)
    if missing:
        return Draft(kind, "False", "GatesNotPassed", "; ".join(missing))
    if steering is None:  # what cannot be judged stays as it was: a typo must not close positions
        unavailable = Draft(kind, "False", "ConfigUnavailable", "no usable configuration yet")
        return _as_before(kind, previous) or unavailable
    return Draft(kind, "True", "Allowed", "nothing speaks against new risk in mode Live")


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
