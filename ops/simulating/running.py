"""Runs one schedule to its end and judges it."""

import hashlib
import logging
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ops.simulating.healing import converge, kill_and_wait
from ops.simulating.schedules import Schedule
from ops.simulating.verdicts import judge
from ops.simulating.world import World

MEMORY = Path("/dev/shm")  # noqa: S108 - emergency journals are synced often; only their order matters here


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a schedule."""

    schedule: Schedule
    digest: str
    events: int
    seconds: float
    """True time of the world that passed."""
    violations: dict[str, list[str]]
    reached: Counter[str] = field(default_factory=Counter)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        return not self.violations


def quiet() -> None:
    """No log lines: the history says more, and a million schedules would say too much."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True
    )


def run(schedule: Schedule) -> Result:
    """The whole course: storm, healing, verdicts."""
    directory = Path(tempfile.mkdtemp(prefix="sim-", dir=MEMORY if MEMORY.is_dir() else None))
    world = World(schedule, directory)
    try:
        world.begin()
        world.run(schedule.storm_seconds)
        world.heal()
        converge(world)
        killed_at = kill_and_wait(world) if schedule.kills_after_healing else None
        violations = judge(world, killed_at)
        seconds = world.scheduler.now / 1e9
        return Result(schedule, digest(world), world.events, seconds, violations, world.reached, world.history)
    finally:
        world.end()


def digest(world: World) -> str:
    """One name for the whole course."""
    text = repr((world.history, sorted(world.reached.items()), world.events, world.scheduler.now))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
