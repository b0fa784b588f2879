"""What a person asks of a rollout: one annotation, written by `kubectl tsn`, carried out once.

It names the configuration that the person saw, so that an old request never touches a newer one.
"""

import json
from dataclasses import dataclass
from enum import StrEnum


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
