"""The API server's Lease, and an elector that drives the real one's core in virtual time instead of in threads."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ops.simulating.dice import Dice
from ops.simulating.troubles import Kind
from ops.simulating.virtual import Handle
from trader.domain.values import SECOND, MachineTime
from trader.engine.elector import ElectorThread
from trader.engine.gate import OrderGate
from trader.engine.leading import (
    Conflicted,
    Found,
    Hinted,
    Observation,
    Read,
    Rest,
    Signal,
    Silent,
    Write,
    Wrote,
    decide,
)
from trader.engine.ports import LeaseConflict, LeaseMissing, LeaseRecord, LeaseWrite, Telemetry

if TYPE_CHECKING:
    from ops.simulating.process import Process
    from ops.simulating.world import World

REQUEST_DEADLINE = 2_000_000_000
REVOKED_FOR = 5_000_000_000
"""After so long the operator takes a revocation back: who stepped down may stand again."""


@dataclass(slots=True)
class ApiServer:
    """The record, compare and swap; nothing else."""

    world: "World"
    record: LeaseRecord | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    watchers: dict[str, Callable[[str], None]] = field(default_factory=dict)
    """Of each process that lives, by its name."""
    _versions: "itertools.count[int]" = field(default_factory=itertools.count)

    def create(self) -> None:
        """The operator makes the Lease, unless it is there."""
        if self.record is None:
            number = str(next(self._versions))
            self._set(LeaseRecord(f"uid-{number}", number, "", 0, 0, ""))

    def delete(self) -> None:
        self.record = None

    def read(self) -> LeaseRecord:
        if self.record is None:
            raise LeaseMissing
        return self.record

    def write(self, write: LeaseWrite) -> LeaseRecord:
        current = self.read()
        if (current.version, current.uid) != (write.base.version, write.base.uid):
            raise LeaseConflict
        number = str(next(self._versions))
        if current.holder != write.holder:
            self.world.note("lease_written", holder=write.holder)
        self.annotations = write.annotations
        return self._set(
            replace(
                current,
                version=number,
                holder=write.holder,
                duration_seconds=write.duration_seconds,
                transitions=current.transitions + (current.holder != write.holder),
                renewed=number,
            )
        )

    def revoke(self) -> None:
        """The operator asks the holder to step down."""
        if self.record is not None and self.record.holder:
            self._set(replace(self.record, version=str(next(self._versions)), revoke=self.record.holder))
            self.world.scheduler.after(REVOKED_FOR, self._forgive)

    def _forgive(self) -> None:
        """Who stepped down may stand again."""
        if self.record is not None and self.record.revoke:
            self._set(replace(self.record, version=str(next(self._versions)), revoke=""))

    def _set(self, record: LeaseRecord) -> LeaseRecord:
        self.record = record
        for watcher in self.watchers.values():
            watcher(record.version)
        return record


class SimulatedElector(ElectorThread):
    """The elector without its threads: the same machine, gate, signals and telemetry, with requests that take virtual time."""

    def __init__(
        self,
        process: "Process",
        dice: Dice,
        *,
        gate: OrderGate,
        telemetry: Telemetry,
        heard: Callable[[Signal], None],
        annotations: Callable[[], Mapping[str, str]],
    ) -> None:
        super().__init__(
            process.identity,
            process.world.lease_times,
            client=None,  # type: ignore[arg-type]
            gate=gate,
            machine_time=process.clock.machine_time,
            telemetry=telemetry,
            heard=heard,
            annotations=annotations,
        )
        self._process = process
        self._world = process.world
        self._dice = dice
        self._is_asking = False
        self._due: Handle | None = None
        self._is_over = False

    def start(self) -> None:
        self._world.api.watchers[self._process.name] = self._changed
        self._wake(self._dice.nanoseconds(0.001, 0.2))

    def stop(self, timeout_seconds: float) -> None:
        self._is_over = True

    def _tell(self, hint: Observation) -> None:
        """From the engine: heard at once, acted upon next."""
        self._observe(hint)
        self._wake(0)

    def _changed(self, version: str) -> None:
        """The watch: a hint, unless the API server is away."""
        weather, scheduler = self._process.weather, self._world.scheduler
        if not self._is_over and not weather.has(Kind.LEASE_AWAY, scheduler.now):
            self._later(self._dice.nanoseconds(0.001, 0.05), self._hinted, version)

    def _hinted(self, version: str) -> None:
        self._observe(Hinted(version))
        if not self._is_asking:
            self._wake(0)

    def _wake(self, nanoseconds: int) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self._later(nanoseconds, self._take_turn)

    def _later(self, nanoseconds: int, callback: Callable[..., Any], *args: Any) -> Handle:
        """A timer of this process: it dies with it, and waits while it is stopped."""
        handle = Handle((self._process.loop, callback, args))
        self._world.scheduler.at(self._world.scheduler.now + nanoseconds, handle)
        return handle

    def _take_turn(self) -> None:
        if self._is_over or self._is_asking:
            return
        self.turned_at = self._machine_time()
        action = decide(self._elector, self.turned_at)
        if isinstance(action, Rest):
            # As the thread does: never longer than a second at a time.
            self._wake(max(1_000, min(action.until - self.turned_at, SECOND)))
            return
        self._is_asking = True
        self._ask(action)

    def _ask(self, action: Read | Write) -> None:
        world, weather, dice = self._world, self._process.weather, self._dice
        now, sent_at = world.scheduler.now, self._machine_time()
        out, back = dice.nanoseconds(0.001, 0.02), dice.nanoseconds(0.001, 0.02)
        is_lost = weather.has(Kind.LEASE_AWAY, now)
        is_answered = not (is_lost or weather.has(Kind.LEASE_AMBIGUOUS, now))
        write: LeaseWrite | None = None
        if isinstance(action, Write):
            told = self._annotations() if action.holder else {}
            write = LeaseWrite(action.base, action.holder, action.duration_seconds, told)
        if not is_lost:
            world.scheduler.after(out, self._arrive, write, sent_at, back if is_answered else -1)
        if not is_answered:
            wait = REQUEST_DEADLINE if dice.chance() < 0.7 else dice.nanoseconds(0.001, 0.1)
            self._later(wait, self._answered, Silent())

    def _arrive(self, write: LeaseWrite | None, sent_at: MachineTime, back: int) -> None:
        seen: Observation
        try:
            seen = Found(self._world.api.read()) if write is None else Wrote(self._world.api.write(write), sent_at)
        except LeaseMissing:
            seen = Silent()
        except LeaseConflict:
            seen = Conflicted()
        if back >= 0:
            self._later(back, self._answered, seen)

    def _answered(self, seen: Observation) -> None:
        self._is_asking = False
        if isinstance(seen, Wrote):
            self._telemetry.leader(is_leader=seen.record.holder != "")
        self._observe(seen)
        self._wake(0)
