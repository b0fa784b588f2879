"""How long a placement takes until it is answered by a broker 200 ms away: brackets open, are protected, are closed by a kill."""

import asyncio
import os
import tempfile
from pathlib import Path

from ops.bench.figures import Figure
from ops.bench.trading_rig import p95, rig
from trader.domain.values import KillReason

ROUND_TRIP_SECONDS = 0.2
ROUNDS = int(os.environ.get("ACK_ROUNDS", "6"))


def measure() -> dict[str, Figure]:
    """All placements of some rounds of five brackets."""
    with tempfile.TemporaryDirectory() as directory:
        acks = asyncio.run(_rounds(Path(directory)))
    milliseconds = [each * 1000 for each in acks]
    return {"order_ack_p95_ms": Figure(p95(milliseconds), "ms", None, milliseconds, "<= 250")}


async def _rounds(directory: Path) -> list[float]:
    async with rig(directory, ROUND_TRIP_SECONDS) as bench:
        for number in range(ROUNDS):
            await bench.open_all(f"ack{number}")
            kill = await bench.engine.request_kill(KillReason.MANUAL, "bench", "bench")
            await bench.until("flat", lambda view: view.is_flat)
            await bench.engine.release_kill(kill)
            await bench.live()
        return bench.telemetry.acks
