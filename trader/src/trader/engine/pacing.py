"""The order calls of one process at the wire: never more in any second than the broker takes from the account.

The domain counts a call when it decides it. A commit that stalls lets two seconds' decisions go out together, and the broker
counts what arrives: so what leaves is counted once more, here, and what would be one too many waits for its second.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from trader.domain.values import SECOND, MachineTime

WINDOW = SECOND + SECOND // 10
"""A second, and what two requests may differ in on their way."""


class Pace:
    """In the order in which they come: exits stand first in each batch already."""

    def __init__(self, machine_time: Callable[[], MachineTime], per_second: Callable[[], int]) -> None:
        self._machine_time = machine_time
        self._per_second = per_second
        self._left: deque[MachineTime] = deque()
        """When the calls of the last window leave, or left; those that wait have their time already."""

    async def turn(self) -> None:
        """Return when one more call may leave; takes its place in the order of the asking."""
        now = self._machine_time()
        while self._left and self._left[0] <= now - WINDOW:
            self._left.popleft()
        limit = max(1, self._per_second())
        at = now if len(self._left) < limit else MachineTime(max(now, self._left[-limit] + WINDOW))
        self._left.append(at)
        if at > now:
            await asyncio.sleep((at - now) / SECOND)
