"""Trading days, hours and expiries, from a calendar file.

`always-open` is for simulations: every instrument trades at every hour of every day. `nse` keeps the exchange's own
hours: a day of a session is a row of phases. The file is data because days are added at short notice (NSE added
2026-01-15 six days ahead), and hours change: each row of a session holds from a date on.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kitesim.clocks import SECOND, at, day_of
from kitesim.errors import ConfigInvalid
from kitesim.seeds import stream

MarketMode = Literal["always-open", "nse"]


class Phase(StrEnum):
    """What the exchange does with orders now."""

    CLOSED = "closed"
    AUCTION = "auction"
    """Collects limit and market orders for one price; nothing trades."""
    AUCTION_LIMIT = "auction-limit-only"
    PAUSE = "pause"
    """Takes no orders, before or after an auction."""
    MATCHING = "matching"
    """Trades what an auction collected at its one price, once, and takes no orders."""
    CONTINUOUS = "continuous"
    POST_CLOSE = "post-close"
    """Trades at the closing price only."""

    @property
    def takes_orders(self) -> bool:
        """Tell whether orders are placed, modified and cancelled."""
        return self in (Phase.AUCTION, Phase.AUCTION_LIMIT, Phase.CONTINUOUS, Phase.POST_CLOSE)

    @property
    def is_auction(self) -> bool:
        """Tell whether orders wait for one price."""
        return self in (Phase.AUCTION, Phase.AUCTION_LIMIT)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auction(_Row):
    """A call auction: orders from `opens` to `closes`, no market orders from `limit_only` on, one price at `matched`.

    Entry ends at a moment that nobody knows, in the last `random_seconds` before `closes`.
    """

    opens: time
    limit_only: time | None = None
    closes: time
    matched: time
    random_seconds: int = Field(0, ge=0, le=600)

    @model_validator(mode="after")
    def _in_order(self) -> "Auction":
        assert self.opens < (self.limit_only or self.closes) <= self.closes <= self.matched, (
            "times of an auction ascend"
        )
        return self


class Window(_Row):
    """A span of a day."""

    opens: time
    closes: time


class Session(_Row):
    """The hours of one session, from `effective` on."""

    effective: date
    pre_open: Auction | None = None
    open: time
    close: time
    closing_auction: Auction | None = None
    auction_ends: time | None = Field(None, description="when what the closing auction left over is cancelled")
    post_close: Window | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Session":
        moments = [
            *((self.pre_open.opens, self.pre_open.matched) if self.pre_open else ()),
            *(self.open, self.close),
            *((self.closing_auction.opens, self.closing_auction.matched) if self.closing_auction else ()),
            *((self.auction_ends,) if self.auction_ends else ()),
            *((self.post_close.opens, self.post_close.closes) if self.post_close else ()),
        ]
        assert moments == sorted(moments), "times of a session ascend"
        assert (self.closing_auction is None) is (self.auction_ends is None), "a closing auction needs auction_ends"
        return self


class SpecialDay(_Row):
    """A day with hours of its own for every session, as Muhurat trading; it may be a Sunday or a holiday."""

    date: dt.date
    name: str
    open: time
    close: time


class CalendarFile(_Row):
    """The calendar file: holidays, days with hours of their own, and the hours of each session."""

    holidays: list[date]
    special_days: list[SpecialDay] = Field(default_factory=list)
    sessions: dict[str, list[Session]]


def packaged(name: str) -> str:
    """Return a data file that comes with kitesim."""
    return resources.files("kitesim").joinpath("data", name).read_text()


def exchange_of(session: str) -> str:
    """Return `NSE` of the session `NSE-CAS`."""
    return session.partition("-")[0]


Timeline = tuple[tuple[int, ...], tuple[Phase, ...]]
"""The moments of a day at which a phase begins, in Unix nanoseconds, and the phases; closed before the first."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days and hours are open, for each session; an instrument names its session."""

    mode: MarketMode
    holidays: frozenset[date]
    sessions: Mapping[str, tuple[Session, ...]]
    special_days: Mapping[date, SpecialDay] = field(default_factory=dict)
    seed: int = 0
    halted: set[str] = field(default_factory=set)
    """Exchanges that stand still although it is their hour."""
    _timelines: dict[tuple[str, date], Timeline] = field(default_factory=dict)

    @property
    def exchanges(self) -> set[str]:
        """The exchanges of all sessions."""
        return {exchange_of(session) for session in self.sessions}

    def is_trading_day(self, day: date) -> bool:
        """Tell whether the exchange has its usual hours on this day, whatever the mode."""
        return day.weekday() < 5 and day not in self.holidays

    def timeline(self, session: str, day: date) -> Timeline:
        """Return the phases of a day; nothing on a holiday."""
        key = (session, day)
        known = self._timelines.get(key)
        if known is None:
            known = self._timelines[key] = self._phases(session, day)
        return known

    def _phases(self, session: str, day: date) -> Timeline:
        special = self.special_days.get(day)
        if special is not None:
            return (at(day, special.open), at(day, special.close)), (Phase.CONTINUOUS, Phase.CLOSED)
        rows = [row for row in self.sessions.get(session, ()) if row.effective <= day]
        if not rows or not self.is_trading_day(day):
            return (), ()
        hours = rows[-1]
        steps: list[tuple[int, Phase]] = []
        if hours.pre_open is not None:
            steps += self._auction(hours.pre_open, day, f"{session} open")
        steps.append((at(day, hours.open), Phase.CONTINUOUS))
        if hours.closing_auction is not None and hours.auction_ends is not None:
            steps.append((at(day, hours.close), Phase.PAUSE))
            steps += self._auction(hours.closing_auction, day, f"{session} close")
            steps.append((at(day, hours.auction_ends), Phase.CLOSED))
        else:
            steps.append((at(day, hours.close), Phase.CLOSED))
        if hours.post_close is not None:
            steps.append((at(day, hours.post_close.opens), Phase.POST_CLOSE))
            steps.append((at(day, hours.post_close.closes), Phase.CLOSED))
        return tuple(moment for moment, _ in steps), tuple(phase for _, phase in steps)

    def _auction(self, auction: Auction, day: date, name: str) -> list[tuple[int, Phase]]:
        steps = [(at(day, auction.opens), Phase.AUCTION)]
        if auction.limit_only is not None:
            steps.append((at(day, auction.limit_only), Phase.AUCTION_LIMIT))
        early = stream(self.seed, "auction", name, day.isoformat()).random() * auction.random_seconds
        steps.append((at(day, auction.closes) - int(early * SECOND), Phase.PAUSE))
        steps.append((at(day, auction.matched), Phase.MATCHING))
        return steps

    def phase(self, session: str, now_ns: int) -> Phase:
        """Return what this session does by the clock, halted or not."""
        if self.mode == "always-open":
            return Phase.CONTINUOUS
        moments, phases = self.timeline(session, day_of(now_ns))
        number = bisect_right(moments, now_ns)
        return phases[number - 1] if number else Phase.CLOSED

    def is_open(self, session: str, now_ns: int) -> bool:
        """Tell whether orders of this session match continuously now."""
        return exchange_of(session) not in self.halted and self.phase(session, now_ns) is Phase.CONTINUOUS

    def takes_orders(self, session: str, now_ns: int) -> bool:
        """Tell whether orders of this session reach the exchange now."""
        return exchange_of(session) not in self.halted and self.phase(session, now_ns).takes_orders

    def continuous(self, session: str, day: date) -> tuple[int, int]:
        """Return when continuous trading begins and ends on this day; zeros when there is none."""
        moments, phases = self.timeline(session, day)
        if Phase.CONTINUOUS not in phases:
            return 0, 0
        number = phases.index(Phase.CONTINUOUS)
        return moments[number], moments[number + 1]

    def any_open(self, now_ns: int) -> bool:
        """Tell whether any session trades continuously."""
        return any(self.is_open(session, now_ns) for session in self.sessions)

    def trading_day_on_or_before(self, day: date) -> date:
        """Return the day itself or the last trading day before it."""
        while not self.is_trading_day(day):
            day -= timedelta(days=1)
        return day

    def trading_days(self, first: date, last: date) -> int:
        """Return how many trading days lie from the first to the last, both included."""
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return sum(self.is_trading_day(day) for day in days)

    def monthly_expiry(self, year: int, month: int, weekday: int) -> date:
        """Return the last such weekday of the month, or the trading day before it when it is a holiday."""
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return self.trading_day_on_or_before(last - timedelta(days=(last.weekday() - weekday) % 7))


def load_calendar(mode: MarketMode, path: Path | None = None, seed: int = 0) -> Calendar:
    """Read the packaged calendar, or the one at `path`; the seed draws the random ends of auctions.

    Raises:
        ConfigInvalid: the file cannot be read or does not have the format of the packaged one.
    """
    try:
        text = packaged("calendar.yaml") if path is None else path.read_text()
        content = CalendarFile.model_validate(yaml.safe_load(text))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ConfigInvalid(
            f"calendar_file: {path} is no calendar of holidays and sessions: {reason}; see data/calendar.yaml"
        ) from error
    sessions = {name: tuple(sorted(rows, key=lambda row: row.effective)) for name, rows in content.sessions.items()}
    special = {day.date: day for day in content.special_days}
    return Calendar(mode, frozenset(content.holidays), sessions, special, seed)
