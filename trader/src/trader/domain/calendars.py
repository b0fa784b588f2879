"""The exchange's day: which session a market time belongs to, and what may be done in it.

Pure functions of market time and data; holidays come from a file that the desk can correct on the morning itself
(15 January 2026 became a holiday three days before). F&O trades 9:15 to 15:40 since 2026-08-03 (NSE FAOP74467).
India has no daylight saving: IST is UTC+05:30, always.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from trader.domain.values import SECOND, MarketTime

MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
IST_OFFSET = (5 * 60 + 30) * MINUTE
_EPOCH_DATE = dt.date(1970, 1, 1)
_SATURDAY = 5
# NSE FAOP74467: from 2026-08-03 the continuous session of F&O ends at 15:40; before, at 15:30.
_LONGER_FROM = "2026-08-03"


class Phase(StrEnum):
    """Where in its session a moment lies."""

    BEFORE = "BEFORE"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    """Square-off has begun: no entries, positions are closed."""
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Session:
    """One session, as seen from one moment; the same for every moment of [valid_from, valid_until)."""

    phase: Phase
    trading_date: str
    start: MarketTime
    square_off: MarketTime
    end: MarketTime
    ends_day: bool
    """Whether the day is over with it: then the engine rests in CLOSED."""
    valid_from: MarketTime
    valid_until: MarketTime


class Calendar(Protocol):
    """Cuts market time into sessions."""

    def session_at(self, market_time: MarketTime) -> Session: ...


def date_of(market_time: MarketTime) -> dt.date:
    """The date in India."""
    return _EPOCH_DATE + dt.timedelta(days=(market_time + IST_OFFSET) // DAY)


def midnight_of(date: dt.date) -> MarketTime:
    """The first moment of a date in India."""
    return MarketTime((date - _EPOCH_DATE).days * DAY - IST_OFFSET)


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """Simulated time, cut into consecutive sessions from each midnight on; the market never closes."""

    session_minutes: int = 30
    square_off_lead_minutes: int = 2

    def __post_init__(self) -> None:
        if not 2 <= self.session_minutes <= 24 * 60:
            raise ValueError(f"session_minutes must be within 2..1440, was {self.session_minutes}")
        if not 0 < self.square_off_lead_minutes < self.session_minutes:
            raise ValueError(
                f"square_off_lead_minutes must be within 1..{self.session_minutes - 1}, was {self.square_off_lead_minutes}"
            )

    def session_at(self, market_time: MarketTime) -> Session:
        """The session that holds this moment; the last one of a day is cut at midnight."""
        date = date_of(market_time)
        midnight = midnight_of(date)
        length = self.session_minutes * MINUTE
        start = midnight + (market_time - midnight) // length * length
        end = min(start + length, midnight + DAY)
        square_off = max(start, end - self.square_off_lead_minutes * MINUTE)
        is_open = market_time < square_off
        return Session(
            phase=Phase.OPEN if is_open else Phase.CLOSING,
            trading_date=date.isoformat(),
            start=MarketTime(start),
            square_off=MarketTime(square_off),
            end=MarketTime(end),
            ends_day=False,
            valid_from=MarketTime(start if is_open else square_off),
            valid_until=MarketTime(square_off if is_open else end),
        )


@dataclass(frozen=True, slots=True)
class NfoCalendar:
    """NSE futures and options: weekdays less holidays, 9:15 to 15:40 (to 15:30 before 2026-08-03)."""

    holidays: frozenset[str]
    square_off_lead_minutes: int = 15

    def __post_init__(self) -> None:
        for each in sorted(self.holidays):
            dt.date.fromisoformat(each)
        if not 1 <= self.square_off_lead_minutes <= 360:
            raise ValueError(f"square_off_lead_minutes must be within 1..360, was {self.square_off_lead_minutes}")

    def is_trading_day(self, date: dt.date) -> bool:
        """Weekdays that no holiday takes."""
        return date.weekday() < _SATURDAY and date.isoformat() not in self.holidays

    def session_at(self, market_time: MarketTime) -> Session:
        """The session of this date; after the close, and on days without trading, its phase is CLOSED."""
        date = date_of(market_time)
        midnight = midnight_of(date)
        text = date.isoformat()
        start = midnight + (9 * 60 + 15) * MINUTE
        end = midnight + (15 * 60 + (40 if text >= _LONGER_FROM else 30)) * MINUTE
        square_off = end - self.square_off_lead_minutes * MINUTE
        tomorrow = midnight + DAY
        if not self.is_trading_day(date):
            phase, valid_from, valid_until = Phase.CLOSED, int(midnight), tomorrow
        elif market_time < start:
            phase, valid_from, valid_until = Phase.BEFORE, int(midnight), start
        elif market_time < square_off:
            phase, valid_from, valid_until = Phase.OPEN, start, square_off
        elif market_time < end:
            phase, valid_from, valid_until = Phase.CLOSING, square_off, end
        else:
            phase, valid_from, valid_until = Phase.CLOSED, end, tomorrow
        return Session(
            phase=phase,
            trading_date=text,
            start=MarketTime(start),
            square_off=MarketTime(square_off),
            end=MarketTime(end),
            ends_day=True,
            valid_from=MarketTime(valid_from),
            valid_until=MarketTime(valid_until),
        )
