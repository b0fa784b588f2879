"""Minute candles: those that this run has seen, and for all other minutes those that the seeded path implies.

Prices in paise, volumes in units. A day's seen minutes are kept for the instruments that traded.
"""

from collections.abc import Iterator
from datetime import time, timedelta
from math import exp

from kitesim.calendars import Calendar
from kitesim.clocks import MINUTE, SECOND, at, day_of
from kitesim.market.instruments import Instrument
from kitesim.market.paths import Paths

_MIDNIGHT = time(0)
Candle = tuple[int, int, int, int, int, int]
"""Start in Unix nanoseconds, open, high, low, close, volume."""


class Candles:
    """The minutes that this run has seen, per instrument."""

    def __init__(self) -> None:
        self._open: dict[int, list[int]] = {}
        self._closed: dict[int, dict[int, Candle]] = {}

    def add(self, token: int, now_ns: int, price: int, quantity: int) -> None:
        """Take one tick."""
        minute = now_ns // MINUTE
        candle = self._open.get(token)
        if candle is None or candle[0] != minute:
            if candle is not None:
                start, first, high, low, close, volume = candle
                self._closed.setdefault(token, {})[start] = (start * MINUTE, first, high, low, close, volume)
            self._open[token] = [minute, price, price, price, price, quantity]
            return
        if price > candle[2]:
            candle[2] = price
        elif price < candle[3]:
            candle[3] = price
        candle[4] = price
        candle[5] += quantity

    def average(self, token: int, first_ns: int, end_ns: int) -> int | None:
        """Return the volume-weighted average of the closes of these minutes in paise; None when nothing traded."""
        minutes = (self.seen(token, minute) for minute in range(first_ns // MINUTE, -(-end_ns // MINUTE)))
        traded = [(candle[4], candle[5]) for candle in minutes if candle is not None and candle[5]]
        volume = sum(quantity for _, quantity in traded)
        return sum(price * quantity for price, quantity in traded) // volume if volume else None

    def seen(self, token: int, minute: int) -> Candle | None:
        """Return the candle of this minute (Unix minutes) if this run saw it."""
        current = self._open.get(token)
        if current is not None and current[0] == minute:
            return (minute * MINUTE, current[1], current[2], current[3], current[4], current[5])
        return self._closed.get(token, {}).get(minute)


def minutes(
    instrument: Instrument, paths: Paths, candles: Candles, calendar: Calendar, span: tuple[int, int]
) -> Iterator[Candle]:
    """Yield the minute candles of a span of market time, both ends included; a minute of the future is never told."""
    start_ns, end_ns = span
    day, last_day = day_of(start_ns), day_of(end_ns)
    while day <= last_day:
        if calendar.mode == "always-open":
            first, last = at(day, _MIDNIGHT), at(day + timedelta(days=1), _MIDNIGHT)
        else:
            first, last = calendar.continuous(instrument.session, day)
        moment = max(first, start_ns - start_ns % MINUTE)
        while moment < last and moment <= end_ns:
            yield candles.seen(instrument.token, moment // MINUTE) or _implied(instrument, paths, moment)
            moment += MINUTE
        day += timedelta(days=1)


def _implied(instrument: Instrument, paths: Paths, start_ns: int) -> Candle:
    begin, end = paths.minute_ends(instrument.path, start_ns)
    first, last = instrument.rounded(exp(begin) * 100), instrument.rounded(exp(end) * 100)
    # The wick of a minute that nobody watched: a fixed share of its body, so that it is the same at every asking.
    wick = abs(last - first) // 3 // instrument.tick * instrument.tick
    volume = 0 if instrument.is_index else instrument.lot * (40 + (start_ns // SECOND * 7919) % 160)
    return (start_ns, first, max(first, last) + wick, min(first, last) - wick, last, volume)
