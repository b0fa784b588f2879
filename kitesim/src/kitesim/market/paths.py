"""Seeded price paths: the same seed, name and day give the same minutes, at any speed and in any order.

A day is a walk of log returns over its 1,440 minutes, with the volatility of a real day: a burst after the open, a
quiet noon, a lively last half hour. Within a minute a Brownian bridge runs between the two ends, so however often
the market ticks, each minute ends where the day says. Correlation comes from one driver (NIFTY 50) with a beta.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from kitesim.clocks import MINUTE, day_of, since_midnight
from kitesim.seeds import stream

MINUTES_A_DAY = 1440
DRIVER = "NIFTY 50"
_OPEN_MINUTE = 9 * 60 + 15
_CLOSE_MINUTE = 15 * 60 + 40
# The night's news come out before the auction that opens the day, not after it.
_GAP_MINUTE = 9 * 60
_JUMP_PROBABILITY = 1 / 600
_JUMP_SIZE = 5.0
_GAP_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class PathShape:
    """A path: its first price in rupees, its share of the driver's moves, its own volatility a day."""

    name: str
    price: float
    beta: float
    volatility: float


def activity(minute: int) -> float:
    """Return how lively a minute of the day is; night 0.3, noon about 0.7, the open 2.7."""
    if not _OPEN_MINUTE <= minute < _CLOSE_MINUTE:
        return 0.3
    since_open, to_close = minute - _OPEN_MINUTE, _CLOSE_MINUTE - minute
    return 0.7 + 2.0 * math.exp(-since_open / 12) + 0.6 * math.exp(-to_close / 20)


_ACTIVITY = [activity(minute) for minute in range(MINUTES_A_DAY)]
_SESSION_NORM = math.sqrt(sum(value * value for value in _ACTIVITY[_OPEN_MINUTE:_CLOSE_MINUTE]))


class Paths:
    """All price paths of a seed. Pure: asking for a price changes nothing."""

    def __init__(
        self,
        seed: int,
        first_day: date,
        shapes: Sequence[PathShape],
        sleeps: bool,
        special: Mapping[date, tuple[int, int]] | None = None,
    ) -> None:
        """`sleeps`: prices stand still outside the trading hours, and the day opens with a gap.

        `special`: the first minute and the end of days that have hours of their own.
        """
        self._special = special or {}
        self._seed = seed
        self._first_day = first_day
        self._shapes = {shape.name: shape for shape in shapes}
        self._sleeps = sleeps
        self._returns = lru_cache(maxsize=max(64 * len(shapes), 1))(self._day_returns)
        self._openings: dict[str, dict[date, float]] = {}

    def sigma(self, name: str, minute: int, day: date | None = None) -> float:
        """Return the standard deviation of this minute's log return that is the path's own."""
        opens, closes = self._special.get(day, (_OPEN_MINUTE, _CLOSE_MINUTE)) if day else (_OPEN_MINUTE, _CLOSE_MINUTE)
        if self._sleeps and not opens <= minute < closes:
            return 0.0
        return self._shapes[name].volatility * _ACTIVITY[minute] / _SESSION_NORM

    def _day_returns(self, name: str, day: date) -> list[float]:
        """Return the log price at each minute of the day, relative to the day's first; 1,441 values."""
        shape = self._shapes[name]
        generator = stream(self._seed, "path", name, day.isoformat())
        driver = self._returns(DRIVER, day) if shape.beta and name != DRIVER else None
        walk = [0.0]
        own = 0.0
        sigmas = [self.sigma(name, minute, day) for minute in range(MINUTES_A_DAY)]
        for minute, sigma in enumerate(sigmas):
            move = generator.gauss(0.0, 1.0)
            if generator.random() < _JUMP_PROBABILITY:
                move *= _JUMP_SIZE
            own += move * sigma
            if self._sleeps and minute == _GAP_MINUTE:
                own += generator.gauss(0.0, shape.volatility * _GAP_SHARE)
            walk.append(own + (shape.beta * driver[minute + 1] if driver else 0.0))
        return walk

    def _opening(self, name: str, day: date) -> float:
        """Return the log price at midnight of a day: the configured price on the first, chained before and after."""
        known = self._openings.setdefault(name, {self._first_day: math.log(self._shapes[name].price)})
        step = timedelta(days=1 if day > self._first_day else -1)
        at = day
        while at not in known:
            at -= step
        while at != day:
            following = at + step
            if step.days > 0:
                known[following] = known[at] + self._returns(name, at)[-1]
            else:
                known[following] = known[at] - self._returns(name, following)[-1]
            at = following
        return known[day]

    def minute_ends(self, name: str, now_ns: int) -> tuple[float, float]:
        """Return the log prices at the start and at the end of the minute that holds this moment."""
        day, minute = day_of(now_ns), since_midnight(now_ns) // MINUTE
        opening, walk = self._opening(name, day), self._returns(name, day)
        return opening + walk[minute], opening + walk[minute + 1]

    def close_before(self, name: str, day: date) -> float:
        """Return the price in rupees at the end of the day before."""
        return math.exp(self._opening(name, day))


class LivePath:
    """One path as it is walked, tick by tick; it can be pushed, and stays where it was pushed to."""

    def __init__(self, paths: Paths, name: str, generator: random.Random, now_ns: int) -> None:
        self._paths = paths
        self._name = name
        self._generator = generator
        self._shift = 0.0
        self._value = 0.0
        self._at = 0
        self._minute_end = 0
        self._target = 0.0
        self._sigma = 0.0
        self._enter_minute(now_ns)
        self.price = self.advance(now_ns)

    def _enter_minute(self, now_ns: int) -> None:
        self._at = now_ns - now_ns % MINUTE
        self._minute_end = self._at + MINUTE
        self._value, self._target = self._paths.minute_ends(self._name, now_ns)
        self._sigma = self._paths.sigma(self._name, since_midnight(now_ns) // MINUTE, day_of(now_ns))

    def advance(self, now_ns: int) -> float:
        """Walk to this moment and return the price in rupees. Time never goes back."""
        if now_ns >= self._minute_end:
            self._enter_minute(now_ns)
        step, remaining = now_ns - self._at, self._minute_end - self._at
        if step > 0:
            bridge = math.sqrt(step / MINUTE * (remaining - step) / remaining)
            noise = self._generator.gauss(0.0, 1.0) * self._sigma * bridge
            self._value += (self._target - self._value) * step / remaining + noise
            self._at = now_ns
        self.price = math.exp(self._value + self._shift)
        return self.price

    @property
    def at_ns(self) -> int:
        """The moment that the walk has reached."""
        return self._at

    def push(self, rupees: float) -> None:
        """Move the path to this price; it goes on from there."""
        self._shift = math.log(rupees) - self._value
        self.price = rupees
