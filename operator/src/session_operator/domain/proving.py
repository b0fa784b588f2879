"""What is to be proved, what is under way, and what was shown: a pure function of the status that stands and what is seen.

Written ahead: a run stands in the status before its Job is made, and stays there until its verdict does. So an operator that
dies in between, and its successor, make the same Job by the same name, and no verdict is lost or counted twice. A Job that
vanished before it was read is made again.

One run at a time: drills and traders share the machine.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from session_operator.domain import gates
from session_operator.domain.burn_in import carried, judged, with_blemishes, with_day
from session_operator.domain.configs import Revision
from session_operator.domain.names import job_name
from session_operator.domain.observed import Observed
from session_operator.domain.reports import TraderReport
from session_operator.domain.requests import JobRequest, read_job_request
from session_operator.domain.sessions import Session
from session_operator.domain.trading_days import is_readable, told_day
from session_operator.domain.verdicts import Ending, ending_of
from session_operator.gates import DrillName
from session_operator.model import Exchange, Spec
from session_operator.proofs import BurnIn, DrillResult, GateStatus, PostCloseResult, Run, RunKind, TradingDay, Verdict
from session_operator.status import Status

RESULTS_KEPT = 24


@dataclass(frozen=True, slots=True)
class Question:
    """Which configurations are to be proved."""

    judged: str
    """Hash of the one that the gates are judged for: the leader's."""
    image: str
    """The traders' image: a drill proves nothing of another."""
    hashes: tuple[str, ...]
    """Those whose drills are run ahead, too: of the stages to come, and what a rollout falls back to."""
    final: Revision
    before: Revision | None
    """The final one that the burn-in was counted for."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Where the proofs of a session stand."""

    day: TradingDay | None = None
    drills: tuple[DrillResult, ...] = ()
    runs: tuple[Run, ...] = ()
    post_close: PostCloseResult | None = None
    burn_in: BurnIn | None = None
    gates: GateStatus | None = None
    handled_request: str | None = None


def standing(status: Status) -> Proofs:
    """The proofs as the status has them."""
    return Proofs(
        day=status.trading_day,
        drills=tuple(status.drills),
        runs=tuple(status.runs),
        post_close=status.post_close,
        burn_in=status.burn_in,
        gates=status.gates,
        handled_request=status.handled_job_request,
    )


def advance(
    status: Status, observed: Observed, report: TraderReport | None, question: Question | None, now: str
) -> Proofs:
    """Take every step that is due; taking it twice changes nothing.

    `question` is None while no configuration can be used: what runs is still read, and nothing new is begun.
    """
    spec = observed.session.spec
    before = standing(status)
    proofs = replace(before, day=told_day(before.day, report))
    if question is not None:
        burn_in = carried(before.burn_in, question.final, question.before, proofs.day)
        proofs = replace(proofs, burn_in=with_blemishes(burn_in, proofs.day, report))
    if spec is None:
        return proofs
    for run in before.runs:
        ending = ending_of(run, observed, now)
        if ending is not None:
            proofs = _ended(proofs, run, ending, spec, now)
    proofs = _begun(proofs, _due_seals(proofs, before.day, spec), observed.session, now)
    if question is not None:
        proofs = _without_unwanted(proofs, question, spec)
        proofs = _obeyed(proofs, question, spec, observed.session, now)
        if not spec.suspend:
            proofs = _begun(proofs, _due_drills(proofs, question, spec), observed.session, now)
    return _judged(proofs, question, spec)


# --- what has ended ---


def _ended(proofs: Proofs, run: Run, ending: Ending, spec: Spec, now: str) -> Proofs:
    proofs = replace(proofs, runs=tuple(each for each in proofs.runs if each.job != run.job))
    if run.kind is RunKind.DRILL:
        result = DrillResult(
            name=run.name,
            config_hash=run.config_hash,
            image=run.image,
            verdict=ending.verdict,
            reason=ending.reason,
            trading_date=run.trading_date,
            at=now,
            seconds=ending.seconds,
            job=run.job,
        )
        others = (each for each in proofs.drills if (each.name, each.config_hash) != (run.name, run.config_hash))
        return replace(proofs, drills=(*others, result)[-RESULTS_KEPT:])
    burn_in = proofs.burn_in
    if burn_in is not None:
        proofs = replace(proofs, burn_in=with_day(burn_in, judged(run.trading_date, ending)))
    is_newer = proofs.post_close is None or proofs.post_close.date <= run.trading_date
    return replace(proofs, post_close=_sealed(run, ending, spec, now)) if is_newer or run.request else proofs


def _sealed(run: Run, ending: Ending, spec: Spec, now: str) -> PostCloseResult:
    archive = spec.post_close.archive if spec.post_close is not None else None
    is_kept = archive is not None and ending.verdict is Verdict.PASSED
    return PostCloseResult(
        date=run.trading_date,
        verdict=ending.verdict,
        result=_text(ending, "result") or "",
        reason=ending.reason,
        archive=_text(ending, "archive"),
        claim=archive.persistent_volume_claim if archive is not None and is_kept else None,
        sha256=_text(ending, "sha256"),
        token=_text(ending, "token"),
        at=now,
        seconds=ending.seconds,
        job=run.job,
    )


