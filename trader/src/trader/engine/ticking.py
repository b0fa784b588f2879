"""The engine's clock tick: ten times a second while something is under way, twice a second while the state is quiescent.

A timer of the loop and not a task that sleeps: it rings all day, and waking a task costs more than most of what a tick does.
"""

import asyncio
from collections.abc import Callable

from trader.domain.values import SECOND, MachineTime

TICK_SECONDS = 0.1
QUIET_SECONDS = 0.5
"""Nothing is due in a quiescent state but idle reads."""


class Ticker:
    """Rings until it is cancelled or a ring fails; of a ring that fails, `run` raises the reason."""

    def __init__(self, machine_time: Callable[[], MachineTime], ring: Callable[[MachineTime], float]) -> None:
        """`ring` is told when it was due, and answers how many seconds later the next one is."""
        self._machine_time = machine_time
        self._ring = ring
        self._due = MachineTime(0)
        self._timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None]
        self.is_slow = False
        """Whether the next ring is further away than a tick."""

    async def run(self) -> None:
        """Ring now, and go on."""
        self._ended = asyncio.get_running_loop().create_future()
        self._due = self._machine_time()
        self._rang()
        try:
            await self._ended
        finally:
            self._stop()

    def hasten(self) -> None:
        """Ring in a tick: the quiet is over."""
        if self.is_slow:
            self._stop()
            self._wait(self._machine_time(), TICK_SECONDS)

    def _rang(self) -> None:
        self._timer = None
        try:
            pause = self._ring(self._due)
        except Exception as failure:  # whatever it is, it ends the leadership, as it would from a task
            self._ended.set_exception(failure)
            return
        # The pace is kept over small delays; after a long one it begins anew.
        self._wait(MachineTime(max(self._due, self._machine_time() - SECOND)), pause)

    def _wait(self, since: MachineTime, pause: float) -> None:
        self._due = MachineTime(since + round(pause * SECOND))
        self.is_slow = pause > TICK_SECONDS
        seconds = max(0.0, (self._due - self._machine_time()) / SECOND)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._rang)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
