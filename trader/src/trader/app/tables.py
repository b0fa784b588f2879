"""Dated tables of the exchange that come with the trader; a desk may put newer ones in a folder that TRADER_TABLES names."""

import datetime as dt
import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

from trader.adapters.kite.instruments import FreezeRow, FreezeTable
from trader.app.documents import ConfigInvalid, parse
from trader.app.profiles import Part
from trader.domain.calendars import AlwaysOpen, Calendar, NfoCalendar


class CalendarFile(Part):
    """Holidays of one exchange; hours stand in the domain's calendar."""

    exchange: Literal["NFO"]
    timezone: Literal["Asia/Kolkata"]
    holidays: tuple[dt.date, ...]


def table(name: str) -> tuple[str, str]:
    """The text of a table, and where it stands.

    Raises:
        ConfigInvalid: the folder that TRADER_TABLES names cannot be read.
    """
    folder = os.environ.get("TRADER_TABLES")
    if folder and (found := Path(folder) / name).exists():
        try:
            return found.read_text(encoding="utf-8"), str(found)
        except OSError as error:
            raise ConfigInvalid([f"{found}: cannot be read: {error.strerror}"]) from error
    packaged = files("trader") / "tables" / name
    return packaged.read_text(encoding="utf-8"), name


class FreezeRowFile(Part):
    """From a date on, these quantities hold."""

    effective: dt.date
    quantities: dict[str, int]


class FreezeFile(Part):
    """Largest quantities of one order."""

    rows: tuple[FreezeRowFile, ...]


def freeze_table() -> FreezeTable:
    """Freeze quantities by date.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    text, name = table("freeze_quantities.yaml")
    rows = parse(text, name, FreezeFile).rows
    return FreezeTable([FreezeRow(row.effective, row.quantities) for row in rows])


def calendar(exchange: str) -> Calendar:
    """The trading hours that a session asked for.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    if exchange == "AlwaysOpen":
        return AlwaysOpen()
    text, name = table(f"calendars/{exchange.lower()}.yaml")
    holidays = parse(text, name, CalendarFile).holidays
    return NfoCalendar(frozenset(each.isoformat() for each in holidays))
