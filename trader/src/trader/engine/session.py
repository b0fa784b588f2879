"""One trader process from boot to exit: standby, leader, standby again, or gone.

Composes the elector, the store and the loop. It decides nothing about trading: the domain does. Whoever wires the process
(trader.app) makes a `TradingEngine`, awaits `run()`, and ends the process with the code that it returns.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic

import structlog

from trader.domain.effects import ConfigJudged, SignalJudged
from trader.domain.events import EntrySignal, ModeWanted, ProfileApplied
from trader.domain.profiles import Config
from trader.domain.values import SECOND, Epoch, KillReason, MachineTime, MarketTime, Standing
from trader.engine.domains import Domain, State
from trader.engine.elector import ElectorThread
from trader.engine.emergency import EmergencyJournal
from trader.engine.fitness import Fitness
from trader.engine.kills import KillDesk
from trader.engine.leading import Signal
from trader.engine.loop import Leadership, LoopPorts
from trader.engine.ports import KillRow, Outcome, StoreAway, Wishes
from trader.engine.questions import Questions
from trader.engine.reporting import annotations
from trader.engine.settings import ElectorHandle, Ending, EnginePorts, EngineSettings, Snapshot
from trader.engine.taking import Take, take_over

log = structlog.get_logger(__name__)

KILL_POLL_SECONDS = 0.25
STANDBY_POLL_SECONDS = 1.0
"""Who does not lead has nothing to close by a kill; it only shows it."""
NO_EPOCH_PAUSE_SECONDS = 5.0
"""How long a pod that found no epoch leaves the Lease to others."""


class _Order(StrEnum):
    """What else may come to the one who waits for signals."""

    STOP = "stop"
    ENDED = "ended"
    """The leadership's task is over by itself: no epoch was to be had."""


def _start_daemon(target: Callable[[], None], name: str) -> None:
    """A thread that keeps no process alive."""
    threading.Thread(target=target, name=name, daemon=True).start()


