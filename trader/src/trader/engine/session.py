"""One trader process from boot to exit: standby, leader, standby again, or gone.

Composes the elector, the store and the loop. It decides nothing about trading: the domain does. Whoever wires the process
(trader.app) makes a `TradingEngine`, awaits `run()`, and ends the process with the code that it returns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from trader.domain.effects import Effect
from trader.domain.events import Event
from trader.domain.profiles import RiskProfile
from trader.domain.records import Record
from trader.domain.values import AccountId, Epoch, KillReason, Standing
from trader.engine.gate import OrderGate
from trader.engine.leases import LeaseTimes
from trader.engine.ports import Broker, Clock, Feed, LeaseClient, Preflight, SessionWatch, Store, Telemetry

State = TypeVar("State")
View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Domain(Generic[State, View]):
    """The pure core, as the engine calls it."""

    initial: Callable[[], State]
    step: Callable[[State, Event], tuple[State, Sequence[Effect]]]
    apply: Callable[[State, Record], State]
    """One record of the journal folded into the state."""
    view: Callable[[State], View]
    """What screens and reports show; called at most ten times a second."""
    risk_generation: Callable[[State], int]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Plain values; built once in `trader.app`."""

    account: AccountId
    holder: str
    """`<pod name>_<pod UID>_<boot nonce>`, see `elector.holder_identity`."""
    lease: LeaseTimes
    profile: RiskProfile
    config_hash: str
    emergency_directory: Path
    """Survives the process (not the pod): what was done while the database was away is written here first."""
    live: bool = False
    """What the desk wants until the session's watch says otherwise; by hand it is all there is."""
    stop_seconds: float = 10.0
    """The longest that a planned stop waits for calls in flight."""


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """The world. `watch` is None by hand."""

    clock: Clock
    gate: OrderGate
    """The same object that the broker adapter asks before each write."""
    broker: Broker
    feed: Feed
    store: Store
    lease: LeaseClient
    telemetry: Telemetry
    watch: SessionWatch | None = None
    preflight: Preflight | None = None


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[View]):
    """What the process is right now; readable from any task or thread, at most 100 ms old."""

    is_leader: bool
    epoch: Epoch
    standing: Standing
    view: View | None
    """The domain's view; None on a standby."""
    message: str
    """What keeps the process from leading, in words; empty when nothing does."""


class Ending(StrEnum):
    """Why `run()` returned; `exit_code` is what the process should end with."""

    STOPPED = "stopped"
    """Asked to stop: calls in flight ended, the Lease is released."""
    LOST = "lost"
    """Leadership was lost: the gate is cut, nothing further was touched."""
    FAILED = "failed"
    """An error that nobody expected; the gate is cut, the next boot recovers."""

    @property
    def exit_code(self) -> int:
        return {Ending.STOPPED: 0, Ending.LOST: 75, Ending.FAILED: 70}[self]


class TradingEngine(Generic[State, View]):
    """The engine of one account in one process."""

    def __init__(
        self,
        settings: EngineSettings,
        ports: EnginePorts,
        domain: Domain[State, View],
        *,
        report: Callable[[Snapshot[View]], dict[str, str]] = lambda _: {},
        end_process: Callable[[int], None] | None = None,
    ) -> None:
        """`report` gives the Lease's annotations (seams §3) from the elector's thread.

        `end_process` (`os._exit` in the pod) is called from the elector's thread when the Lease is lost for certain, so that
        a blocked event loop cannot delay the end; None leaves it to `run()` returning `Ending.LOST`.
        """
        raise NotImplementedError

    async def run(self) -> Ending:
        """Stand by, lead, until `stop()` or a loss. Call once."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask for a planned stop (SIGTERM): finish what is in flight, release the Lease. Safe from signal handlers."""
        raise NotImplementedError

    async def request_kill(self, reason: KillReason, note: str, by: str) -> str:
        """Kill now; returns the id of the kill that stands, an older one when one stood. Works without the database."""
        raise NotImplementedError

    async def release_kill(self, kill_id: str) -> bool:
        """Release this very kill; False when it does not stand or the database is away."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot[View]:
        """What is now."""
        raise NotImplementedError

    @property
    def is_leader(self) -> bool:
        """Whether this process leads (any standing but NONE)."""
        raise NotImplementedError

    def readiness(self) -> tuple[bool, str]:
        """Whether the process is warm, leading or standing by, and what is missing."""
        raise NotImplementedError

    def liveness(self) -> tuple[bool, str]:
        """Whether the elector's thread and the loop still turn: False asks the kubelet for a restart, never a fence."""
        raise NotImplementedError

    async def apply_profile(self, profile: RiskProfile, config_hash: str) -> None:
        """Let another configuration take effect."""
        raise NotImplementedError
