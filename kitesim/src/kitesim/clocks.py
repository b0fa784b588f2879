"""Market time: what the exchange's wall clock says.

Market time runs at `speed` times machine time from a start that the configuration names. All times are integer
nanoseconds since the Unix epoch. Only market time is scaled: latencies, heartbeats and rate limits are machine time.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from functools import lru_cache

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
# Timestamps of the API are in Indian Standard Time: https://kite.trade/docs/connect/v3/response-structure/
IST = timezone(timedelta(hours=5, minutes=30), "IST")
_IST_OFFSET = (5 * 60 + 30) * MINUTE
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class MarketClock:
    """A clock that can be slowed, hurried, stopped (speed 0) and moved forward, never back."""

    def __init__(self, start_ns: int, speed: float = 1.0, machine_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._machine_ns = machine_ns
        self._anchor_machine = machine_ns()
        self._anchor_market = start_ns
        self.speed = speed

    def now_ns(self) -> int:
        """Return market time in Unix nanoseconds."""
        return self.at_machine(self._machine_ns())

    def at_machine(self, machine_ns: int) -> int:
        """Return the market time of a moment of the machine's monotonic clock."""
        return self._anchor_market + int((machine_ns - self._anchor_machine) * self.speed)

    def set_speed(self, speed: float) -> None:
        """Go on from the present market time at another speed; 0 stops it."""
        self._anchor_market, self._anchor_machine = self.now_ns(), self._machine_ns()
        self.speed = speed

    def advance(self, nanoseconds: int) -> None:
        """Move market time forward at once."""
        assert nanoseconds >= 0, f"market time never goes back, was {nanoseconds!r}"
        self._anchor_market += nanoseconds


def machine_unix_ns() -> int:
    """Return the machine's wall clock."""
    return time.time_ns()


def at(day: date, moment: time_of_day) -> int:
    """Return the Unix nanoseconds of this Indian date and time of day."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return (day.toordinal() - _EPOCH_DAY) * DAY - _IST_OFFSET + seconds * SECOND + moment.microsecond * 1000


def day_of(now_ns: int) -> date:
    """Return the Indian date."""
    return date.fromordinal((now_ns + _IST_OFFSET) // DAY + _EPOCH_DAY)


def since_midnight(now_ns: int) -> int:
    """Return the nanoseconds since midnight in India."""
    return (now_ns + _IST_OFFSET) % DAY


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, tz=UTC).astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")


def timestamp(now_ns: int | None) -> str | None:
    """Return `yyyy-mm-dd hh:mm:ss` in IST, the format of all timestamps of the API; None stays None."""
    return None if now_ns is None else _second_text(now_ns // SECOND)


def iso(now_ns: int) -> str:
    """Return ISO 8601 with microseconds and the Indian offset."""
    seconds, rest = divmod(now_ns, SECOND)
    return f"{_second_text(seconds).replace(' ', 'T')}.{rest // 1000:06d}+05:30"
