"""The way of a configuration through its stages, as a pure function of where it stands and what is seen.

    Progressing ──passed──► next stage … ──► Complete (it is stable now)
        │  ▲
        │  └─resume── Paused   no data, no answer, approval wanted, asked for, a drill of the next stage that did
        │                      not pass, or another leader (then on stable)
        └─failed──► RolledBack (to stable; with none, no new risk) or Halted (no new risk)

A stage belongs to one leadership. Another leader is evidence enough to stop and look: it leads with the stable
configuration, and a person resumes. What failed or was aborted is never tried again by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from session_operator.domain.analysis import judge, unanswered
from session_operator.domain.configs import Plan, Step
from session_operator.domain.reports import TraderReport
from session_operator.domain.requests import Request, Verb
from session_operator.status import Analysis, KillSample, Outcome, Rollout, RolloutPhase

SILENCE_SECONDS = 60.0
FAILED_KEPT = 10

ACTIVE = frozenset({RolloutPhase.PROGRESSING, RolloutPhase.PAUSED})
LEADER_CHANGED = "LeaderChanged"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rollout is decided by."""

    plan: Plan
    leader_epoch: int | None
    """None without a leader, and while it trades on paper."""
    report: TraderReport | None
    """Of the leader that has this epoch; None when it did not answer."""
    kill: KillSample | None
    request: Request | None
    now: str
    broken: Mapping[str, str]
    """By the hash of a configuration: which drills of the gates did not pass with it."""


@dataclass(frozen=True, slots=True)
class Course:
    """Where a configuration stands."""

    rollout: Rollout
    stable: str
    """Short hash of the stable revision; empty while there is none."""
    failed: tuple[str, ...]


def run_name(rollout: Rollout) -> str:
    """Name one attempt at one stage: what a trader measures under another name is not counted."""
    return f"{rollout.revision}/{rollout.stage}/{rollout.attempt}"


def is_on_candidate(rollout: Rollout) -> bool:
    """Whether the leader shall run the stage that the rollout has reached; else it runs the stable configuration."""
    if rollout.phase is RolloutPhase.PAUSED:
        return rollout.reason != LEADER_CHANGED
    return rollout.phase in (RolloutPhase.PROGRESSING, RolloutPhase.HALTED)


def advance(previous: Rollout | None, stable: str, failed: Sequence[str], facts: Facts) -> Course:
    """Take every step that is due; taking it twice changes nothing."""
    course = _obey(_begin(previous, stable, tuple(failed), facts), facts)
    for _ in range(2 * len(facts.plan.steps) + 2):
        following = _proceed(course, facts)
        if following == course:
            break
        course = following
    return course


def _begin(previous: Rollout | None, stable: str, failed: tuple[str, ...], facts: Facts) -> Course:
    plan = facts.plan
    is_known = previous is not None and previous.revision == plan.identity and previous.step <= len(plan.steps)
    is_settled = previous is not None and previous.phase is RolloutPhase.COMPLETE
    if previous is not None and is_known and (not is_settled or stable == plan.final.revision.short_hash):
        return Course(previous, stable, failed)
    phase, reason, message = RolloutPhase.PROGRESSING, "Started", ""
    step = 1
    if stable == plan.final.revision.short_hash:
        phase, reason, step = RolloutPhase.COMPLETE, "Stable", len(plan.steps)
        message = f"{stable} is the stable configuration already"
    elif plan.identity in failed:
        phase, reason = RolloutPhase.ROLLED_BACK, "NotRetried"
        message = f"configuration {plan.identity} failed before: kubectl tsn resume tries it again"
    return Course(
        Rollout(
            revision=plan.identity,
            phase=phase,
            reason=reason,
            message=message,
            stage=plan.steps[step - 1].name,
            step=step,
            steps=len(plan.steps),
            started_at=facts.now,
            stage_since=facts.now,
            handled_request=previous.handled_request if previous is not None else None,
        ),
        stable,
        failed,
    )


