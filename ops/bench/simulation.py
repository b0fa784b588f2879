"""How fast the simulation runs on one core: whole market hours, and short schedules.

CPU seconds, not the clock's: what else runs on the machine shall not count. Warm, garbage collected as in the campaign.
"""

from statistics import median

from ops.bench.figures import Figure
from ops.simulating.many import run_chunk

HOURS = 3
SHORT = 300
ROUNDS = 3
FIRST = 50_000
"""The seeds are fixed: the same schedules each time."""


def measure() -> dict[str, Figure]:
    """CPU seconds of a market hour, and short schedules a second and core."""
    run_chunk("short", FIRST, 20)
    hours = [run_chunk("hour", FIRST + number, 1).cpu_seconds for number in range(HOURS)]
    rates = [SHORT / run_chunk("short", FIRST, SHORT).cpu_seconds for _ in range(ROUNDS)]
    return {
        "sim_market_hour_s": Figure(median(hours), "s", None, [round(each, 2) for each in hours], "<= 2"),
        "sim_short_per_s": Figure(median(rates), "schedules/s", None, [round(each, 1) for each in rates], ">= 60"),
    }
