"""What a trading engine is built from and what it tells: plain values and ports, wired once by `trader.app`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from trader.domain.profiles import RiskProfile
from trader.domain.values import AccountId, Epoch, MachineTime, Standing, TradingState
from trader.domain.views import StateView
from trader.engine.gate import OrderGate
from trader.engine.leading import Identity
from trader.engine.leases import LeaseTimes
from trader.engine.ports import (
    Broker,
    BrokerLink,
    Clock,
    Feed,
    KillRow,
    LeaseClient,
    Preflight,
    SessionWatch,
    Store,
    Telemetry,
)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Plain values; built once in `trader.app`."""

    account: AccountId
    identity: Identity
    """See `elector.new_identity`."""
    lease: LeaseTimes
    profile: RiskProfile
    config_hash: str
    emergency_directory: Path
    """Survives the process (not the pod): what was done while the database was away is written here first."""
    stage: str = ""
    """The stage that the configuration had reached when the process was started."""
    awaits_promotion: bool = False
    """No configuration is stable yet: no new risk until the operator has spoken for one."""
    live: bool = False
    """What the desk wants until the session's watch says otherwise; by hand it is all there is."""
    on_paper: bool = False
    """The ports lead to a paper exchange. The engine does all as ever: it keeps its local batches apart, and says so."""
    stop_seconds: float = 5.0
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
    link: BrokerLink | None = None
    """None: the broker is reached without one."""
    preflight: Preflight | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the process is right now; readable from any task or thread, at most 100 ms old."""

    is_leader: bool
    epoch: Epoch
    standing: Standing
    view: StateView | None
    """The domain's view; None on a standby."""
    kill: KillRow | None
    """The kill that stands, as far as this process knows."""
    message: str
    """What keeps the process from leading, in words; empty when nothing does."""
    on_paper: bool = False
    """None of it is money."""

    @property
    def trading_state(self) -> TradingState:
        """As it is told to people: new risk on paper is PAPER, never LIVE."""
        return told_state(self.view, on_paper=self.on_paper)

    @property
    def view_message(self) -> str:
        """What keeps it from LIVE, in words."""
        return told_message(self.view, on_paper=self.on_paper)


def told_state(view: StateView | None, *, on_paper: bool) -> TradingState:
    """The trading state that people are told; PAPER of a process that leads nothing."""
    if view is None or (on_paper and view.trading_state is TradingState.LIVE):
        return TradingState.PAPER
    return view.trading_state


def told_message(view: StateView | None, *, on_paper: bool) -> str:
    """What keeps it from LIVE."""
    if view is None or not on_paper:
        return view.message if view is not None else ""
    return f"on paper: {view.message}" if view.message else "trades on paper: no order reaches the account"


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
        """EX_TEMPFAIL and EX_SOFTWARE of sysexits.h: both ask for a restart."""
        return {Ending.STOPPED: 0, Ending.LOST: 75, Ending.FAILED: 70}[self]


class ElectorHandle(Protocol):
    """The elector, as the engine sees it; tests put one without threads in its place."""

    term: object

    @property
    def deadline(self) -> MachineTime: ...

    @property
    def holder(self) -> str: ...

    @property
    def turned_at(self) -> MachineTime: ...

    def start(self) -> None: ...

    def tell(self) -> None:
        """What the annotations say has changed: write them soon, not only with the next renewal."""
        ...

    def release(self, pause_seconds: float) -> None: ...

    def stop(self, timeout_seconds: float) -> None: ...