def _changed(course: Course, **fields: object) -> Course:
    return replace(course, rollout=course.rollout.model_copy(update=fields))


def _pause(course: Course, reason: str, message: str, **fields: object) -> Course:
    return _changed(course, phase=RolloutPhase.PAUSED, reason=reason, message=message, **fields)


# --- what people ask ---


def _obey(course: Course, facts: Facts) -> Course:
    request, rollout = facts.request, course.rollout
    if request is None or request.id == rollout.handled_request or request.revision != rollout.revision:
        return course
    course = _changed(course, handled_request=request.id)
    by = f" by {request.by}" if request.by else ""
    match request.verb:
        case Verb.PAUSE if rollout.phase is RolloutPhase.PROGRESSING:
            return _pause(course, "Requested", f"paused{by}: kubectl tsn resume goes on")
        case Verb.ABORT if rollout.phase in (*ACTIVE, RolloutPhase.HALTED):
            return _roll_back(course, "Aborted", f"aborted{by}")
        case Verb.PROMOTE if rollout.phase in ACTIVE:
            return _next(course, facts, f"stage {rollout.stage} promoted{by}")
        case Verb.RESUME:
            return _resume(course, by)
        case _:
            return course


def _resume(course: Course, by: str) -> Course:
    rollout = course.rollout
    if rollout.phase in (RolloutPhase.ROLLED_BACK, RolloutPhase.HALTED):
        failed = tuple(each for each in course.failed if each != rollout.revision)
        fresh = _fresh(replace(course, failed=failed), rollout.attempt + 1)
        return _changed(fresh, reason="Resumed", message=f"tried again{by}")
    if rollout.phase is not RolloutPhase.PAUSED:
        return course
    if rollout.reason == LEADER_CHANGED:
        return _changed(_fresh(course, rollout.attempt + 1), reason="Resumed", message=f"resumed{by}")
    is_spent = rollout.reason in ("Inconclusive", "Unreachable")
    return _changed(
        course,
        phase=RolloutPhase.PROGRESSING,
        reason="Resumed",
        message=f"resumed{by}",
        soak_from_seconds=rollout.market_seconds if is_spent else rollout.soak_from_seconds,
        silent_since=None,
    )


def _fresh(course: Course, attempt: int) -> Course:
    return _changed(
        course,
        phase=RolloutPhase.PROGRESSING,
        attempt=attempt,
        epoch=None,
        stage_date=None,
        soak_from_seconds=0,
        market_seconds=0,
        orders=0,
        analysis=[],
        silent_since=None,
    )


# --- what happens ---


def _proceed(course: Course, facts: Facts) -> Course:
    rollout = course.rollout
    if rollout.phase not in ACTIVE or (rollout.phase is RolloutPhase.PAUSED and rollout.reason == LEADER_CHANGED):
        return course
    step = facts.plan.steps[rollout.step - 1]
    is_progressing = rollout.phase is RolloutPhase.PROGRESSING
    if is_progressing and step.asks_nothing:
        return _next(course, facts, f"stage {step.name} asks for nothing")
    if facts.leader_epoch is None:
        text = "waits for a leader that trades the account: none is there, or it is on paper"
        return _changed(course, reason="AwaitingLeader", message=text) if is_progressing else course
    if rollout.epoch is None:
        return _changed(course, epoch=facts.leader_epoch)
    if rollout.epoch != facts.leader_epoch:
        text = f"the leader of epoch {rollout.epoch} is gone: look why, then kubectl tsn resume (or abort)"
        return _pause(course, LEADER_CHANGED, text, silent_since=None)
    return _observe(course, step, facts)


