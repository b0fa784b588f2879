"""The whole trader in this process, on a real PostgreSQL, against kitesim in a process of its own, with a network in between.

The network delays every byte by half the round trip in each direction: orders, reads and the stream alike. Nothing of the trader
is replaced; what is measured is heard from its telemetry and its gate, which it calls anyway.
"""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

import httpx

from kitesim.config import Latencies, SimulatorConfig
from kitesim.server import start
from tests.component.trader.postgres_server import running_server
from trader.adapters.local_lease import LocalLease
from trader.adapters.sql.migrating import upgrade
from trader.app import logging
from trader.app.by_hand import Wanted, _settings
from trader.app.desk import LocalDesk
from trader.app.login import FileKeeper
from trader.app.process import TraderProcess
from trader.app.profiles import Profile
from trader.app.telemetry import TraderTelemetry
from trader.app.wiring import Doors, plan
from trader.domain.events import EntrySignal
from trader.domain.instruments import Instrument
from trader.domain.signal_intake import NAME
from trader.domain.values import Paise, Side, SignalKey, SignalVerdict, TradingState
from trader.domain.views import StateView
from trader.engine.gate import OrderGate
from trader.engine.ports import Permit

UNDERLYINGS = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "SENSEX")
ACCOUNT = "AB1234"
PROFILE = {
    "name": "bench",
    "per_trade_risk": 0.00012,
    "max_heat": 0.02,
    "max_daily_loss": 0.02,
    "instruments": {"underlyings": UNDERLYINGS, "kinds": ("FUT",)},
    "heartbeats": {"market_data_seconds": 5, "order_stream_seconds": 5},
    "strategies": {NAME: {}},
}
LOOK_SECONDS = 0.01


class Recorder(TraderTelemetry):
    """The trader's own telemetry, and a list of what it was told."""

    def __init__(self) -> None:
        super().__init__("bench", "0", "bench")
        self.acks: list[float] = []
        self.commits: list[tuple[float, float]] = []
        """When each commit ended (perf_counter), and how long it took."""

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        """Keep placements that were accepted."""
        super().performed(operation, outcome, seconds)
        if (operation, outcome) == ("place", "accepted"):
            self.acks.append(seconds)

    def committed(self, outcome: str, seconds: float) -> None:
        """Keep each."""
        super().committed(outcome, seconds)
        self.commits.append((time.perf_counter(), seconds))


