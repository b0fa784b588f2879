"""From the decision's event to the first byte on the wire, less that order's own durable commit; kitesim at zero latency.

The event is a signal brought to the running engine (a quote takes the same road: inbox, step, guards, commit, sender, gate).
Each entry is alone in the engine, so its commit is the one that ended last before it passed the gate.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from ops.bench.figures import Figure
from ops.bench.trading_rig import Rig, p95, rig
from trader.domain.values import KillReason

ROUNDS = int(os.environ.get("WIRE_ROUNDS", "20"))


def measure() -> dict[str, Figure]:
    """Entries one at a time, then a kill that closes them, and again."""
    with tempfile.TemporaryDirectory() as directory:
        over = asyncio.run(_rounds(Path(directory)))
    milliseconds = [each * 1000 for each in over]
    return {"wire_over_commit_p95_ms": Figure(p95(milliseconds), "ms", None, milliseconds, "<= 1")}


async def _rounds(directory: Path) -> list[float]:
    over: list[float] = []
    async with rig(directory, 0.0) as bench:
        for number in range(ROUNDS):
            for instrument in bench.instruments:
                over.extend(await _one(bench, f"{number}-{instrument.underlying}", bench.instruments.index(instrument)))
            kill = await bench.engine.request_kill(KillReason.MANUAL, "bench", "bench")
            await bench.until("flat", lambda view: view.is_flat)
            await bench.engine.release_kill(kill)
            await bench.live()
    return over


async def _one(bench: Rig, name: str, index: int) -> list[float]:
    """One entry with nothing else under way; nothing when a guard denied it."""
    await asyncio.sleep(0.6)
    bench.written.clear()
    began = time.perf_counter()
    if not await bench.enter(bench.instruments[index], name):
        return []
    entries = [at for at, permit in bench.written if permit.adds_risk]
    while not entries:
        await asyncio.sleep(0.001)
        entries = [at for at, permit in bench.written if permit.adds_risk]
    written = entries[0]
    commit = next(seconds for ended, seconds in reversed(bench.telemetry.commits) if began < ended <= written)
    return [written - began - commit]
