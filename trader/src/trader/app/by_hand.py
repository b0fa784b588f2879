"""A run by hand: the same engine on SQLite, with an exchange of its own unless it is told of another one."""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trader.adapters.local_lease import LocalLease
from trader.adapters.sql.migrating import upgrade
from trader.app.access import TokenFile, make_token_file
from trader.app.desk import LocalDesk
from trader.app.documents import ConfigInvalid, load
from trader.app.login import FileKeeper
from trader.app.process import TraderProcess
from trader.app.profiles import Profile
from trader.app.running import run_with_api
from trader.app.settings import (
    Account,
    BrokerAddress,
    CalendarChoice,
    ConfigReference,
    Lease,
    Pod,
    SessionFile,
    SessionReference,
    Settings,
    StrategyChoice,
    hash_of,
)
from trader.app.status import StatusLine
from trader.app.wiring import Doors, make_telemetry, plan
from trader.domain.values import MarketTime, TradingState
from trader.engine.ports import LeaseAway, StoreAway

DEFAULT_STRATEGY: Final = "opening-range-breakout"
JOURNAL_FILES: Final = ("journal.db", "journal.db-wal", "journal.db-shm", "emergency")
LOOK_SECONDS: Final = 0.25
FLAT_SECONDS: Final = 20.0
"""How long a run that ends waits until its positions are closed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The flags of `trader run` by hand."""

    profile_file: Path
    state_directory: Path
    database_url: str | None
    broker_url: str | None
    account: str
    seed: int
    speed: float
    funds_rupees: float
    for_seconds: float | None
    until_brackets: int | None
    release: str


