"""One trader process from its first task to its exit code, wherever it runs."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict, replace
from typing import Any

import structlog

from trader.adapters.desk_messages import AppriseDesk
from trader.adapters.kite.clock import KitesimClock
from trader.adapters.kite.credentials import Token
from trader.adapters.sql.store import SqlStore
from trader.adapters.system_clock import machine_time
from trader.app import showing
from trader.app.auditing import Audit, HeardWatch, LiveTrail
from trader.app.checks import TOKEN_LINE, code_digest
from trader.app.collecting import collect_at_rest
from trader.app.documents import ConfigInvalid
from trader.app.exchanges import is_logged_in_by_a_person
from trader.app.footing import DeskWatch, Footing
from trader.app.housekeeping import keep_house
from trader.app.login import Login, TokenKeeper
from trader.app.notifying import Notifier, Picture, watch
from trader.app.observing import time_flattening
from trader.app.sharing import Sharing
from trader.app.telemetry import TraderTelemetry
from trader.app.wiring import (
    Assembled,
    Carried,
    Chosen,
    Doors,
    Plan,
    Unready,
    assemble,
    open_stores,
)
from trader.domain.calendars import Phase
from trader.domain.state import EngineState
from trader.domain.values import KillReason, MarketTime
from trader.engine.emergency import EmergencyJournal
from trader.engine.ports import KillRow, Permission, StoreAway
from trader.engine.session import TradingEngine
from trader.engine.settings import Ending, Snapshot

log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0
STOP_SECONDS = 15.0
STILL_SECONDS = 15.0


class TraderProcess:
    """Assembles, runs and ends an engine; answers for it while there is none yet."""

    def __init__(
        self,
        chosen: Plan,
        doors: Callable[[], Doors],
        telemetry: TraderTelemetry,
        *,
        patient: bool,
        keeper: TokenKeeper,
    ) -> None:
        """`patient`: wait for what is missing (in the cluster) instead of giving up (by hand)."""
        credentials, broker = chosen.settings.credentials, chosen.settings.session.broker
        self.login = Login(
            credentials, broker.url, keeper, lambda: is_logged_in_by_a_person(chosen.settings), broker.proxy
        )
        self.login.stored = self._token_stored
        self.telemetry = telemetry
        self.chosen = chosen
        self.assembled: Assembled | None = None
        self.message = "starting"
        self.ending: Ending | None = None
        self.failure: Exception | None = None
        """What kept it from starting at all."""
        self.ended = asyncio.Event()
        self.run_of: tuple[int, str] = (0, "")
        """The operator's name for what it last told this process, and the leadership (0: standby) it was told in."""
        self._sharing = Sharing(
            chosen.settings.redis / "url",
            chosen.account,
            self._seen,
            lambda: (chosen.settings.pod.name, self.begins_with, code_digest()),
        )
        self._doors = doors
        self._heard: HeardWatch | None = None
        self._trail = LiveTrail(Audit(self), self.name, self.snapshot, self._permission)
        self._desk: DeskWatch | None = None
        self._footing: Footing | None = None
        """None where nothing is traded on paper."""
        self._carried = Carried()
        self._patient = patient
        self._stopping = asyncio.Event()
        self._turned_at = machine_time()

    @property
    def engine(self) -> TradingEngine[EngineState] | None:
        """The engine, once there is one."""
        return self.assembled.engine if self.assembled is not None else None

    @property
    def begins_with(self) -> str:
        """Hash of the configuration that the next leadership of this process would begin with."""
        carried = self._carried.begins_with
        if self.engine is not None:
            return self.engine.begins_with.config_hash
        return carried.config_hash if carried is not None else self.chosen.settings.session.config.hash

    @property
    def name(self) -> str:
        """The pod's; the host's by hand."""
        return self.chosen.settings.pod.name

    @property
    def store(self) -> SqlStore | None:
        """The database of the account, once it is connected."""
        return self.assembled.store if self.assembled is not None else None

    @property
    def exit_code(self) -> int:
        """0 stopped, 2 bad input, 70 and 75 as `Ending` says."""
        if self.failure is not None:
            return 2
        return self.ending.exit_code if self.ending is not None else 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block ends, then stop in order."""
        task = asyncio.create_task(self._run(), name="trader")
        try:
            yield
        finally:
            self.stop()
            done, _ = await asyncio.wait({task}, timeout=STOP_SECONDS)
            if not done:
                log.error("stop_timed_out", seconds=STOP_SECONDS)
                task.cancel()
                await asyncio.wait({task}, timeout=1)

    def stop(self) -> None:
        """End as planned; a second call does nothing more."""
        self._trail.look()  # new risk that began since the last look is on record, too
        self._stopping.set()
        if self.engine is not None:
            self.engine.stop()

    async def _run(self) -> None:
        try:
            while await self._live():
                pass
        except (ConfigInvalid, Unready) as error:
            self.failure = error
        except Exception as error:  # the top frame: nothing above would say it
            self.telemetry.failed("process", error)
            self.ending = Ending.FAILED
        finally:
            if self._desk is not None:
                self._desk.close()
            self.ended.set()

    async def _live(self) -> bool:
        """One engine from its first task to its last; True when another one, on the other footing, shall follow."""
        async with contextlib.AsyncExitStack() as closing:
            self.assembled = assembled = await self._assemble(closing)
            if assembled is None:
                self.ending = Ending.STOPPED
                return False
            changing = asyncio.create_task(self._change(assembled), name="footing")
            beside = {asyncio.create_task(work, name=name) for name, work in self._beside(assembled).items()}
            try:
                self.ending = await assembled.engine.run()
            finally:
                is_changing = changing.done() and not self._stopping.is_set()
                for task in (changing, *beside):
                    task.cancel()
                await asyncio.wait({changing, *beside})
                await self._trail.settle()
            if not changing.cancelled() and (error := changing.exception()) is not None:
                raise error
            if not is_changing or self.ending is not Ending.STOPPED:
                return False
            self._carried = Carried(
                assembled.engine.begins_with, self._carried.is_promoted or assembled.engine.is_promoted
            )
            self.message, self.assembled = "changing between the account and paper", None
            self._turned_at = machine_time()
        return True

    def _beside(self, assembled: Assembled) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs as long as an engine does, by name."""
        engine, clock, settings = assembled.engine, assembled.clock, self.chosen.settings
        notifier = Notifier(AppriseDesk(settings.notifications / "urls"), settings.session.session.name, time.monotonic)
        return {
            "collector": collect_at_rest(),
            "flattening": time_flattening(engine.snapshot, clock, self.telemetry),
            "housekeeping": keep_house(engine, assembled.store, self.chosen.account),
            "live-trail": self._trail.follow(),
            "desk-watch": watch(self._picture, notifier.tell),
            "desk": notifier.run(),
            "ledger": self.telemetry.ledger.keep(engine.snapshot, self.chosen.calendar, clock),
            "sharing": self._sharing.run(lambda: engine.is_leader, self.state),
        }

    async def _change(self, assembled: Assembled) -> None:
        """Stop this engine when the other footing is due."""
        if self._footing is None:
            await asyncio.Event().wait()
            return
        why = await self._footing.until_it_changes(assembled.engine.snapshot, on_paper=assembled.on_paper)
        log.warning("footing_changes", on_paper=not assembled.on_paper, reason=why)
        assembled.engine.stop()

    async def _assemble(self, closing: contextlib.AsyncExitStack) -> Assembled | None:
        """Try until it works; None when asked to stop before."""
        doors = self._doors()
        if self._heard is None and doors.watch is not None:
            self._heard = HeardWatch(doors.watch)
            if self.chosen.paper is not None:
                self._desk = DeskWatch(self._heard)
                self._desk.start()
        doors = replace(doors, watch=self._heard)
        while not self._stopping.is_set():
            async with contextlib.AsyncExitStack() as attempt:
                try:
                    assembled = await self._assemble_once(doors, attempt)
                except Unready as unready:
                    if not self._patient:
                        raise
                    if self.message != str(unready):
                        log.warning("not_ready", reason=str(unready))
                    self.message = str(unready)
                else:
                    closing.push_async_exit(attempt.pop_all())
                    self.message = ""
                    return assembled
            self._turned_at = machine_time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)
        return None

    async def _assemble_once(self, doors: Doors, closing: contextlib.AsyncExitStack) -> Assembled:
        stores = await open_stores(self.chosen, closing)
        chosen = Chosen(self.chosen, stores, self._carried)
        if self._desk is not None:
            self._footing = Footing(self.chosen, stores, self._desk)
            try:
                on_paper = await self._footing.choose()
            except StoreAway as away:
                raise Unready(f"the database does not answer: {away}") from away
            chosen = replace(chosen, on_paper=on_paper, may_lead=self._footing.may_lead_on_paper)
            doors = replace(doors, watch=self._desk.for_engine(on_paper=on_paper))
        return await assemble(chosen, doors, self.telemetry, self._sharing, closing)

    def _picture(self) -> Picture | None:
        assembled = self.assembled
        if assembled is None:
            return None
        at = assembled.clock.market_time()
        lines = {line.name: line for line in assembled.preflight.lines}
        token = lines.get(TOKEN_LINE)
        return Picture(
            snapshot=assembled.engine.snapshot(),
            market_time=at,
            is_trading_day=self.chosen.calendar.session_at(at).phase is not Phase.CLOSED,
            token_problem="" if token is None or token.passed else token.detail,
            red=tuple(line.name for line in lines.values() if not line.passed),
        )

    def _permission(self) -> Permission:
        return self._heard.permission if self._heard is not None else Permission()

    def _token_stored(self, token: Token) -> None:
        if self.assembled is not None and self.assembled.session is not None:
            self.assembled.session.accept(token)

    def _seen(self, leader_state: dict[str, Any]) -> None:
        """A standby does not ask the simulator for the time: its leader tells."""
        clock = self.assembled.clock if self.assembled is not None else None
        told = leader_state.get("marketTime")
        if isinstance(clock, KitesimClock) and isinstance(told, int):
            clock.estimate(MarketTime(told))

    # --- what the outside asks ---

    async def request_kill(self, reason: KillReason, note: str, by: str) -> str:
        """Kill now; the id of the kill that stands. Before there is an engine it is kept on disk, and is its first act."""
        if self.engine is not None:
            return await self.engine.request_kill(reason, note, by)
        journal = EmergencyJournal(self.chosen.settings.emergency_directory)
        if standing := journal.kills():
            return standing[-1].kill_id
        kill = KillRow(f"kill-{secrets.token_hex(4)}", reason, note, by, MarketTime(time.time_ns()))
        journal.write_kill(kill)
        log.warning("kill_kept_for_the_engine", kill_id=kill.kill_id, by=by, note=note)
        return kill.kill_id

    def snapshot(self) -> Snapshot | None:
        """The engine's, once there is one."""
        return self.engine.snapshot() if self.engine is not None else None

    def readiness(self) -> tuple[bool, str]:
        """Warm: the database was reached and replayed or read, leading or standing by."""
        return self.engine.readiness() if self.engine is not None else (False, self.message)

    def liveness(self) -> tuple[bool, str]:
        """Before the engine: the patient wait still turns. Lenient, for a restart helps nobody who waits."""
        if self.engine is not None:
            return self.engine.liveness()
        return (machine_time() - self._turned_at) / 1e9 < STILL_SECONDS + RETRY_SECONDS, self.message

    def state(self) -> dict[str, Any]:
        """`/v1/state`; on a standby `leader` is the leader's, where Redis shows it."""
        settings = self.chosen.settings
        shown = showing.Shown(
            session=settings.session.session.name,
            pod=settings.pod.name,
            config_hash=settings.session.config.hash,
            market_time=self.assembled.clock.market_time() if self.assembled is not None else None,
            message=self.message,
        )
        return showing.state(shown, self.snapshot()) | {
            "leader": self._sharing.leader_state,
            "preflight": [asdict(each) for each in self.assembled.preflight.lines]
            if self.assembled is not None
            else [],
        }