class TradingEngine(Generic[State]):
    """The engine of one account in one process."""

    def __init__(
        self,
        settings: EngineSettings,
        ports: EnginePorts,
        domain: Domain[State],
        *,
        end_process: Callable[[int], None] | None = None,
        elector: Callable[[Callable[[Signal], None], Callable[[], Mapping[str, str]]], ElectorHandle] | None = None,
        new_kill_id: Callable[[], str] = lambda: f"kill-{secrets.token_hex(4)}",
        start_thread: Callable[[Callable[[], None], str], None] = _start_daemon,
    ) -> None:
        """`end_process` (`os._exit` in the pod) is called at once, from whatever thread notices, when leadership is lost for
        certain, so that a blocked event loop cannot delay the end; None leaves it to `run()` returning `Ending.LOST`.
        `start_thread` runs the session's watch beside the loop: what has no threads, as a simulation, brings its own way.
        """
        self._settings = settings
        self._ports = ports
        self._domain = domain
        self._end_process = end_process
        self._start_thread = start_thread
        self._emergency = EmergencyJournal(settings.emergency_directory, on_paper=settings.on_paper)
        self._desk = KillDesk(
            settings.account,
            self,
            store=ports.store,
            emergency=self._emergency,
            clock=ports.clock,
            new_id=new_kill_id,
        )
        make_elector = elector or self._elector_thread
        self._elector = make_elector(self._heard, self._annotations)
        self._signals: asyncio.Queue[Signal | _Order] = asyncio.Queue()
        self._heard_wishes: asyncio.Queue[Wishes] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._live, self._suspended = settings.live, False
        self.begins_with = Config(settings.config_hash, settings.stage, settings.profile)
        """What the next leadership begins with: the files' configuration, or a later one that is stable now."""
        self._awaits_promotion = settings.awaits_promotion
        self.is_promoted = False
        """Whether the operator has spoken for a configuration in this engine's life."""
        self._epoch = Epoch(0)
        self._leadership: Leadership[State] | None = None
        self._questions = Questions(ports.clock, lambda: self._leadership)
        self._turned_at = ports.clock.machine_time()
        self._message = "standing by"
        self._is_lost = False
        self._fitness = Fitness()

    # --- the public face ---

    async def run(self) -> Ending:
        """Stand by, lead, until `stop()` or a loss. Call once."""
        self._loop = asyncio.get_running_loop()
        self._elector.start()
        self._start_watch()
        try:
            async with asyncio.TaskGroup() as tasks:
                companions = [tasks.create_task(each) for each in (self._poll(), self._hear_wishes())]
                ending = await self._live_through(tasks)
                for companion in companions:
                    companion.cancel()
        except* Exception as errors:  # the top frame of the process's work: fail closed
            self._ports.gate.cut()
            for error in errors.exceptions:
                self._ports.telemetry.failed("engine", error)
            log.exception("engine_failed")
            ending = Ending.FAILED
        finally:
            self._ports.gate.cut()
            self._leadership = None
        await asyncio.to_thread(self._elector.stop, 2.0)
        if self._ports.watch is not None:
            self._ports.watch.close()
        return ending

    def stop(self) -> None:
        """Ask for a planned stop (SIGTERM): finish what is in flight, release the Lease. Safe from signal handlers."""
        self._call(lambda: self._signals.put_nowait(_Order.STOP))

    async def request_kill(self, reason: KillReason, note: str, by: str) -> str:
        """Kill now; returns the id of the kill that stands, an older one when one stood. Works without the database."""
        return await self._desk.request(reason, note, by)

    async def release_kill(self, kill_id: str) -> bool:
        """Release this very kill; False when it does not stand or the database is away."""
        return await self._desk.release(kill_id)

    async def offer_config(self, config: Config, replaces: str, epoch: Epoch, *, is_promoted: bool) -> ConfigJudged:
        """Offer another configuration to the running engine (docs/seams.md §6); its answer, or NOT_LEADER after two seconds."""
        return await self._questions.offer_config(config, replaces, epoch, is_promoted=is_promoted)

    async def take_signal(self, strategy: str, signal: EntrySignal) -> SignalJudged:
        """Bring a signal to one of the session's strategies (docs/seams.md §7); its answer, or NOT_LEADER after two seconds."""
        return await self._questions.take_signal(strategy, signal)

    def promoted(self) -> None:
        """The operator has spoken for a configuration: new risk no longer waits for its word."""
        self._awaits_promotion, self.is_promoted = False, True
        self._tell_mode()

    def snapshot(self) -> Snapshot:
        """What is now."""
        leadership = self._leadership
        standing = leadership.standing if leadership is not None else Standing.NONE
        is_leader = standing is not Standing.NONE
        return Snapshot(
            is_leader=is_leader,
            epoch=self._epoch if is_leader else Epoch(0),
            standing=standing,
            view=leadership.view if leadership is not None else None,
            kill=self._desk.standing,
            message="" if standing is Standing.LEADER else self._message,
            on_paper=self._settings.on_paper,
        )

    @property
    def is_leader(self) -> bool:
        """Whether this process leads (any standing but NONE)."""
        return self.snapshot().is_leader

    def readiness(self) -> tuple[bool, str]:
        """Whether the process is warm, leading or standing by, and what is missing."""
        if self.is_leader:
            return True, ""
        agreed_at, now = self._desk.agreed_at, self._ports.clock.machine_time()
        holder = self._elector.holder
        if complaint := self._fitness.complaint(holder if holder != self._settings.identity.holder else "", now):
            return False, complaint
        if agreed_at is None or now - agreed_at > 10 * SECOND:
            return False, "the database does not answer"
        return self.liveness()

    def liveness(self) -> tuple[bool, str]:
        """Whether the elector's thread and the loop still turn: False asks the kubelet for a restart, never a fence."""
        now, limit = self._ports.clock.machine_time(), self._settings.lease.duration_seconds * SECOND
        if now - self._elector.turned_at > limit:
            return False, "the elector's thread does not turn"
        if now - self._turned_at > limit:
            return False, "the event loop does not turn"
        return True, ""

    # --- Hears, for the kill desk ---

    def kill_engaged(self, kill: KillRow) -> None:
        """A kill stands: the leader's loop acts, a standby has its row in the database."""
        log.warning("kill_engaged", kill_id=kill.kill_id, reason=kill.reason, by=kill.by, note=kill.note)
        if self._leadership is not None:
            self._leadership.kill_engaged(kill)

    def kill_released(self, kill_id: str) -> None:
        """That kill is over."""
        log.warning("kill_released", kill_id=kill_id)
        if self._leadership is not None:
            self._leadership.kill_released(kill_id)

    # --- the cycle ---

    async def _live_through(self, tasks: asyncio.TaskGroup) -> Ending:
        while True:
            match await self._signals.get():
                case Signal.WON:
                    ending = await self._lead(tasks)
                    if ending is not None:
                        return ending
                case Signal.LOST:
                    return Ending.LOST
                case _Order.STOP:
                    return Ending.STOPPED
                case _:
                    continue

    async def _lead(self, tasks: asyncio.TaskGroup) -> Ending | None:
        """From the win of the Lease to its end; None to stand by again."""
        log.info("lease_won", holder=self._settings.identity.holder)
        leading = tasks.create_task(self._take_and_lead(), name="leadership")
        leading.add_done_callback(lambda _: self._signals.put_nowait(_Order.ENDED))
        ending: Ending | None = None
        pause = float(self._settings.lease.duration_seconds)
        while True:
            signal = await self._signals.get()
            if signal is Signal.LOST:
                ending = Ending.LOST
            elif signal is _Order.ENDED:
                pause = NO_EPOCH_PAUSE_SECONDS
            elif signal is _Order.STOP:
                ending = Ending.STOPPED
            elif signal is not Signal.REVOKED:
                continue
            break
        log.info("leadership_ending", because=signal, epoch=self._epoch)
        if ending is not Ending.LOST and self._leadership is not None:
            await self._leadership.drain(self._settings.stop_seconds)
        self._ports.gate.cut()
        leading.cancel()
        await asyncio.wait({leading})
        self._leadership = None
        if self._ports.link is not None:
            await self._ports.link.close()
        if ending is not Ending.LOST:
            await self._release(pause)
        return ending

    async def _take_and_lead(self) -> None:
        try:
            if self._ports.link is not None:
                await self._ports.link.open()
            self._fitness.passed()
            taken = await take_over(
                Take(self._settings.account, self._settings.identity.holder),
                domain=self._domain,
                broker=self._ports.broker,
                store=self._ports.store,
                emergency=self._emergency,
                clock=self._ports.clock,
            )
            await self._desk.poll()
        except StoreAway as failure:
            self._message = f"won the Lease, but the database gave no epoch: {failure}"
            log.warning("epoch_unavailable", reason=str(failure), pause_seconds=NO_EPOCH_PAUSE_SECONDS)
            return
        except Outcome as failure:
            self._message = f"the broker cannot be used: {failure}"
            self._fitness.failed(self._message)
            log.warning("broker_unavailable", reason=str(failure), pause_seconds=NO_EPOCH_PAUSE_SECONDS)
            return

        kill = self._desk.standing
        opened = self._ports.gate.open(
            self._elector.term, taken.term.epoch, self._elector.deadline, killed=kill is not None
        )
        if not opened:
            return
        self._epoch = taken.term.epoch
        ports = LoopPorts(
            clock=self._ports.clock,
            gate=self._ports.gate,
            broker=self._ports.broker,
            feed=self._ports.feed,
            store=self._ports.store,
            telemetry=self._ports.telemetry,
            preflight=self._ports.preflight,
            emergency=self._emergency,
            lease_deadline=lambda: self._elector.deadline,
            lost=self._lose,
            tell=self._elector.tell,
        )
        leadership = Leadership(
            self._domain, taken.state, taken.term, ports, desk=self._desk, profile=self.begins_with.profile
        )
        self._leadership = leadership
        log.info("leading", epoch=taken.term.epoch, records=taken.records, seconds=taken.seconds)
        await leadership.run(
            (self._profile_applied(), self._mode_wanted(), *taken.kill_events(kill, self._ports.clock))
        )

    async def _release(self, pause_seconds: float) -> None:
        self._elector.release(pause_seconds)
        try:
            async with asyncio.timeout(self._settings.lease.retry_period_seconds * 2 + 1):
                while await self._signals.get() is not Signal.RELEASED:
                    pass
        except TimeoutError:
            log.warning("lease_not_released", holder=self._settings.identity.holder)

    # --- from other threads ---

    def _heard(self, signal: Signal) -> None:
        if signal is Signal.LOST:
            self._lose("the Lease has another holder")
        else:
            self._call(lambda: self._signals.put_nowait(signal))

    def _lose(self, reason: str) -> None:
        """Cut first; then end, touching nothing."""
        self._ports.gate.cut()
        if self._is_lost:
            return
        self._is_lost = True
        log.error("leadership_lost", reason=reason, epoch=self._epoch)
        if self._end_process is not None:
            self._end_process(Ending.LOST.exit_code)
        self._call(lambda: self._signals.put_nowait(Signal.LOST))

    def _call(self, action: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def _start_watch(self) -> None:
        watch, never = self._ports.watch, threading.Event()

        def heard(wishes: Wishes) -> None:
            self._call(lambda: self._heard_wishes.put_nowait(wishes))

        if watch is not None:
            self._start_thread(lambda: watch.watch(heard, never.is_set), "session-watch")

    async def _hear_wishes(self) -> None:
        while True:
            wishes = await self._heard_wishes.get()
            self._live, self._suspended = wishes.live, wishes.suspended or wishes.deleting
            self._tell_mode()
            await self._desk.hear(wishes)

    async def _poll(self) -> None:
        while True:
            self._turned_at = self._ports.clock.machine_time()
            await self._desk.poll()
            is_quiet = self._leadership is None and not self._desk.owes
            await asyncio.sleep(STANDBY_POLL_SECONDS if is_quiet else KILL_POLL_SECONDS)

    def _elector_thread(self, heard: Callable[[Signal], None], told: Callable[[], Mapping[str, str]]) -> ElectorThread:
        return ElectorThread(
            self._settings.identity,
            self._settings.lease,
            client=self._ports.lease,
            gate=self._ports.gate,
            machine_time=self._ports.clock.machine_time,
            telemetry=self._ports.telemetry,
            heard=heard,
            annotations=told,
        )

    def _annotations(self) -> dict[str, str]:
        view = self._leadership.view if self._leadership is not None else None
        return annotations(self._epoch, view, self._ports.clock.wall_time, on_paper=self._settings.on_paper)

    def _profile_applied(self) -> ProfileApplied:
        config = self.begins_with
        return ProfileApplied(*self._now(), config.profile, config.config_hash, config.stage)

    def _tell_mode(self) -> None:
        if self._leadership is not None:
            self._leadership.post(self._mode_wanted())

    def _mode_wanted(self) -> ModeWanted:
        return ModeWanted(*self._now(), self._live and not self._awaits_promotion, self._suspended)

    def _now(self) -> tuple[MachineTime, MarketTime]:
        return self._ports.clock.machine_time(), self._ports.clock.market_time()
