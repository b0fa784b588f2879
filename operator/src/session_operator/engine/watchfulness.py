"""Are the watches alive? A dead one is silent, and so is an idle one; this tells them apart.

Each kind is listed now and then. What a list shows, the watch must have shown by the next list: if not, the watch is
dead, `/healthz` says so and the kubelet starts the operator anew. The list itself goes into the world, so that a dead
watch delays the operator and never blinds it. (kopf's own probe stays green while its watches are dead.)
"""

from collections.abc import Iterable

from session_operator.domain.sessions import Manifest
from session_operator.engine.worlds import Reference, reference_of, version_of


class Watchfulness:
    """Compares what lists show with what watches have shown."""

    def __init__(self) -> None:
        self._watched: dict[Reference, int] = {}
        self._expected: dict[tuple[str, str | None], dict[Reference, int]] = {}
        self._listed_at: dict[tuple[str, str | None], float] = {}
        self._stale: dict[tuple[str, str | None], Reference] = {}

    def saw(self, body: Manifest) -> None:
        """Note that a watch has shown this."""
        reference = reference_of(body)
        self._watched[reference] = max(version_of(body), self._watched.get(reference, 0))

    def saw_gone(self, reference: Reference) -> None:
        """Note that a watch has shown that this is gone."""
        self._watched.pop(reference, None)
        for expected in self._expected.values():
            expected.pop(reference, None)

    def listed(self, kind: str, namespace: str | None, bodies: Iterable[Manifest], now: float) -> None:
        """Note a list, and judge the watch by the list before it."""
        scope = (kind, namespace)
        current = {reference_of(body): version_of(body) for body in bodies}
        missed = [
            reference
            for reference, version in self._expected.get(scope, {}).items()
            if reference in current and self._watched.get(reference, -1) < version
        ]
        if missed:
            self._stale[scope] = missed[0]
        else:
            self._stale.pop(scope, None)
        self._expected[scope] = current
        self._listed_at[scope] = now

    def complaints(self, now: float, limit_seconds: float) -> tuple[str, ...]:
        """Say which watches are dead and which lists are overdue."""
        found = [
            f"watch of {kind} missed {missed.namespace}/{missed.name}" for (kind, _), missed in self._stale.items()
        ]
        found += [
            f"{kind} was last listed {now - moment:.0f} s ago"
            for (kind, _), moment in self._listed_at.items()
            if now - moment > limit_seconds
        ]
        return tuple(found)
