"""Events: what changed between the status that stands and the one to be written.

The standing status is the memory, so a restarted operator neither repeats nor forgets. Each reason is unique to one
kind of change, so that people can filter by it.
"""

from collections.abc import Iterator

from session_operator.domain.actions import Emit
from session_operator.domain.configs import SHORT
from session_operator.domain.rollout import ACTIVE
from session_operator.domain.statuses import condition_of
from session_operator.proofs import Judgement, RunKind, Verdict
from session_operator.status import ConditionType, RolloutPhase, Status

WARNING_STATES = frozenset({"HALTED", "REDUCING"})


def transitions(before: Status, after: Status) -> tuple[Emit, ...]:
    """List what to tell people."""
    return (
        *_spec(before, after),
        *_leader(before, after),
        *_rollout(before, after),
        *_config(before, after),
        *_proofs(before, after),
        *_live(before, after),
        *_kill(before, after),
        *_state(before, after),
        *_ready(before, after),
    )


def _spec(before: Status, after: Status) -> Iterator[Emit]:
    was, now = (condition_of(status, ConditionType.SPEC_VALID) for status in (before, after))
    if now[0] == "False" and was != now:
        yield Emit("Warning", now[1], now[2])
    elif now[0] == "True" and was[0] == "False":
        yield Emit("Normal", "SpecAccepted", f"{was[1]} is resolved: {now[2]}")


def _leader(before: Status, after: Status) -> Iterator[Emit]:
    if after.leader is None:
        was, now = (condition_of(status, ConditionType.LEADER_ELECTED) for status in (before, after))
        if was[0] == "True":
            yield Emit("Warning", "LeaderLost", now[2])
        return
    if after.leader.epoch is None or after.leader == before.leader:
        return  # its epoch is yet to come
    text = f"{after.leader.holder} leads with epoch {after.leader.epoch}"
    if before.last_epoch is None:
        yield Emit("Normal", "LeaderElected", text)
    elif before.last_epoch == after.leader.epoch:
        yield Emit("Normal", "LeaderReturned", f"{text} again: it renews the Lease")
    elif before.leader is None or (before.leader.identity, before.leader.epoch) != (
        after.leader.identity,
        after.leader.epoch,
    ):
        yield Emit("Normal", "LeaderChanged", f"{text}, after epoch {before.last_epoch}")


def _config(before: Status, after: Status) -> Iterator[Emit]:
    new = after.config.stable if after.config is not None else None
    old = before.config.stable if before.config is not None else None
    if new is not None and new != old and after.config is not None:
        yield Emit("Normal", "ConfigPromoted", f"configuration {new} is stable now" + (f", after {old}" if old else ""))


def _rollout(before: Status, after: Status) -> Iterator[Emit]:
    was, now = before.rollout, after.rollout
    if now is None:
        return
    is_new = was is None or was.revision != now.revision
    if is_new and now.phase in ACTIVE:
        yield Emit("Normal", "RolloutStarted", f"configuration {now.revision} begins with stage {now.stage}")
    elif not is_new and was is not None and (was.step, was.attempt) != (now.step, now.attempt) and now.phase in ACTIVE:
        reason = "RolloutStageBegun" if was.step != now.step else "RolloutTriedAgain"
        yield Emit("Normal", reason, f"stage {now.stage} ({now.step} of {now.steps}): {now.message}")
    if was is not None and not is_new and (was.phase, was.reason) == (now.phase, now.reason):
        return
    match now.phase:
        case RolloutPhase.PAUSED:
            yield Emit("Warning", f"RolloutPaused{now.reason}", now.message)
        case RolloutPhase.ROLLED_BACK:
            yield Emit("Warning", "RolloutRolledBack", f"{now.reason}: {now.message}")
        case RolloutPhase.HALTED:
            yield Emit("Warning", "RolloutHalted", now.message)
        case RolloutPhase.COMPLETE if was is None or was.phase is not RolloutPhase.COMPLETE or is_new:
            yield Emit("Normal", "RolloutComplete", f"configuration {now.revision}: {now.message}")
        case RolloutPhase.PROGRESSING if was is not None and was.phase is RolloutPhase.PAUSED and not is_new:
            yield Emit("Normal", "RolloutResumed", now.message)


