"""The garbage collector works while nobody waits for it.

Its pauses would fall where allocations are: between a quote and its order. What a step makes is freed by reference counts; cycles
come from tasks and exceptions, and can wait for a tenth of a second. So what start-up made is set aside for good, automatic
collection is put off to a bound that only a burst can reach, and a companion of the loop collects between its turns.
Measured by `make bench ONLY=step`, whose laps keep the collector in the same way on both sides.
"""

import asyncio
import gc
from typing import Final

AT_REST_SECONDS: Final = 0.1
YOUNG_LIMIT: Final = 100_000
"""Allocations after which Python collects by itself after all."""
_MIDDLE_EVERY, _ALL_EVERY = 10, 3_000
"""Turns of the companion: the middle generation each second, everything each five minutes."""


async def collect_at_rest() -> None:
    """Keep the collector until cancelled; then all is as it was before."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_LIMIT, *before[1:])
    turn = 0
    try:
        while True:
            await asyncio.sleep(AT_REST_SECONDS)
            turn += 1
            gc.collect(generation_due(turn))
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def generation_due(turn: int) -> int:
    """The oldest generation that this turn of the companion looks at."""
    if turn % _ALL_EVERY == 0:
        return 2
    return 1 if turn % _MIDDLE_EVERY == 0 else 0
