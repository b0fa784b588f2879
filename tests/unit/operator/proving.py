"""A desk whose new risk is gated: how the tests of drills, post-close and burn-in ask, and what happens meanwhile."""

import dataclasses
import json
from typing import Any

from session_operator.domain.observed import Child, JobPod, Observed
from session_operator.domain.requests import JobRequest, write_job_request
from session_operator.proofs import RunKind
from tests.unit.operator.builders import NOW, observed, session, spec
from tests.unit.operator.deciding import performed, running, settled
from tests.unit.operator.rollouts import PROFILES, heard, leader_of

DRILLS = ["dual-runner", "exchange-band-jump"]
NSE = {"exchange": "NFO", "timezone": "Asia/Kolkata"}


def gated_desk(gates: dict[str, Any] | None = None, phase: str = "OPEN", **parts: Any) -> Observed:
    """A session with gates; the pair runs, the operator has come to rest, and no drill has ended yet."""
    wanted = spec(gates={"drills": DRILLS} if gates is None else gates, **parts)
    seen = running(observed(session=session(spec=wanted), profiles=PROFILES))
    return settled(at_market(seen, phase))


def at_market(seen: Observed, phase: str = "OPEN", date: str = "2026-11-23") -> Observed:
    """The leader's market clock says so."""
    return heard(seen, leader_of(seen), trading_date=date, market_phase=phase)


def respecified(seen: Observed, **parts: Any) -> Observed:
    """The desk applies another spec."""
    changed = dataclasses.replace(
        session(spec=spec(**parts)), status=seen.session.status, job_request=seen.session.job_request
    )
    return dataclasses.replace(seen, session=changed)


def jobs(seen: Observed) -> list[dict[str, Any]]:
    """The Jobs that exist."""
    return [dict(live) for child, live in seen.children.items() if child.kind == "Job"]


def runs(seen: Observed) -> list[dict[str, Any]]:
    """What is due or under way, as the status tells."""
    found: list[dict[str, Any]] = seen.session.status.get("runs", [])
    return found


def verdict_of(run: dict[str, Any], verdict: str = "Passed", **fields: Any) -> dict[str, Any]:
    """What the pod of a run says in the end."""
    is_passed = verdict == "Passed"
    given: dict[str, Any] = {"passed": is_passed, "reason": "" if is_passed else "a promise broke", "seconds": 123.4}
    if run["kind"] == "Drill":
        given |= {"schema": "tradeops.dev/drill/v1", "name": run["name"], "verdict": verdict}
        return given | {"configHash": run["configHash"]} | fields
    day = {"orders": 12, "riskKills": 0, "unplanned": 0, "openPositions": 0}
    given |= {"schema": "tradeops.dev/post-close/v1", "date": run["tradingDate"], "day": day, "result": "Archived"}
    return given | {"archive": f"index/{run['tradingDate']}", "sha256": "5a"} | fields


def ended(
    seen: Observed, verdict: str = "Passed", *, text: str | None = None, exit_code: int | None = None, **fields: Any
) -> Observed:
    """The pod of the run under way ends, and with it its Job."""
    run = runs(seen)[0]
    code = exit_code if exit_code is not None else {"Passed": 0, "Failed": 1}.get(verdict, 2)
    said = text if text is not None else json.dumps(verdict_of(run, verdict, **fields))
    pod = JobPod(name=f"{run['job']}-x", job=run["job"], has_ended=True, exit_code=code, message=said, ended_at=NOW)
    kind = ("Complete", "") if code == 0 else ("Failed", "BackoffLimitExceeded")
    return concluded(dataclasses.replace(seen, job_pods=(*seen.job_pods, pod)), *kind)


def concluded(seen: Observed, kind: str, reason: str = "", at: str = NOW) -> Observed:
    """The Job under way gets its last condition."""
    child = Child("Job", runs(seen)[0]["job"])
    condition = {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": at}
    live = {**seen.children[child], "status": {"conditions": [condition]}}
    return dataclasses.replace(seen, children={**seen.children, child: live})


def proved(seen: Observed, verdict: str = "Passed") -> Observed:
    """Every run that is due ends so, one after the other."""
    for _ in range(12):
        seen = settled(seen)
        if not runs(seen):
            return seen
        seen = settled(ended(seen, verdict))
    raise AssertionError(f"runs without end: {runs(seen)}")


def asked_for(seen: Observed, kind: str = "Drill", number: str = "1", **fields: Any) -> Observed:
    """Somebody writes a request for Jobs."""
    text = write_job_request(JobRequest(id=f"job-{number}", kind=RunKind(kind), by="desk", **fields))
    return dataclasses.replace(seen, session=dataclasses.replace(seen.session, job_request=text))


def gate(seen: Observed, kind: str = "GatesPassed") -> tuple[str, str, str]:
    """A condition as the status has it."""
    (found,) = [each for each in seen.session.status["conditions"] if each["type"] == kind]
    return found["status"], found["reason"], found["message"]


def drill(seen: Observed, name: str) -> dict[str, Any]:
    """What the status tells of a drill."""
    (found,) = [each for each in seen.session.status["drills"] if each["name"] == name]
    return dict(found)


__all__ = ["performed", "settled"]
