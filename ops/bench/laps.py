"""One process of the step benchmark: warms up, keeps the collector, then runs laps whenever it is told a number.

Standard library only: the peers' environment runs this module too.
"""

import gc
import json
import os
import resource
import sys
from collections.abc import Callable

INSTRUMENTS = 5
"""How many instruments the quotes go round."""
WARM = 500
_COLLECT_EVERY = 50
_YOUNG_LIMIT = 100_000
"""Of `trader.app.collecting`: here for both sides, and the collector's work between laps for both as well."""

Lap = Callable[[int], int]
"""Runs the lap of this number and says how many nanoseconds its measured part took."""


def price_cents(number: int) -> int:
    """The price of a lap's quote: a small saw-tooth that both sides see alike."""
    return 20_000 + number // INSTRUMENTS % 50 * 10


def answer(lap: Lap) -> None:
    """Read a number of laps a line, run them, and print what each took as one line of JSON.

    A lap during which the kernel took the core away (another process of the machine ran) measures that process; it is left out, on
    both sides alike, and counted.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    number = 0
    for number in range(WARM):
        lap(number)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_LIMIT)
    for line in sys.stdin:
        taken, disturbed = [], 0
        for _ in range(int(line)):
            number += 1
            if number % _COLLECT_EVERY == 0:
                gc.collect(1)
            switches = _switches()
            nanoseconds = lap(number)
            if _switches() == switches:
                taken.append(nanoseconds)
            else:
                disturbed += 1
        print(json.dumps({"taken": taken, "disturbed": disturbed}), flush=True)


def _switches() -> int:
    """How often the kernel has taken the core away from this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
