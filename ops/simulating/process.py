"""One simulated pod: the real engine, built as `trader.app` builds it, on ports that lead into the world."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ops.simulating.broker import SimulatedBroker
from ops.simulating.dice import Dice
from ops.simulating.feed import SimulatedFeed
from ops.simulating.lease import SimulatedElector
from ops.simulating.probe import Probe
from ops.simulating.store import SimulatedStore
from ops.simulating.virtual import ProcessExit, ProcessLoop, Scheduler
from ops.simulating.weather import Weather
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.state import EngineSettings as DomainSettings
from trader.domain.state import EngineState
from trader.domain.values import AccountId, GuardCode, KillReason, MachineTime, MarketTime, Standing
from trader.engine.emergency import EmergencyJournal
from trader.engine.gate import OrderGate
from trader.engine.leading import Identity, Signal
from trader.engine.ports import Permit, Wishes
from trader.engine.session import TradingEngine
from trader.engine.settings import ElectorHandle, Ending, EnginePorts, EngineSettings

if TYPE_CHECKING:
    from ops.simulating.world import World

MORNING = 1_795_405_500_000_000_000
"""Monday 2026-11-23, 9:15 in India, as Unix nanoseconds: when every schedule begins."""


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """A machine's clocks: one began at its boot and runs a little fast or slow, the other is a little off."""

    scheduler: Scheduler
    offset: int
    drift_ppm: int
    skew: int

    def machine_time(self) -> MachineTime:
        now = self.scheduler.now
        return MachineTime(self.offset + now + now * self.drift_ppm // 1_000_000)

    def market_time(self) -> MarketTime:
        return MarketTime(MORNING + self.skew + self.scheduler.now)

    def wall_time(self, at: MarketTime) -> int:
        return at


class Process:
    """From its start to its end; a restarted container is another `Process` with the same pod's uid and disk."""

    def __init__(self, world: "World", slot: int, uid: str, nonce: int, directory: Path) -> None:
        dice = Dice(world.seed, f"process {slot} {nonce}")
        self.world = world
        self.slot = slot
        self.uid = uid
        self.directory = directory
        self.identity = Identity(f"trader-{slot}", uid, f"n{nonce}")
        self.name = self.identity.holder
        self.clock = SimulatedClock(
            world.scheduler, dice.below(10**15), dice.below(101) - 50, dice.nanoseconds(-0.25, 0.25)
        )
        self.weather = Weather()
        self.loop = ProcessLoop(world.scheduler, died=self.died)  # type: ignore[abstract]
        self.loop.crashed = lambda: world.crash(self)
        self.held = Standing.NONE
        self.gate = OrderGate(self.clock.machine_time)
        self.broker = SimulatedBroker(self, self.gate, Dice(world.seed, f"broker {slot} {nonce}"))
        self.feed = SimulatedFeed(self, Dice(world.seed, f"feed {slot} {nonce}"))
        self.probe = Probe(self, DomainSettings(AccountId("AB1234"), world.calendar, world.strategies_for(self)))
        self._elector_dice = Dice(world.seed, f"elector {slot} {nonce}")
        self._kills = 0
        self._heard: Callable[[Wishes], None] | None = None
        self.failures: list[str] = []
        self.engine: TradingEngine[EngineState] = TradingEngine(
            EngineSettings(
                AccountId("AB1234"), self.identity, world.lease_times, world.profile, "hash", directory, live=True
            ),
            EnginePorts(
                clock=self.clock,
                gate=self.gate,
                broker=self.broker,
                feed=self.feed,
                store=SimulatedStore(self, world.database, Dice(world.seed, f"store {slot} {nonce}")),
                lease=cast("Any", None),  # the elector here asks the world itself
                telemetry=self,
                watch=self,
            ),
            self.probe.domain,
            end_process=self._exit,
            elector=self._make_elector,
            new_kill_id=self._new_kill_id,
            start_thread=lambda target, _name: target(),
        )
        self._running = self.loop.create_task(self.engine.run())
        self._running.add_done_callback(self._ended)

    # --- its end ---

    def _exit(self, code: int) -> None:
        self.world.note("exited", process=self.name, code=code)
        raise ProcessExit(code)

    def _ended(self, running: "asyncio.Task[Ending]") -> None:
        self.world.note("exited", process=self.name, code=running.result().exit_code)
        self.loop.kill()
        self.died()

    def died(self) -> None:
        self.held = Standing.NONE
        self.world.api.watchers.pop(self.name, None)
        self.world.gone(self)

    @property
    def is_leading(self) -> bool:
        """Whether it believes to lead, by whatever proof."""
        leadership = None if self.loop.is_dead else self.engine._leadership
        return leadership is not None and leadership.standing is not Standing.NONE

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or hangs."""
        return not self.loop.is_dead

    def close_for_ever(self) -> None:
        """The world is over: let go of what still waits, without a word."""
        self.loop.kill()
        for task in self.loop.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(RuntimeError, Exception):
                    task.get_coro().close()

    def waiting(self) -> list[str]:
        """What its leadership has not done yet."""
        leadership = self.engine._leadership
        if leadership is None:
            return []
        found = []
        if not leadership._committer.is_idle:
            found.append("a commit")
        if leadership._committer._owed:
            found.append("batches that the database is owed")
        if leadership._sender.in_flight:
            found.append(f"{leadership._sender.in_flight} order calls")
        if len(leadership._inbox) > 1:
            found.append(f"{len(leadership._inbox)} events")
        return found

    # --- the elector and the watch, without threads ---

    def _make_elector(
        self, heard: Callable[[Signal], None], annotations: Callable[[], Mapping[str, str]]
    ) -> ElectorHandle:
        return SimulatedElector(
            self, self._elector_dice, gate=self.gate, telemetry=self, heard=heard, annotations=annotations
        )

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """`SessionWatch`: remembers whom to tell."""
        self._heard = heard
        if self.world.wishes is not None:
            self.hear(self.world.wishes)

    def hear(self, wishes: Wishes) -> None:
        """The TradingSession changed."""
        if self._heard is not None and self.is_alive:
            self.loop.call_soon(self._heard, wishes)

    def close(self) -> None:
        self._heard = None

    def _new_kill_id(self) -> str:
        self._kills += 1
        return f"kill-{self.identity.nonce}-{self._kills}"

    # --- what it sends ---

    def note_sent(self, operation: str, call: PlaceOrder | ModifyOrder | CancelOrder, permit: Permit) -> None:
        """The bytes leave now."""
        if permit.epoch_checked_at is None and isinstance(call, PlaceOrder):
            # Only the Lease stands: then the emergency journal has it, on the disk, or nobody.
            tags = [
                order.tag
                for batch in EmergencyJournal(self.directory).batches()
                for order in batch.orders
                if isinstance(order, PlaceOrder)
            ]
            self.world.note("emergency_written", tags=tags)
        self.world.note(
            "sent",
            process=self.name,
            operation=operation,
            tag=call.tag,
            epoch=permit.epoch,
            adds_risk=permit.adds_risk,
        )

    # --- telemetry ---

    def leader(self, is_leader: bool) -> None:
        lease_is_over = not is_leader and self.engine.snapshot().standing is Standing.NONE
        if lease_is_over and self.held is not Standing.NONE:
            self.standing(Standing.NONE, 0)

    def standing(self, standing: Standing, epoch: int) -> None:
        self.held = standing
        self.world.note("standing", process=self.name, standing=standing.value, epoch=epoch)

    def committed(self, outcome: str, seconds: float) -> None:
        self.world.reach(f"commit {outcome}")

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        if outcome not in ("answered", "accepted"):
            self.world.reach(f"{operation} {outcome}")

    def denied(self, code: GuardCode) -> None:
        self.world.reach(f"guard {code.value}")

    def killed(self, reason: KillReason) -> None:
        self.world.note("kill_heard", process=self.name, reason=reason.value)

    def lagged(self, seconds: float, waiting: int) -> None: ...

    def conflated(self, quotes: int) -> None:
        self.world.reach("quotes conflated")

    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append(f"{where}: {error!r}")
