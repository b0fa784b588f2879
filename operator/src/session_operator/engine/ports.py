"""What the engine needs of the outside, as Protocols; `adapters/` has the real ones, tests have theirs."""

from collections.abc import Mapping
from typing import Any, Protocol

from session_operator.domain.actions import Configure, Emit
from session_operator.domain.reports import TraderReport
from session_operator.domain.sessions import Session
from session_operator.kinds import Kind
from session_operator.status import Status


class Clock(Protocol):
    """Machine time."""

    def monotonic(self) -> float:
        """Seconds for measuring."""

    def now(self) -> str:
        """The moment, as Kubernetes writes it."""

    def now_precise(self) -> str:
        """The same with microseconds, as Leases have it."""


class Cluster(Protocol):
    """What is asked of the API server."""

    async def find(self, kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Get one object by name, or None."""

    async def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one object."""

    async def apply_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the whole status of a session."""

    async def delete(self, kind_name: str, namespace: str, name: str, uid: str) -> None:
        """Delete one object if it still has that UID."""


class Lister(Protocol):
    """What is listed at the API server."""

    async def list(self, kind: Kind, namespace: str | None = None) -> tuple[list[dict[str, Any]], int]:
        """List a kind; returns the list's own resource version too."""

    async def find(self, kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Get one object by name, or None."""


class Recorder(Protocol):
    """Where events go."""

    async def emit(self, session: Session, event: Emit) -> None:
        """Write one event."""


class Traders(Protocol):
    """What is asked of traders, and told to them."""

    async def report(self, address: str) -> TraderReport | None:
        """Ask a trader for its report; None if it does not answer with one. Never raises."""

    async def configure(self, order: Configure) -> str:
        """Tell a trader which configuration to run; empty when it took it, else why it did not. Never raises."""


class Complaints(Protocol):
    """What traders say of themselves."""

    async def why_not_ready(self, address: str) -> str | None:
        """Ask a trader what it waits for; empty if for nothing, None if it does not answer. Never raises."""


class Measures(Protocol):
    """What the operator measures of itself."""

    def reconciled(self, seconds: float) -> None:
        """Count a look at a session and how long it took."""

    def failed(self, error: str) -> None:
        """Count a failure by the error's class."""

    def phase(self, namespace: str, name: str, phase: str) -> None:
        """Show a session's phase."""

    def proofs(self, namespace: str, name: str, status: Status) -> None:
        """Show what was proved of a session: drills, gates, post-close, burn-in."""

    def gone(self, namespace: str, name: str) -> None:
        """Stop showing a session."""
