"""The week's own exchange, and its clock: days are walked, nights are jumped over.

NSE's hours and holidays hold in it. Machine time (Lease, timeouts, heartbeats) is never compressed; only the market's is.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from ops.clients.exchange import Exchange
from ops.clients.session import wait_for

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
# Market seconds in a machine second: the middle of a day, its end with the square-off, and its opening below.
WALK = 240.0
DUSK = 60.0
# The opening range must be seen without a gap; two ticks come in a machine second.
OPENING = 20.0
STROLL = 1.0
MONDAY = dt.date(2026, 12, 7)
OPENS, RANGE_ENDS, CLOSES = dt.time(9, 15), dt.time(9, 25), dt.time(15, 40)


class MarketClock:
    """The exchange's clock, as the story moves it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def now(self) -> dt.datetime:
        """Market time, in India."""
        text: str = self._exchange.get("/sim/clock")["market_time"]
        return dt.datetime.fromisoformat(text)

    def jump(self, to: dt.datetime) -> None:
        """Be there at once, over hours in which nothing trades, and stay at real time."""
        seconds = (to - self.now()).total_seconds()
        self._set(advance_seconds=max(seconds, 0.0), speed=STROLL)

    def walk(self, to: dt.datetime, until: Callable[[], bool] = lambda: False, *, speed: float = WALK) -> bool:
        """Walk to that time, or until something has come about; returns whether it had. Then the clock is at real time."""
        self._set(speed=speed)
        most = (to - self.now()).total_seconds() / speed
        try:
            return wait_for(f"{to:%A %H:%M}", lambda: self._there(to, until), max(most, 1.0) * 2 + 30)
        finally:
            self._set(speed=STROLL)

    def _there(self, to: dt.datetime, until: Callable[[], bool]) -> bool | None:
        if until():
            return True
        return False if self.now() >= to else None

    def _set(self, **body: Any) -> None:
        self._exchange.post("/sim/clock", body, seconds=60)


def at(day: dt.date, time: dt.time) -> dt.datetime:
    """That time of that day, in India."""
    return dt.datetime.combine(day, time, INDIA)
