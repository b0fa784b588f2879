"""The order calls of one process at the wire: never more in any second than the broker takes from the account.

The domain counts a call when it decides it. A commit that stalls lets two seconds' decisions go out together, and the broker
counts what arrives: so what leaves is counted once more, here, and what would be one too many waits for its second. A call may
arrive at any time between the gate and its answer: it counts from its turn until a second after both.
"""

import asyncio
from collections.abc import Callable

from trader.domain.values import SECOND, MachineTime

WINDOW = SECOND + SECOND // 10
"""A second, and what two requests may differ in on their way."""
LOOK_SECONDS = 0.02
"""How often it is looked whether a call that holds a place is over."""


class Call:
    """One call's place: held from its turn until no request that leaves later can arrive within a second of it."""

    __slots__ = ("_left_at", "_machine_time", "free_at")

    def __init__(self, machine_time: Callable[[], MachineTime]) -> None:
        self._machine_time = machine_time
        self._left_at: MachineTime | None = None
        self.free_at: MachineTime | None = None
        """None while it may be anywhere between its turn and its answer."""

    def left(self) -> None:
        """The gate let it pass, now; from whatever thread."""
        self._left_at = self._machine_time()

    def over(self) -> None:
        """It was answered or given up; one that the gate never saw counts as leaving now, for that is never too early.

        One that was given up may still be on its way. Nobody knows for how long, and exits do not wait for it any longer.
        """
        now = self._machine_time()
        left_at = now if self._left_at is None else self._left_at
        self.free_at = MachineTime(max(left_at + WINDOW, now + SECOND))


class Pace:
    """In the order in which they come: exits stand first in each batch already."""

    def __init__(self, machine_time: Callable[[], MachineTime], per_second: Callable[[], int]) -> None:
        self._machine_time = machine_time
        self._per_second = per_second
        self._calls: list[Call] = []
        self._asking = asyncio.Lock()

    async def turn(self) -> Call:
        """Return when one more call may leave: its place, which is told when it left and when it is over."""
        async with self._asking:
            while (wait := self._wait()) > 0:  # noqa: ASYNC110 - the gate tells from a thread, and wakes nobody
                await asyncio.sleep(wait)
            call = Call(self._machine_time)
            self._calls.append(call)
            return call

    def _wait(self) -> float:
        """Seconds until it is worth looking again; 0 when there is a place."""
        now = self._machine_time()
        self._calls = [each for each in self._calls if each.free_at is None or each.free_at > now]
        limit = max(1, self._per_second())
        if len(self._calls) < limit:
            return 0.0
        known = sorted(each.free_at for each in self._calls if each.free_at is not None)
        over = len(self._calls) - limit
        # So many must be free before there is a place; while fewer are answered, nobody knows when that is.
        return (known[over] - now) / SECOND if over < len(known) else LOOK_SECONDS
