"""Trading days, hours and expiries, from a calendar file.

`always-open` is for simulations: every instrument trades at every hour of every day. `nse` keeps the exchange's own
hours. The file is data because days are added at short notice (NSE added 2026-01-15 six days ahead).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kitesim.clocks import at, day_of
from kitesim.errors import ConfigInvalid

MarketMode = Literal["always-open", "nse"]


class Session(BaseModel):
    """Continuous trading of one exchange: first and last moment."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    open: time
    close: time


class CalendarFile(BaseModel):
    """The calendar file: holidays and the session of each exchange."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    holidays: list[date]
    sessions: dict[str, Session]


def packaged(name: str) -> str:
    """Return a data file that comes with kitesim."""
    return resources.files("kitesim").joinpath("data", name).read_text()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days and hours are open."""

    mode: MarketMode
    holidays: frozenset[date]
    sessions: Mapping[str, Session]
    halted: set[str] = field(default_factory=set)
    """Exchanges that stand still although it is their hour."""

    def is_trading_day(self, day: date) -> bool:
        """Tell whether the exchange opens on this day, whatever the mode."""
        return day.weekday() < 5 and day not in self.holidays

    def is_open(self, exchange: str, now_ns: int) -> bool:
        """Tell whether orders of this exchange match now."""
        return exchange not in self.halted and self.is_scheduled(exchange, now_ns)

    def is_scheduled(self, exchange: str, now_ns: int) -> bool:
        """Tell whether it is the hour of this exchange, halted or not."""
        if self.mode == "always-open":
            return True
        day = day_of(now_ns)
        session = self.sessions.get(exchange)
        return (
            session is not None
            and self.is_trading_day(day)
            and at(day, session.open) <= now_ns < at(day, session.close)
        )

    def any_open(self, now_ns: int) -> bool:
        """Tell whether any exchange is open."""
        return any(self.is_open(exchange, now_ns) for exchange in self.sessions)

    def trading_day_on_or_before(self, day: date) -> date:
        """Return the day itself or the last trading day before it."""
        while not self.is_trading_day(day):
            day -= timedelta(days=1)
        return day

    def monthly_expiry(self, year: int, month: int, weekday: int) -> date:
        """Return the last such weekday of the month, or the trading day before it when it is a holiday."""
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return self.trading_day_on_or_before(last - timedelta(days=(last.weekday() - weekday) % 7))


def load_calendar(mode: MarketMode, path: Path | None = None) -> Calendar:
    """Read the packaged calendar, or the one at `path`.

    Raises:
        ConfigInvalid: the file cannot be read or does not have the format of the packaged one.
    """
    try:
        text = packaged("calendar.yaml") if path is None else path.read_text()
        content = CalendarFile.model_validate(yaml.safe_load(text))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigInvalid(
            f"calendar_file: {path} is no calendar of holidays and sessions: {error}; see data/calendar.yaml"
        ) from error
    return Calendar(mode, frozenset(content.holidays), content.sessions)