def _proofs(before: Status, after: Status) -> Iterator[Emit]:
    yield from _runs(before, after)
    was = {(each.name, each.config_hash): each for each in before.drills}
    for each in after.drills:
        if was.get((each.name, each.config_hash)) != each:
            text = f"drill {each.name} on {each.trading_date} with configuration {each.config_hash[:SHORT]}"
            told = f"{text}: {each.reason}" if each.reason else f"{text}, {each.seconds} s"
            yield Emit("Normal" if each.verdict is Verdict.PASSED else "Warning", f"Drill{each.verdict.value}", told)
    seal = after.post_close
    if seal is not None and seal != before.post_close:
        text = condition_of(after, ConditionType.POST_CLOSE_SUCCEEDED)[2]
        yield Emit("Normal" if seal.verdict is Verdict.PASSED else "Warning", f"PostClose{seal.verdict.value}", text)
    yield from _burn_in(before, after)
    gates = (condition_of(status, ConditionType.GATES_PASSED) for status in (before, after))
    (then, _, _), (now, reason, message) = gates
    if now == "True" and then == "False":
        yield Emit("Normal", "GatesPassed", message)
    elif now == "False" and then == "True":
        yield Emit("Warning", "GatesClosed", message)
    elif now == "Unknown" and reason == "NoGates" and then != "Unknown":
        yield Emit("Warning", "LiveWithoutGates", message)


def _runs(before: Status, after: Status) -> Iterator[Emit]:
    known = {run.job for run in before.runs[:1]}
    for run in after.runs[:1]:
        if run.job not in known:
            what = f"drill {run.name}" if run.kind is RunKind.DRILL else "the post-close"
            by = f", asked for by {run.by}" if run.by else ""
            reason = "DrillStarted" if run.kind is RunKind.DRILL else "PostCloseStarted"
            yield Emit("Normal", reason, f"{what} of {run.trading_date} begins as Job {run.job}{by}")


def _burn_in(before: Status, after: Status) -> Iterator[Emit]:
    was, now = before.burn_in, after.burn_in
    if now is None:
        return
    known = {day.date: day for day in was.days} if was is not None else {}
    if was is not None and was.days and not now.days:
        yield Emit(
            "Warning", "BurnInReset", f"configuration {now.revision} is looser than {was.revision}: 0 clean days"
        )
    for day in now.days:
        if known.get(day.date) != day:
            told = f"{day.date} is {day.judgement.value.lower()}: {day.reason or f'{day.orders} orders'}"
            words = f"{told}; {now.clean_days} clean days in a row"
            is_unclean = day.judgement is Judgement.UNCLEAN
            yield Emit("Warning" if is_unclean else "Normal", f"BurnInDay{day.judgement.value}", words)


def _live(before: Status, after: Status) -> Iterator[Emit]:
    was, now = (condition_of(status, ConditionType.LIVE_ALLOWED) for status in (before, after))
    if now[0] == "False" and was[:2] != now[:2] and now[1] != "ConfigUnavailable":
        yield Emit("Warning", "LiveForbidden", f"{now[1]}: {now[2]}")
    elif now[0] == "True" and was[0] == "False":
        yield Emit("Normal", "LiveAllowedAgain", now[2])


def _kill(before: Status, after: Status) -> Iterator[Emit]:
    was, now = before.kill, after.kill
    if now is not None and (was is None or was.id != now.id):
        who = f" by {now.by}" if now.by else ""
        yield Emit("Warning", "KillEngaged", f"kill {now.id} engaged{who}: {now.reason or 'no reason given'}")
    if now is not None and now.flat_at and (was is None or was.id != now.id or not was.flat_at):
        yield Emit("Normal", "Flat", f"kill {now.id}: flat at {now.flat_at}")
    # Without a leader nobody reports, and silence releases nothing.
    if was is not None and now is None and after.leader is not None:
        yield Emit("Normal", "KillReleased", f"kill {was.id} was released")


def _state(before: Status, after: Status) -> Iterator[Emit]:
    state = after.trading_state
    if state is not None and after.leader is not None and state != before.trading_state:
        was = f", after {before.trading_state}" if before.trading_state else ""
        text = f"{after.leader.holder} is {state}{was}"
        yield Emit("Warning" if state in WARNING_STATES else "Normal", "TradingStateChanged", text)


def _ready(before: Status, after: Status) -> Iterator[Emit]:
    was, now = (condition_of(status, ConditionType.READY) for status in (before, after))
    if now[0] == "True" and was[0] != "True":
        yield Emit("Normal", "SessionReady", now[2])
    elif now[0] == "False" and now[1] == "ApplyFailed" and was[1:] != now[1:]:
        yield Emit("Warning", "ApplyFailed", now[2])
