"""When the next step of an order happens. The desk is synchronous; time comes in through this seam."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

Action = Callable[[], None]


class Timers(Protocol):
    """Runs an action later, in machine time; a delay of 0 runs it at once."""

    def later(self, seconds: float, action: Action) -> None:
        """Run the action after this many seconds."""
        ...


class ManualTimers:
    """Timers that a test or a stepped simulation moves by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Action]] = []
        self._number = count()

    def later(self, seconds: float, action: Action) -> None:
        """Run the action when `advance` has passed this many seconds."""
        if seconds <= 0:
            action()
        else:
            heapq.heappush(self._due, (self.now + seconds, next(self._number), action))

    def advance(self, seconds: float) -> None:
        """Let time pass and run what is due, in order."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, action = heapq.heappop(self._due)
            action()
        self.now = end
