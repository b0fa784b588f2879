"""The order budget: attempts in the last second and minute, and the part of it that entries may not touch.

Kite allows 10 order calls a second and 400 a minute per account, counts attempts (refused ones too), and resets by its own
calendar second (kite.trade/docs/connect/v3/exceptions, read 2026-07-14). A sliding window is at least as strict as any
calendar second, whatever the offset between their clock and ours.
"""

from bisect import bisect_right
from dataclasses import dataclass

from trader.domain.values import SECOND, MachineTime

_MINUTE = 60 * SECOND
# So many calls must be stale before any is dropped: the tuple is copied once on the order path, not twice.
_FORGETTING = 64


@dataclass(frozen=True, slots=True)
class Sends:
    """When order calls were emitted, oldest first: those of the last minute, and some older ones."""

    times: tuple[MachineTime, ...] = ()

    def noted(self, now: MachineTime, calls: int) -> "Sends":
        """With these calls counted; what is older than a minute is forgotten, a batch at a time."""
        times = self.times
        if len(times) >= _FORGETTING and times[_FORGETTING - 1] <= now - _MINUTE:
            times = times[bisect_right(times, now - _MINUTE) :]
        return Sends(times + (now,) * calls)

    def within_second(self, now: MachineTime) -> int:
        """Calls in the last second."""
        return len(self.times) - bisect_right(self.times, now - SECOND)

    def within_minute(self, now: MachineTime) -> int:
        """Calls in the last minute."""
        return len(self.times) - bisect_right(self.times, now - _MINUTE)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many order calls are left at one moment."""

    second: int
    minute: int
    day: int

    @property
    def calls(self) -> int:
        """Calls that any kind of order may make now; only placements count towards the day."""
        return max(0, min(self.second, self.minute))


def budget_left(sends: Sends, now: MachineTime, per_second: int, per_minute: int, day_left: int) -> Budget:
    """What the windows leave now."""
    return Budget(
        per_second - sends.within_second(now),
        per_minute - sends.within_minute(now),
        day_left,
    )
