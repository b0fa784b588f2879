"""Which configuration each trader shall run, and what to tell the traders that do not.

Only the leader ever hears of a candidate, and only after the status tells of it (under that very leadership): an operator
that dies in between, and its successor, know what they have begun. Everybody else runs the stable configuration, so that
whoever leads next leads with it, operator or none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from session_operator.domain.actions import Configure
from session_operator.domain.configs import Plan, Revision
from session_operator.domain.observed import Observed, PodFacts
from session_operator.domain.reports import TraderReport
from session_operator.domain.rollout import LEADER_CHANGED, Course, is_on_candidate, run_name
from session_operator.status import Rollout, RolloutPhase, Status


@dataclass(frozen=True, slots=True)
class Steering:
    """What is wanted of the traders."""

    leader: Revision | None
    """What the leader shall run; None: whatever it runs, it takes no new risk with it."""
    stage: str
    run: str
    """The operator's name for that; a trader that has it was told."""
    is_candidate: bool
    stable: Revision | None
    stable_run: str
    boots_on: Revision
    """What a starting pod reads: the stable one, else the first stage's, with which it takes no new risk by itself."""
    forbids_live: tuple[str, str] | None
    """Reason and message, where new risk is forbidden whatever the mode."""


def steer(course: Course, plan: Plan, stable: Revision | None) -> Steering:
    """Say what is wanted, from where the rollout stands."""
    rollout = course.rollout
    step = plan.steps[rollout.step - 1]
    is_candidate = is_on_candidate(rollout)
    stable_run = f"{stable.short_hash}/stable" if stable is not None else ""
    return Steering(
        leader=step.revision if is_candidate else stable,
        stage=rollout.stage if is_candidate else "stable",
        run=run_name(rollout) if is_candidate else stable_run,
        is_candidate=is_candidate,
        stable=stable,
        stable_run=stable_run,
        boots_on=stable or plan.steps[0].revision,
        forbids_live=_forbidden(rollout, stable),
    )


def _forbidden(rollout: Rollout, stable: Revision | None) -> tuple[str, str] | None:
    if rollout.phase is RolloutPhase.HALTED:
        return "RolloutHalted", f"the rollout is halted: {rollout.message}"
    has_stopped = rollout.phase is RolloutPhase.ROLLED_BACK or rollout.reason == LEADER_CHANGED
    if stable is None and has_stopped:
        return "NoStableConfiguration", f"there is no stable configuration to trade with: {rollout.message}"
    return None


def orders(observed: Observed, steering: Steering, before: Status, after: Status) -> Iterator[Configure]:
    """Tell each trader that answers, and was not told yet, what to run."""
    leader = after.leader
    for pod in observed.pods:
        report = observed.reports.get(pod.name)
        if report is None or not pod.address:
            continue
        is_leader = (
            report.is_leader and leader is not None and (leader.holder, leader.epoch) == (pod.name, report.epoch)
        )
        wanted = steering.leader if is_leader else steering.stable
        towards = steering if is_leader else replace(steering, **_STANDING_BY, run=steering.stable_run)
        is_for_it = is_leader or not report.is_leader  # a former leader that does not know it yet is left alone
        if wanted is not None and is_for_it and report.run != towards.run and _is_written(towards, before, after):
            yield _order(pod, report, wanted, towards)


_STANDING_BY: Any = {"stage": "stable", "is_candidate": False}


def _order(pod: PodFacts, report: TraderReport, revision: Revision, steering: Steering) -> Configure:
    return Configure(
        pod=pod.name,
        address=pod.address,
        epoch=report.epoch,
        replaces=report.in_force,
        stage=steering.stage,
        run=steering.run,
        is_stable=not steering.is_candidate,
        hash=revision.hash,
        profile_yaml=revision.profile_yaml,
    )


def _is_written(steering: Steering, before: Status, after: Status) -> bool:
    """Whether the standing status tells of what is about to be said: written ahead, so that no crash forgets it."""
    if not steering.is_candidate:
        return before.config is not None and after.config is not None and before.config.stable == after.config.stable
    then, now = before.rollout, after.rollout
    if then is None or now is None or after.leader is None:
        return False
    return run_name(then) == run_name(now) and is_on_candidate(then) and then.epoch == now.epoch == after.leader.epoch
