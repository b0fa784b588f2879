"""A schedule's course in words, line by line."""

from collections.abc import Iterator
from typing import Any

from ops.simulating.running import Result

_SILENT = frozenset({"request", "checked"})


def lines(result: Result) -> Iterator[str]:
    """The schedule, its course, and what broke."""
    schedule = result.schedule
    yield f"{schedule.kind} schedule of seed {schedule.seed}: {schedule.pods} pods, storm of {schedule.storm_seconds:.1f} s"
    for trouble in schedule.troubles:
        yield f"  trouble: {trouble}"
    for entry in result.history:
        if entry["kind"] not in _SILENT:
            yield line(entry)
    for promise, broken in result.violations.items():
        for each in broken:
            yield f"BROKEN  {promise}: {each}"
    yield f"digest {result.digest}, {result.events} events, {result.seconds:.1f} s of virtual time"


def line(entry: dict[str, Any]) -> str:
    """One entry of the history."""
    fields = " ".join(
        f"{name}={value}" for name, value in entry.items() if name not in ("kind", "machine_time_ns", "user_id")
    )
    return f"{entry['machine_time_ns'] / 1e9:10.4f}  {entry['kind']:<15} {fields}"
