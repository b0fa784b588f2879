"""From the SIGKILL of a LIVE trader until the next one has reconciled with the broker and may trade, 5,000 facts in the journal.

The real program in processes of its own (`trader run` by hand), a real PostgreSQL, kitesim at zero latency. `restart_reconciled_s`:
the engine's process is killed, as a crash would, once its spare waits; `restart_cold_s`: the whole program is killed and started
again, and the interpreter's start and all imports count. `RESTART_RUNS` says how often.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from ops.bench.figures import Figure
from ops.bench.trading_rig import ACCOUNT, PROFILE, exchange, p95
from tests.component.trader.postgres_server import running_server
from trader.adapters.sql.store import SqlStore
from trader.app.supervising import ENGINE_NAME, SPARE_NAME
from trader.domain.records import BracketClosed, BracketPlanned, OrderChanged, OrderPlanned, Record
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import (
    AccountId,
    Epoch,
    InstrumentKey,
    IntentId,
    Leg,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)

RUNS = int(os.environ.get("RESTART_RUNS", "5"))
FACTS, FACTS_A_BRACKET, BATCH = 5_000, 4, 500
INSTRUMENT = InstrumentKey("NFO:NIFTY26NOVFUT")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def measure() -> dict[str, Figure]:
    """Kill and start again, some times."""
    with tempfile.TemporaryDirectory() as directory:
        warm, cold = asyncio.run(_measure(Path(directory)))
    return {
        "restart_reconciled_s": Figure(p95(warm), "s", None, warm, "<= 3"),
        "restart_cold_s": Figure(p95(cold), "s", None, cold),
    }


async def _measure(directory: Path) -> tuple[list[float], list[float]]:
    """Seconds after the engine's death, and after that of the whole program and a start by hand."""
    rates = {"per_second": 10, "per_minute": 400, "per_day": 5000}
    instruments = {"underlyings": ["NIFTY"], "kinds": ["FUT"]}
    (directory / "profile.yaml").write_text(yaml.safe_dump(PROFILE | {"instruments": instruments, "order_rate": rates}))
    warm, cold = [], []
    with running_server() as address:
        url = f"postgresql://postgres@{address}/postgres"
        async with exchange(0.0) as broker:
            async with _trader(directory, url, broker) as process:
                shown = await _live(directory, 0)
                process.send_signal(signal.SIGINT)
                await process.wait()
            await _fill(url, MarketTime(shown["marketTime"]))
            for run in range(RUNS + 1):
                began = time.perf_counter()
                async with _trader(directory, url, broker) as process:
                    shown = await _live(directory, shown["epoch"])
                    if run:  # before the first one nothing was killed
                        cold.append(time.perf_counter() - began)
                    if run < RUNS:
                        engine = await _engine_with_spare(process.pid)
                        began = time.perf_counter()
                        os.kill(engine, signal.SIGKILL)
                        shown = await _live(directory, shown["epoch"])
                        warm.append(time.perf_counter() - began)
                    process.kill()
                    await process.wait()
    return warm, cold


async def _engine_with_spare(supervising: int) -> int:
    """The LIVE trader's process, as soon as its spare waits beside it: from some ten seconds after its start on."""
    async with asyncio.timeout(120):
        while SPARE_NAME not in (found := _children(supervising)):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.1)
    return found[ENGINE_NAME]


def _children(number: int) -> dict[str, int]:
    """A process's children by name."""
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return {Path(f"/proc/{each}/comm").read_text().strip(): int(each) for each in children}


@asynccontextmanager
async def _trader(directory: Path, database: str, broker: str) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = ["run", "--config", str(directory / "profile.yaml"), "--state-directory", str(directory)]
    arguments += ["--database", database, "--broker", broker, "--account", ACCOUNT]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("trader"), *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _live(directory: Path, above_epoch: int) -> dict[str, Any]:
    """The first state of a newer epoch that is LIVE."""
    async with asyncio.timeout(120), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                address = (directory / "http.url").read_text().strip()
                bearer = (directory / "credentials" / "api_token").read_text().strip()
                reply = await http.get(f"{address}/v1/state", headers={"Authorization": f"Bearer {bearer}"})
                shown: dict[str, Any] = reply.raise_for_status().json()
                if shown["epoch"] > above_epoch and shown["tradingState"] == "LIVE":
                    return shown
            except (OSError, httpx.HTTPError):
                pass
            await asyncio.sleep(0.02)


async def _fill(url: str, at: MarketTime) -> None:
    """Facts of brackets that opened and closed today, as a busy morning leaves them."""
    store = SqlStore(url, AccountId(ACCOUNT))
    epoch = await store.take_epoch(AccountId(ACCOUNT), "bench", Epoch(0))
    facts = [fact for number in range(FACTS // FACTS_A_BRACKET) for fact in _bracket(number, epoch, at)]
    for batch, start in enumerate(range(0, len(facts), BATCH), 1):
        await store.commit(epoch, "bench", batch, facts[start : start + BATCH], ())
    store.close()


def _bracket(number: int, epoch: Epoch, at: MarketTime) -> Sequence[Record]:
    """An entry that was refused: planned, sent, answered, closed."""
    name, rest = "", number
    for _ in range(8):
        rest, digit = divmod(rest, 32)
        name = _DIGITS[digit] + name
    intent, price = IntentId(name), Paise(2_400_000)
    tag = encode_tag(TagParts(epoch, intent, Leg.ENTRY, 1))
    quantity, nothing = Quantity(65), Paise(0)
    return (
        BracketPlanned(
            market_time=at,
            intent=intent,
            trading_date="",
            strategy="signal-intake",
            signal_key=SignalKey(f"bench-{number}"),
            instrument=INSTRUMENT,
            side=Side.BUY,
            quantity=quantity,
            product=Product.MIS,
            entry_price=price,
            stop_price=Paise(2_390_000),
            target_price=Paise(2_410_000),
        ),
        OrderPlanned(
            market_time=at,
            tag=tag,
            intent=intent,
            leg=Leg.ENTRY,
            attempt=1,
            epoch=epoch,
            instrument=INSTRUMENT,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            product=Product.MIS,
            quantity=quantity,
            price=price,
            trigger_price=nothing,
        ),
        OrderChanged(
            market_time=at,
            tag=tag,
            status=OrderStatus.REJECTED,
            order_id=None,
            quantity=quantity,
            filled_quantity=Quantity(0),
            average_price=nothing,
            price=price,
            trigger_price=nothing,
            modifications=0,
            message="refused",
        ),
        BracketClosed(market_time=at, intent=intent, reason="entry refused", profit=nothing),
    )
