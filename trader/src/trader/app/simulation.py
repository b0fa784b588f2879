"""A simulated exchange in this very process, for a run by hand. The only module that may know kitesim.

Its market goes on where the run before it stopped: the time stands in a small file, and a run begins shortly before the next
session, so that a strategy sees its opening whole. Its books begin empty each time, which is why a run that ends in order
closes its positions first. After one that did not, the exchange that its journal speaks of is gone: the journal is set aside.
"""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kitesim import errors as kitesim_errors
from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from trader.app.documents import ConfigInvalid
from trader.domain.calendars import DAY, IST_OFFSET, MINUTE
from trader.domain.values import SECOND, MarketTime

SESSION_MINUTES: Final = 30
"""As long as a session of the always-open calendar."""
LEAD_SECONDS: Final = 4
"""Machine time from the start to the first session: enough to log in, read the book and subscribe."""
_NIGHT: Final = 23 * 60 * MINUTE
"""Nobody begins a session that midnight would cut."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a run by hand asks for."""

    seed: int
    speed: float
    funds_rupees: float
    resume_after: MarketTime | None
    """Where the market's time stopped in the run before."""


def first_moment(now: MarketTime, resume_after: MarketTime | None, speed: float) -> MarketTime:
    """When the simulated market should begin: just before the next session, never before it once stopped."""
    midnight = (now + IST_OFFSET) // DAY * DAY - IST_OFFSET
    earliest = max(midnight + (9 * 60 + 15) * MINUTE, resume_after or 0)
    if (earliest + IST_OFFSET) % DAY >= _NIGHT:
        earliest = (earliest + IST_OFFSET) // DAY * DAY - IST_OFFSET + DAY + (9 * 60 + 15) * MINUTE
    length, lead = SESSION_MINUTES * MINUTE, int(LEAD_SECONDS * speed * SECOND)
    next_session = -(-(earliest + lead + IST_OFFSET) // length) * length - IST_OFFSET
    return MarketTime(next_session - lead)


async def start_simulation(wanted: Simulation, now: MarketTime) -> RunningSimulator:
    """Start it on a free port of loopback.

    Raises:
        ConfigInvalid: what is wanted cannot be simulated.
    """
    begins = first_moment(now, wanted.resume_after, wanted.speed)
    moment = dt.datetime.fromtimestamp(begins // SECOND, dt.timezone(dt.timedelta(seconds=IST_OFFSET // SECOND)))
    try:
        config = SimulatorConfig(
            port=0,
            seed=wanted.seed,
            speed=wanted.speed,
            date=moment.date(),
            start=moment.time(),
            funds=wanted.funds_rupees,
        )
        return await start(config)
    except (ValueError, kitesim_errors.ConfigInvalid) as error:
        raise ConfigInvalid([f"simulation: {line}" for line in str(error).splitlines()]) from error


@dataclass(frozen=True, slots=True)
class Memory:
    """What the last run left behind."""

    market_time: MarketTime
    ended_in_order: bool


def remember(file: Path, memory: Memory) -> None:
    """Keep the market's time for the next run."""
    aside = file.with_suffix(".new")
    aside.write_text(
        json.dumps({"market_time_ns": memory.market_time, "ended_in_order": memory.ended_in_order}), encoding="utf-8"
    )
    aside.replace(file)


def remembered(file: Path) -> Memory | None:
    """What the last run kept; None before the first, or when a crash tore the file."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Memory(MarketTime(int(kept["market_time_ns"])), bool(kept["ended_in_order"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def set_aside(directory: Path, names: tuple[str, ...], stamp: str) -> Path:
    """Move what an earlier exchange left into a folder of its own; returns the folder."""
    target = directory / f"earlier-{stamp}"
    target.mkdir(parents=True)
    for name in names:
        found = directory / name
        if found.exists():
            found.rename(target / name)
    return target