@dataclass
class Rig:
    """A LIVE trader and the instruments that it may trade."""

    process: TraderProcess
    telemetry: Recorder
    instruments: Sequence[Instrument]
    written: list[tuple[float, Permit]] = field(default_factory=list)
    """When each order passed the gate: the next thing is the write."""

    @property
    def engine(self) -> Any:
        """Of the process."""
        assert self.process.engine is not None
        return self.process.engine

    def view(self) -> StateView | None:
        """What the engine shows now."""
        snapshot = self.process.snapshot()
        return snapshot.view if snapshot is not None else None

    async def until(self, what: str, holds: Callable[[StateView], bool], seconds: float = 60) -> float:
        """The moment (perf_counter) when this held of the view."""
        deadline = time.monotonic() + seconds
        while True:
            view = self.view()
            if view is not None and holds(view):
                return time.perf_counter()
            if time.monotonic() > deadline:
                shown = view and (view.trading_state, view.message, view.brackets)
                raise RuntimeError(f"{what} did not happen within {seconds:g} s: {shown}")
            await asyncio.sleep(LOOK_SECONDS)

    async def live(self) -> None:
        """Wait until new risk is allowed."""
        await self.until("LIVE", lambda view: view.trading_state is TradingState.LIVE)

    async def enter(self, instrument: Instrument, name: str) -> bool:
        """Bring one signal: a lot or a few, with a stop far away; whether it entered."""
        middle = (instrument.lower_circuit + instrument.upper_circuit) // 2
        signal = EntrySignal(
            key=SignalKey(name),
            instrument=instrument.key,
            side=Side.BUY,
            entry_price=None,
            stop_price=Paise(middle * 995 // 1000 // 100 * 100),
            target_price=Paise(middle * 1005 // 1000 // 100 * 100),
            trail_distance=Paise(0),
            trail_step=Paise(0),
        )
        answer = await self.engine.take_signal(NAME, signal)
        return bool(answer.verdict is SignalVerdict.ENTERED)

    async def open_all(self, name: str) -> None:
        """Hold one protected bracket in each instrument."""
        for instrument in self.instruments:
            for attempt in range(200):
                if await self.enter(instrument, f"{name}-{instrument.underlying}-{attempt}"):
                    break
                await asyncio.sleep(0.1)
        await self.until("five protected legs", self._all_protected)

    def _all_protected(self, view: StateView) -> bool:
        protected = [
            each for each in view.brackets if each.held and each.state == "protected" and each.stop and each.target
        ]
        return len(protected) == len(self.instruments) and not view.in_doubt_orders


@asynccontextmanager
async def rig(
    directory: Path, round_trip_seconds: float, *, per_minute: int = 400, redis_url: str | None = None
) -> AsyncIterator[Rig]:
    """Everything up and LIVE while the block runs."""
    with logging.by_hand(directory / "trader.log"), running_server() as database:
        url = f"postgresql://postgres@{database}/postgres"
        await asyncio.to_thread(upgrade, url)
        async with exchange(round_trip_seconds) as broker:
            if redis_url is not None:
                (directory / "redis").mkdir()
                (directory / "redis" / "url").write_text(redis_url)
            async with _trader(directory, url, broker, per_minute) as running:
                yield running


def profile(per_minute: int = 400) -> Profile:
    """Kite's own rates, and room for five legs."""
    rates = {"per_second": 10, "per_minute": per_minute, "per_day": 5000}
    return Profile.model_validate(PROFILE | {"order_rate": rates})


@asynccontextmanager
async def _trader(directory: Path, database: str, broker: str, per_minute: int) -> AsyncIterator[Rig]:
    written = directory / "profile.yaml"
    written.write_text(profile(per_minute).model_dump_json())  # JSON is YAML; its hash names the configuration
    wanted = Wanted(written, directory, database, broker, ACCOUNT, 1, 1.0, 0.0, None, None, "")
    settings = _settings(wanted, profile(per_minute), broker, "ws" + broker.removeprefix("http"))
    telemetry = Recorder()
    lease = LocalLease(directory / "lease.lock")
    process = TraderProcess(
        plan(settings),
        lambda: Doors(lease=lease, watch=LocalDesk(), end_process=None, live=True),
        telemetry,
        patient=False,
        keeper=FileKeeper(settings.credentials),
    )
    async with process.running():
        while process.assembled is None:
            if process.failure is not None:
                raise process.failure
            await asyncio.sleep(LOOK_SECONDS)
        ports = process.assembled.engine._ports
        instruments = await ports.broker.instruments(UNDERLYINGS, ("FUT",))
        assert len(instruments) == len(UNDERLYINGS), instruments
        running = Rig(process, telemetry, instruments)
        _listen(ports.gate, running.written)
        await _hold_prices(broker, instruments)
        await running.live()
        yield running


def _listen(gate: OrderGate, written: list[tuple[float, Permit]]) -> None:
    """Note when an order passes the gate."""
    check = gate.check

    def noted(permit: Permit) -> None:
        check(permit)
        written.append((time.perf_counter(), permit))

    gate.check = noted  # type: ignore[method-assign]


async def _hold_prices(broker: str, instruments: Sequence[Instrument]) -> None:
    """No stop is to be hit while we measure."""
    async with httpx.AsyncClient(base_url=broker, trust_env=False) as http:
        for each in instruments:
            price = (each.lower_circuit + each.upper_circuit) // 2 // 100
            body = {"instrument": each.key, "price": price, "hold_seconds": 86_400}
            (await http.post("/sim/price", json=body)).raise_for_status()


@asynccontextmanager
async def exchange(round_trip_seconds: float) -> AsyncIterator[str]:
    """kitesim behind a slow network, in a process of its own; the address to use."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, round_trip_seconds), daemon=True)
    process.start()
    try:
        yield await asyncio.to_thread(here.recv)
    finally:
        here.send("end")
        await asyncio.to_thread(process.join, 10)
        if process.is_alive():
            process.kill()


def _serve(pipe: Connection, round_trip_seconds: float) -> None:
    async def serve() -> None:
        running = await start(SimulatorConfig(port=0, seed=7, funds=100_000_000, latencies=Latencies.none()))
        target = urlsplit(running.url)
        assert target.port is not None

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            onward = await asyncio.open_connection("127.0.0.1", target.port)
            with contextlib.suppress(asyncio.CancelledError):  # the end of the run: asyncio would print it as a failure
                await asyncio.gather(
                    _pump(reader, onward[1], round_trip_seconds / 2), _pump(onward[0], writer, round_trip_seconds / 2)
                )

        network = await asyncio.start_server(carry, "127.0.0.1", 0)
        pipe.send(f"http://127.0.0.1:{network.sockets[0].getsockname()[1]}")
        await asyncio.to_thread(pipe.poll, None)
        network.close()
        await running.stop()

    asyncio.run(serve())


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass bytes on after their delay, in order, however many are on the way."""
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(65_536):
            if seconds:
                loop.call_later(seconds, writer.write, data)
            else:
                writer.write(data)
    except OSError:
        pass
    loop.call_later(seconds, writer.close)


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[18] if len(values) > 1 else values[0]