def _observe(course: Course, step: Step, facts: Facts) -> Course:
    rollout, report = course.rollout, facts.report
    is_progressing = rollout.phase is RolloutPhase.PROGRESSING
    if report is None:
        return _unanswered(course, step, facts)
    figures = report.figures
    wanted = (step.revision.hash, rollout.epoch, run_name(rollout))
    if figures is None or (figures.config, figures.epoch, figures.run) != wanted or report.run != wanted[2]:
        waits = "it waits for the next safe point" if report.waiting else "it is being applied"
        course = _changed(course, silent_since=None)
        return _changed(course, reason="Applying", message=f"stage {step.name}: {waits}") if is_progressing else course
    since = rollout.stage_date or report.trading_date
    analysis = judge(step, figures, facts.kill, since)
    course = _changed(
        course,
        stage_date=since or None,
        market_seconds=figures.market_seconds,
        orders=figures.orders,
        analysis=list(analysis),
        silent_since=None,
    )
    failures = [each for each in analysis if each.outcome is Outcome.FAILURE]
    if failures:
        text = "; ".join(f"{each.slo}: {each.message}" for each in failures)
        return _fail(course, f"stage {step.name}: {text}", facts)
    return _judged(course, step, analysis, facts) if is_progressing else course


def _judged(course: Course, step: Step, analysis: Sequence[Analysis], facts: Facts) -> Course:
    rollout = course.rollout
    if rollout.market_seconds - rollout.soak_from_seconds < step.market_seconds:
        return _changed(course, reason="Soaking", message=f"stage {step.name} is observed")
    doubts = [f"{each.slo}: {each.message}" for each in analysis if each.outcome is not Outcome.SUCCESS]
    if rollout.orders < step.orders:
        doubts.insert(0, f"{rollout.orders} of {step.orders} orders")
    if doubts:
        text = f"stage {step.name} has no answer: {'; '.join(doubts)}. kubectl tsn resume observes it again"
        return _pause(course, "Inconclusive", text)
    if step.needs_approval:
        return _pause(course, "ApprovalRequired", f"stage {step.name} passed: kubectl tsn promote goes on")
    return _next(course, facts, f"stage {step.name} passed")


def _unanswered(course: Course, step: Step, facts: Facts) -> Course:
    since = course.rollout.silent_since or facts.now
    if course.rollout.phase is RolloutPhase.PROGRESSING and _seconds_between(since, facts.now) >= SILENCE_SECONDS:
        text = f"the leader did not answer for {SILENCE_SECONDS:.0f} s: kubectl tsn resume goes on"
        return _pause(course, "Unreachable", text, silent_since=since, analysis=list(unanswered(step)))
    return _changed(course, silent_since=since)


def _next(course: Course, facts: Facts, why: str) -> Course:
    rollout, plan = course.rollout, facts.plan
    if rollout.step == len(plan.steps):
        done = _changed(course, phase=RolloutPhase.COMPLETE, reason="Promoted", message=why, silent_since=None)
        return replace(done, stable=plan.final.revision.short_hash)
    following = plan.steps[rollout.step]
    if following.revision.hash in facts.broken:  # begun, it would close the gate: the proved limits are worth more
        text = f"stage {following.name} is not begun: {facts.broken[following.revision.hash]}"
        return _pause(course, "DrillNotPassed", f"{text}. kubectl tsn drill runs it again, then kubectl tsn resume")
    moved = _fresh(course, rollout.attempt)
    return _changed(
        moved,
        stage=following.name,
        step=rollout.step + 1,
        stage_since=facts.now,
        reason="StageBegun",
        message=why,
    )


def _fail(course: Course, why: str, facts: Facts) -> Course:
    if not facts.plan.halts_on_failure:
        return _roll_back(course, "AnalysisFailed", why)
    halted = _changed(course, phase=RolloutPhase.HALTED, reason="AnalysisFailed", message=why)
    return _blame(halted)


def _roll_back(course: Course, reason: str, why: str) -> Course:
    text = f"{why}; back on {course.stable}" if course.stable else f"{why}; no stable configuration yet, so no new risk"
    return _blame(_changed(course, phase=RolloutPhase.ROLLED_BACK, reason=reason, message=text, silent_since=None))


def _blame(course: Course) -> Course:
    others = tuple(each for each in course.failed if each != course.rollout.revision)
    return replace(course, failed=(*others, course.rollout.revision)[-FAILED_KEPT:])


def _seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
