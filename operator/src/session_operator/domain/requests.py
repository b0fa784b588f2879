"""What a person asks for: one annotation for the rollout and one for Jobs, written by `kubectl tsn`, carried out once.

What is asked of a rollout names the configuration that the person saw, so that an old request never touches a newer one.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from session_operator.gates import DrillName
from session_operator.proofs import RunKind


class Verb(StrEnum):
    """What can be asked."""

    PROMOTE = "promote"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    id: str
    verb: Verb
    revision: str
    by: str


def read_request(text: str) -> Request | None:
    """Read the annotation; what cannot be read asks for nothing."""
    try:
        found = json.loads(text) if text else None
        if not isinstance(found, dict):
            return None
        return Request(str(found["id"]), Verb(found["verb"]), str(found["revision"]), str(found.get("by", "")))
    except (ValueError, KeyError):
        return None


def write_request(request: Request) -> str:
    """Write the annotation."""
    return json.dumps({"id": request.id, "verb": request.verb, "revision": request.revision, "by": request.by})


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One request for Jobs."""

    id: str
    kind: RunKind
    drills: tuple[str, ...] = ()
    """Empty: those that the gates ask for, or all."""
    date: str = ""
    """The trading date to be sealed; empty: the leader's."""
    by: str = ""


def read_job_request(text: str) -> JobRequest | None:
    """Read the annotation; what cannot be read, or names a drill that does not exist, asks for nothing."""
    try:
        found = json.loads(text) if text else None
        if not isinstance(found, dict):
            return None
        drills = tuple(DrillName(each).value for each in found.get("drills") or ())
        date = str(found.get("date") or "")
        kind = RunKind(found["kind"])
        return JobRequest(str(found["id"]), kind, drills, date, str(found.get("by", "")))
    except (ValueError, KeyError, TypeError):
        return None


def write_job_request(request: JobRequest) -> str:
    """Write the annotation."""
    content = {"id": request.id, "kind": request.kind, "drills": list(request.drills), "date": request.date}
    return json.dumps(content | {"by": request.by})