def _text(ending: Ending, name: str) -> str | None:
    found = ending.said.get(name)
    return found if isinstance(found, str) and found else None


# --- what is due ---


def _due_seals(proofs: Proofs, day_before: TradingDay | None, spec: Spec) -> Iterator[Run]:
    """A market day that has closed; also one whose close nobody saw, because the next day has begun."""
    if spec.post_close is None or spec.calendar.exchange is Exchange.ALWAYS_OPEN:
        return
    today = proofs.day
    for day in (day_before, today):
        is_over = day is not None and (day.is_closed or (today is not None and day.date < today.date))
        if day is None or not day.is_market_day or not is_over:
            continue
        if proofs.post_close is None or proofs.post_close.date < day.date:
            yield Run(job="", kind=RunKind.POST_CLOSE, trading_date=day.date, since="")


def _due_drills(proofs: Proofs, question: Question, spec: Spec) -> Iterator[Run]:
    day = proofs.day
    if spec.gates is None or day is None:
        return
    for config_hash in question.hashes:
        for name in spec.gates.drills:
            if gates.is_due(gates.result_of(name, config_hash, proofs.drills), question.image, day, spec):
                drill = Run(job="", kind=RunKind.DRILL, name=name.value, trading_date=day.date, since="")
                yield drill.model_copy(update={"config_hash": config_hash, "image": question.image})


def _obeyed(proofs: Proofs, question: Question, spec: Spec, session: Session, now: str) -> Proofs:
    """Take what a person asks for, once the trading day is known."""
    request = read_job_request(session.job_request)
    if request is None or request.id == proofs.handled_request or proofs.day is None:
        return proofs
    asked = _asked(request, proofs, proofs.day.date, question, spec)
    return replace(_begun(proofs, asked, session, now), handled_request=request.id)


def _asked(request: JobRequest, proofs: Proofs, today: str, question: Question, spec: Spec) -> Iterator[Run]:
    """With the leader's limits; and again with those of a stage to come whose drills did not pass."""
    told = Run(job="", kind=request.kind, trading_date=today, since="", request=request.id, by=request.by)
    if request.kind is RunKind.POST_CLOSE:
        date = request.date or today
        if is_readable(date) and date <= today:
            yield told.model_copy(update={"trading_date": date})
        return
    wanted: Sequence[str] = request.drills or (spec.gates.drills if spec.gates is not None else ()) or list(DrillName)
    broken = gates.broken(spec, question.image, [each for each in proofs.drills if each.name in wanted])
    for config_hash in dict.fromkeys((question.judged, *(each for each in question.hashes if each in broken))):
        for name in wanted:
            subject = {"config_hash": config_hash, "image": question.image}
            yield told.model_copy(update={"name": str(name)} | subject)


def _begun(proofs: Proofs, due: Iterator[Run], session: Session, now: str) -> Proofs:
    """Queue what is not in the queue yet."""
    runs = list(proofs.runs)
    for run in due:
        if all(_subject(each) != _subject(run) for each in runs):
            runs.append(run.model_copy(update={"job": _name(session, run), "since": now}))
    return replace(proofs, runs=tuple(runs))


def _subject(run: Run) -> tuple[str, ...]:
    return (run.kind, run.name, run.config_hash, run.image, run.trading_date)


def _name(session: Session, run: Run) -> str:
    """The same run has the same name, whoever makes its Job; a session that is made anew has Jobs of its own."""
    parts = (session.uid, *_subject(run), run.request or "")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return job_name(session.name, "drill" if run.kind is RunKind.DRILL else "post-close", digest)


def _without_unwanted(proofs: Proofs, question: Question, spec: Spec) -> Proofs:
    """Drop drills that nobody wants any more: of other limits or images, or of gates that no longer ask for them."""
    names = spec.gates.drills if spec.gates is not None else []

    def is_wanted(run: Run) -> bool:
        if run.kind is RunKind.POST_CLOSE or run.request is not None:
            return True
        return run.config_hash in question.hashes and run.name in names and run.image == question.image

    return replace(proofs, runs=tuple(run for run in proofs.runs if is_wanted(run)))


def _judged(proofs: Proofs, question: Question | None, spec: Spec) -> Proofs:
    """Judge the gates for the leader's configuration; while none can be used, for the one that was judged last."""
    if spec.gates is None:
        return replace(proofs, gates=None)
    judged = proofs.gates or GateStatus(config_hash="")
    if question is not None:
        judged = GateStatus(config_hash=question.judged, image=question.image)
    subject = gates.Subject(judged.config_hash, judged.image)
    found = gates.missing(spec, subject, proofs.day, drills=proofs.drills, burn_in=proofs.burn_in, runs=proofs.runs)
    return replace(proofs, gates=judged.model_copy(update={"missing": list(found)}))
