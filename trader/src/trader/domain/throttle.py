"""The order budget: attempts in the last second and minute, and the part of it that entries may not touch.

Kite allows 10 order calls a second and 400 a minute per account, counts attempts (refused ones too), and resets by its own
calendar second (kite.trade/docs/connect/v3/exceptions, read 2026-07-14). A sliding window is at least as strict as any
calendar second, whatever the offset between their clock and ours.
"""

from bisect import bisect_right
from dataclasses import dataclass

from trader.domain.values import SECOND, MachineTime

_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Sends:
    """When order calls of the last minute were emitted, oldest first."""

    times: tuple[MachineTime, ...] = ()

    def noted(self, now: MachineTime, calls: int) -> "Sends":
        """With these calls counted; what is older than a minute is forgotten."""
        return Sends(self.times[bisect_right(self.times, now - _MINUTE) :] + (now,) * calls)

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
        second=per_second - sends.within_second(now),
        minute=per_minute - sends.within_minute(now),
        day=day_left,
    )
