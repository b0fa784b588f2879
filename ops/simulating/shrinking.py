"""Fewer troubles that still break the same promise: what is left is what it takes."""

from collections.abc import Callable
from dataclasses import replace

from ops.simulating.running import Result, run
from ops.simulating.schedules import Schedule


def shrink(result: Result, tries: int = 200, rerun: Callable[[Schedule], Result] = run) -> Result:
    """Leave out halves of the troubles, then single ones, then end the storm earlier, while a promise that broke still breaks."""
    promises = set(result.violations)
    left = tries

    def still_breaks(schedule: Schedule) -> Result | None:
        nonlocal left
        left -= 1
        again = rerun(schedule)
        return again if promises & set(again.violations) else None

    size = max(1, len(result.schedule.troubles) // 2)
    while size and left > 0:
        start = 0
        while start < len(result.schedule.troubles) and left > 0:
            troubles = result.schedule.troubles
            fewer = still_breaks(replace(result.schedule, troubles=troubles[:start] + troubles[start + size :]))
            if fewer is not None:
                result = fewer
            else:
                start += size
        size //= 2
    for part in (0.25, 0.5, 0.75):
        shorter = replace(result.schedule, storm_seconds=result.schedule.storm_seconds * part)
        if left > 0 and (found := still_breaks(shorter)) is not None:
            return found
    return result