def default_state_directory(profile: str) -> Path:
    """Where a run by hand keeps its journal: the place that the XDG base directory specification names."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "trader" / profile


def load_profile(path: Path) -> Profile:
    """The profile of a run.

    Raises:
        ConfigInvalid: it cannot be used.
    """
    return load(path, Profile)


async def run_by_hand(wanted: Wanted, profile: Profile, listener: socket.socket) -> int:
    """Trade until Ctrl-C, a limit, or a failure; the exit code.

    Raises:
        ConfigInvalid: something cannot be used.
    """
    lease = _locked(wanted.state_directory)
    resume_after = _resume(wanted)
    # Before the simulated market begins to run: making a new database takes longer than a session's opening can wait.
    await _prepare(_database_url(wanted))
    async with _exchange(wanted, resume_after) as (url, stream_url):
        settings = _settings(wanted, profile, url, stream_url)
        desk = LocalDesk(wanted.release)
        chosen = plan(settings)
        process = TraderProcess(
            chosen,
            lambda: Doors(lease=lease, watch=desk, end_process=None, live=True),
            make_telemetry(settings),
            patient=False,
            keeper=FileKeeper(settings.credentials),
        )
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (wanted.state_directory / "http.url").write_text(address + "\n", encoding="utf-8")
        token_file = settings.credentials / "api_token"
        make_token_file(token_file)
        ending = _Ending(process, desk, closes_positions=wanted.broker_url is None)
        companion = asyncio.create_task(_accompany(wanted, process, ending, address), name="status")
        try:
            code = await run_with_api(process, listener, TokenFile(token_file), wind_down=ending.begin)
        finally:
            companion.cancel()
            await asyncio.wait({companion})
            _remember(wanted, process, ended_in_order=ending.left_nothing)
        if process.failure is not None:
            raise ConfigInvalid(str(process.failure).splitlines())
        if not companion.cancelled() and (error := companion.exception()) is not None:
            raise error
        return code


def _locked(directory: Path) -> LocalLease:
    """The lease of these files, before anything in them is touched.

    Raises:
        ConfigInvalid: another process trades with them, or they cannot be made.
    """
    lease = LocalLease(directory / "lease.lock")
    try:
        lease.read()
    except LeaseAway as away:
        raise ConfigInvalid([f"{away}: one process at a time; --state-directory names other files"]) from away
    except OSError as error:
        raise ConfigInvalid([f"{directory}: cannot be used: {error.strerror}"]) from error
    return lease


class _Ending:
    """How a run by hand ends: close what is open if the exchange ends with it, then stop."""

    def __init__(self, process: TraderProcess, desk: LocalDesk, *, closes_positions: bool) -> None:
        self._process = process
        self._desk = desk
        self._closes_positions = closes_positions
        self._deadline: float | None = None
        self.left_nothing = False
        """Whether everything was closed when the process was told to stop."""

    @property
    def has_begun(self) -> bool:
        """Whether the run is on its way out."""
        return self._deadline is not None

    def begin(self) -> None:
        """Ctrl-C, or a limit was reached."""
        if self._deadline is None:
            self._deadline = time.monotonic() + FLAT_SECONDS
            if self._closes_positions:
                self._desk.wind_down()

    def proceed(self) -> None:
        """Stop as soon as nothing is open, or when that takes too long: the stops stay at the broker then."""
        if self._deadline is None:
            return
        self.left_nothing = self._holds_nothing()
        if not self._closes_positions or self.left_nothing or time.monotonic() > self._deadline:
            self._process.stop()

    def _holds_nothing(self) -> bool:
        """Nothing open and nothing on its way; the engine rests once it has wound down."""
        snapshot = self._process.snapshot()
        view = snapshot.view if snapshot is not None else None
        if view is None or view.is_flat:
            return True
        is_resting = view.trading_state in {TradingState.PAPER, TradingState.CLOSED, TradingState.HALTED}
        return is_resting and not (view.brackets or view.working_orders or view.in_doubt_orders)


async def _accompany(wanted: Wanted, process: TraderProcess, ending: _Ending, address: str) -> None:
    """Show what goes on, keep the simulated time, and watch the limits."""
    started = time.monotonic()
    with StatusLine(process, address, sys.stderr) as line:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            line.show(is_ending=ending.has_begun)
            _remember(wanted, process, ended_in_order=False)
            limits = (
                wanted.for_seconds is not None and time.monotonic() - started >= wanted.for_seconds,
                wanted.until_brackets is not None and line.brackets_opened >= wanted.until_brackets,
            )
            if any(limits):
                ending.begin()
            ending.proceed()


def _resume(wanted: Wanted) -> MarketTime | None:
    """Where the simulated market stopped; sets a journal aside whose exchange is gone.

    Raises:
        ConfigInvalid: a simulation is wanted, and kitesim is not installed.
    """
    if wanted.broker_url is not None:
        return None
    try:
        from trader.app.simulation import remembered, set_aside  # noqa: PLC0415
    except ModuleNotFoundError as error:  # a pod's image comes without it
        raise ConfigInvalid(["kitesim is not installed here; install it, or name one with --broker"]) from error
    last = remembered(_memory(wanted))
    if last is not None and not last.ended_in_order and wanted.database_url is None:
        folder = set_aside(wanted.state_directory, JOURNAL_FILES, time.strftime("%Y%m%d-%H%M%S"))
        sys.stderr.write(f"the last run ended in a hurry and its exchange with it; its journal is in {folder}\n")
    return last.market_time if last is not None else None


async def _prepare(database_url: str) -> None:
    """Bring the database to the newest schema.

    Raises:
        ConfigInvalid: it cannot be reached, or its address is none.
    """
    try:
        await asyncio.to_thread(upgrade, database_url)
    except ValueError as error:
        raise ConfigInvalid([f"--database: {error}"]) from error
    except StoreAway as away:
        raise ConfigInvalid([f"the database does not answer: {away}"]) from away


@contextlib.asynccontextmanager
async def _exchange(wanted: Wanted, resume_after: MarketTime | None) -> AsyncIterator[tuple[str, str]]:
    """The exchange that was named, or one of our own for as long as the run lasts."""
    if wanted.broker_url is not None:
        root = wanted.broker_url.rstrip("/")
        yield root, "ws" + root.removeprefix("http")
        return
    from trader.app.simulation import Simulation, start_simulation  # noqa: PLC0415 - as above

    simulation = Simulation(wanted.seed, wanted.speed, wanted.funds_rupees, resume_after)
    running = await start_simulation(simulation, MarketTime(time.time_ns()))
    try:
        yield running.url, running.stream_url
    finally:
        await running.stop()


def _database_url(wanted: Wanted) -> str:
    return wanted.database_url or f"sqlite:///{wanted.state_directory / 'journal.db'}"


def _memory(wanted: Wanted) -> Path:
    return wanted.state_directory / "simulation.json"


def _remember(wanted: Wanted, process: TraderProcess, *, ended_in_order: bool) -> None:
    if wanted.broker_url is not None or process.assembled is None:
        return
    from trader.app.simulation import Memory, remember  # noqa: PLC0415 - as above

    remember(_memory(wanted), Memory(process.assembled.clock.market_time(), ended_in_order))


def _settings(wanted: Wanted, profile: Profile, url: str, stream_url: str) -> Settings:
    """The same values that the operator would give a pod."""
    session = SessionFile(
        session=SessionReference(name=profile.name, namespace="local", uid="local"),
        account=Account(id=wanted.account),
        broker=BrokerAddress.model_validate({"type": "Kitesim", "url": url, "streamURL": stream_url}),
        # Nobody competes for a local lease; its deadline still ends a process that froze.
        lease=Lease(name=f"account-{wanted.account.lower()}"),
        calendar=CalendarChoice(exchange="AlwaysOpen"),
        strategies=tuple(StrategyChoice(name=name) for name in (profile.strategies or {DEFAULT_STRATEGY: {}})),
        config=ConfigReference(stage="by-hand", profile=profile.name, hash=hash_of(wanted.profile_file)),
    )
    return Settings(
        session=session,
        profile=profile,
        pod=Pod(name=socket.gethostname(), uid="local", namespace="local", node="local"),
        credentials=wanted.state_directory / "credentials",
        database_url=_database_url(wanted),
        database=wanted.state_directory,
        redis=wanted.state_directory / "redis",
        notifications=wanted.state_directory / "notifications",
        emergency_directory=wanted.state_directory / "emergency",
        in_cluster=False,
        http_host="127.0.0.1",
        http_port=0,
    )
