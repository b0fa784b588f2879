"""Whose is an object that already has the name of a child? Ours, an orphan's, or somebody else's.

Ours: this very session (by UID) controls it.
Orphan: a session of the same name made it and is gone (deleted and created again, or deleted with `--cascade=orphan`).
Foreign: anything else. It is never touched; the session says so in a condition.
"""

from collections.abc import Iterable
from enum import Enum

from session_operator.domain.names import FIELD_MANAGER, KIND, LABEL_MANAGED_BY, LABEL_SESSION
from session_operator.domain.observed import Child, Observed, Problem, child_of
from session_operator.domain.sessions import Manifest, Session


class Ownership(Enum):
    """Whose an existing object is."""

    OURS = "ours"
    ORPHAN = "orphan"
    FOREIGN = "foreign"


def classify(live: Manifest, session: Session) -> Ownership:
    """Say whose an existing object is."""
    metadata = live["metadata"]
    owner = _controller(live)
    if owner is None:
        labels = metadata.get("labels") or {}
        is_marked = labels.get(LABEL_MANAGED_BY) == FIELD_MANAGER and labels.get(LABEL_SESSION) == session.name
        return Ownership.ORPHAN if is_marked else Ownership.FOREIGN
    if owner.get("uid") == session.uid:
        return Ownership.OURS
    is_namesake = owner.get("kind") == KIND and owner.get("name") == session.name
    return Ownership.ORPHAN if is_namesake else Ownership.FOREIGN


def _controller(live: Manifest) -> Manifest | None:
    owners: Iterable[Manifest] = live["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def foreign_children(observed: Observed, wanted: Iterable[Manifest]) -> tuple[Problem, ...]:
    """List the wanted names that somebody else has."""
    found = []
    for child in map(child_of, wanted):
        live = observed.children.get(child)
        if live is not None and classify(live, observed.session) is Ownership.FOREIGN:
            found.append(_refusal(child, live))
    return tuple(found)


def _refusal(child: Child, live: Manifest) -> Problem:
    owner = _controller(live)
    whose = f"belongs to {owner.get('kind')} {owner.get('name')}" if owner else "was not made by this operator"
    text = f"{child.kind} {child.name} exists and {whose}; remove it, or give this session another name"
    if child.kind == "Lease":
        return Problem(
            "LeaseForeign", text.replace(", or give this session another name", ", or fence its holder first")
        )
    return Problem("NameTaken", text)
