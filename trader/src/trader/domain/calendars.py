"""The exchange's day: which session a market time belongs to, and what may be done in it.

Pure functions of market time and data: hours, holidays and special sessions come from a table that the desk can correct on the
morning itself (15 January 2026 became a holiday three days before). India has no daylight saving: IST is UTC+05:30, always.
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


class Phase(StrEnum):
    """Where in its session a moment lies."""

    BEFORE = "BEFORE"
    PRE_OPEN = "PRE_OPEN"
    """The exchange collects orders for its opening price: nothing of ours belongs there, and it takes no stops."""
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    """Square-off has begun: no entries, positions are closed."""
    AUCTION = "AUCTION"
    """The closing auction of cash: continuous trading is over, it takes no stops either."""
    CLOSED = "CLOSED"

    @property
    def is_continuous(self) -> bool:
        """Whether orders meet each other now: the only time at which ours are sent."""
        return self in (Phase.OPEN, Phase.CLOSING)


ENDING = (Phase.CLOSING, Phase.AUCTION, Phase.CLOSED)
"""No position may be open in these for longer than closing it takes."""


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
    expiry_cutoff: MarketTime
    """From here on a contract that expires on this date takes no new risk."""


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
            # A market that never closes has no last hour; what expired yesterday is out all the same.
            expiry_cutoff=MarketTime(midnight + DAY),
        )


@dataclass(frozen=True, slots=True)
class Hours:
    """When an exchange's segment trades from a date on, in minutes after midnight in India."""

    effective: str
    """ISO date."""
    opens: int
    closes: int
    """The end of continuous trading."""
    pre_open: int | None = None
    """When orders are collected from; until `opens`."""
    auction_until: int | None = None
    """When the closing auction ends; it begins at `closes`."""

    def __post_init__(self) -> None:
        dt.date.fromisoformat(self.effective)
        order = [
            0 if self.pre_open is None else self.pre_open,
            self.opens,
            self.closes,
            24 * 60 if self.auction_until is None else self.auction_until,
        ]
        if order != sorted(order) or self.opens >= self.closes:
            raise ValueError(f"hours of {self.effective} must follow each other: pre-open, opens, closes, auction")


@dataclass(frozen=True, slots=True)
class SpecialSession:
    """A session of its own hours, on a holiday or weekend too: Muhurat, or a test of the exchange's second site."""

    date: str
    opens: int
    closes: int

    def __post_init__(self) -> None:
        dt.date.fromisoformat(self.date)
        if not 0 <= self.opens < self.closes <= 24 * 60:
            raise ValueError(f"the session of {self.date} must open before it closes, was {self.opens}..{self.closes}")


# NSE circular FAOP74467: from 2026-08-03 the continuous session of F&O ends at 15:40; before, at 15:30.
NFO_HOURS = (Hours("2000-01-01", 9 * 60 + 15, 15 * 60 + 30), Hours("2026-08-03", 9 * 60 + 15, 15 * 60 + 40))


@dataclass(frozen=True, slots=True)
class ExchangeCalendar:
    """One segment of an exchange: weekdays less holidays, and special sessions whatever the day."""

    holidays: frozenset[str]
    square_off_lead_minutes: int = 15
    hours: tuple[Hours, ...] = NFO_HOURS
    specials: tuple[SpecialSession, ...] = ()
    expiry_cutoff_minutes: int = 60
    """Before the end of its last session a contract takes no new risk for so long."""

    def __post_init__(self) -> None:
        for each in sorted(self.holidays):
            dt.date.fromisoformat(each)
        if not 1 <= self.square_off_lead_minutes <= 360:
            raise ValueError(f"square_off_lead_minutes must be within 1..360, was {self.square_off_lead_minutes}")
        if not 0 <= self.expiry_cutoff_minutes <= 24 * 60:
            raise ValueError(f"expiry_cutoff_minutes must be within 0..1440, was {self.expiry_cutoff_minutes}")
        if not self.hours:
            raise ValueError("hours must have at least one row")

    def is_trading_day(self, date: dt.date) -> bool:
        """Weekdays that no holiday takes, and days of a special session."""
        text = date.isoformat()
        is_special = any(special.date == text for special in self.specials)
        return is_special or (date.weekday() < _SATURDAY and text not in self.holidays)

    def hours_on(self, date: str) -> Hours:
        """A special session's own hours, else the newest row that holds, else the oldest."""
        for special in self.specials:
            if special.date == date:
                return Hours(date, special.opens, special.closes)
        in_effect = [row for row in self.hours if row.effective <= date]
        by_date = sorted(in_effect or self.hours, key=lambda row: row.effective)
        return by_date[-1] if in_effect else by_date[0]

    def session_at(self, market_time: MarketTime) -> Session:
        """The session of this date; after the close, and on days without trading, its phase is CLOSED."""
        date = date_of(market_time)
        midnight, hours = midnight_of(date), self.hours_on(date.isoformat())
        start, end = midnight + hours.opens * MINUTE, midnight + hours.closes * MINUTE
        # A session of an hour is not squared off a quarter of an hour before its end.
        square_off = end - min(self.square_off_lead_minutes * MINUTE, (end - start) // 4)
        pieces = [(int(midnight), Phase.CLOSED)]
        if self.is_trading_day(date):
            pieces = [(int(midnight), Phase.BEFORE), (start, Phase.OPEN), (square_off, Phase.CLOSING)]
            if hours.pre_open is not None:
                pieces.insert(1, (midnight + hours.pre_open * MINUTE, Phase.PRE_OPEN))
            if hours.auction_until is not None:
                pieces.append((end, Phase.AUCTION))
                end = midnight + hours.auction_until * MINUTE
            pieces.append((end, Phase.CLOSED))
        pieces.append((midnight + DAY, Phase.CLOSED))
        number = max(index for index, (begins, _) in enumerate(pieces) if begins <= market_time)
        return Session(
            phase=pieces[number][1],
            trading_date=date.isoformat(),
            start=MarketTime(start),
            square_off=MarketTime(square_off),
            end=MarketTime(midnight + hours.closes * MINUTE),
            ends_day=True,
            valid_from=MarketTime(pieces[number][0]),
            valid_until=MarketTime(pieces[number + 1][0]),
            expiry_cutoff=MarketTime(midnight + (hours.closes - self.expiry_cutoff_minutes) * MINUTE),
        )
