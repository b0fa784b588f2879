"""From the kill until the broker's book proves us flat: five open legs, a broker 200 ms away, ten orders a second.

`KILL_RUNS` says how often. Without Redis it is black-holed (SIGSTOP) at the moment of the kill, and the minute's budget is nearly
spent: the profile allows hardly more calls a minute than opening and closing five legs take; each such run waits for a new minute.
"""

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path

from ops.bench.figures import Figure
from ops.bench.trading_rig import Rig, p95, rig
from tests.component.trader.redis_server import running_redis
from trader.domain.values import KillReason

ROUND_TRIP_SECONDS = 0.2
RUNS = int(os.environ.get("KILL_RUNS", "100"))
RUNS_WITHOUT_REDIS = int(os.environ.get("KILL_RUNS_WITHOUT_REDIS", "10"))
RUN_SECONDS = 5.5
"""A run takes 25 calls, and entries may use 300 a minute: faster, and the budget would refuse the next run's."""
SPENT_PER_MINUTE = 44
"""Five brackets take 15 calls, and the guard FLATTEN_BUDGET wants 20 to be left when the fifth enters."""


def measure() -> dict[str, Figure]:
    """With Redis there, and without."""
    with tempfile.TemporaryDirectory() as directory:
        plain = asyncio.run(_plain(Path(directory)))
    with tempfile.TemporaryDirectory() as directory:
        away = asyncio.run(_without_redis(Path(directory)))
    return {
        "kill_flat_p95_s": Figure(p95(plain), "s", None, plain, "<= 2"),
        "kill_flat_no_redis_p95_s": Figure(p95(away), "s", None, away, "<= 2"),
    }


async def _plain(directory: Path) -> list[float]:
    taken = []
    async with rig(directory, ROUND_TRIP_SECONDS) as bench:
        for number in range(RUNS):
            begun = time.monotonic()
            taken.append(await _once(bench, f"run{number}"))
            await asyncio.sleep(max(0.0, begun + RUN_SECONDS - time.monotonic()))
    return taken


async def _without_redis(directory: Path) -> list[float]:
    with running_redis(directory) as (process, url):
        taken = []
        async with rig(directory, ROUND_TRIP_SECONDS, per_minute=SPENT_PER_MINUTE, redis_url=url) as bench:
            for number in range(RUNS_WITHOUT_REDIS):
                begun = time.monotonic()
                await bench.open_all(f"run{number}")
                process.send_signal(signal.SIGSTOP)
                try:
                    taken.append(await _kill(bench))
                finally:
                    process.send_signal(signal.SIGCONT)
                if number + 1 < RUNS_WITHOUT_REDIS:
                    await asyncio.sleep(max(0.0, begun + 62 - time.monotonic()))
        return taken


async def _once(bench: Rig, name: str) -> float:
    await bench.open_all(name)
    await asyncio.sleep(1.1)  # the opening's calls have left the second's window, as on any day
    return await _kill(bench)


async def _kill(bench: Rig) -> float:
    began = time.perf_counter()
    kill = await bench.engine.request_kill(KillReason.MANUAL, "bench", "bench")
    ended = await bench.until("flat", lambda view: view.is_flat and view.kill is not None)
    await bench.engine.release_kill(kill)
    await bench.live()
    return ended - began
