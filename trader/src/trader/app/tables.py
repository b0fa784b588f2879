"""Dated tables of the exchange that come with the trader; a desk may put newer ones in a folder that TRADER_TABLES names."""

import datetime as dt
import os
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trader.adapters.kite.instruments import FreezeRow, FreezeTable
from trader.app.documents import ConfigInvalid, parse
from trader.app.profiles import Part
from trader.domain.calendars import AlwaysOpen, Calendar, ExchangeCalendar, Hours, SpecialSession
from trader.domain.charges import PARTS, ChargeRates, ChargeTable, Segment
from trader.domain.values import Paise

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM in India.")]


class HoursFile(Part):
    """From a date on, these hours hold."""

    effective: dt.date
    source: Annotated[str, Field(min_length=1)]
    opens: Clock
    closes: Clock
    pre_open: Clock | None = None
    auction_until: Clock | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "HoursFile":
        self.hours()
        return self

    def hours(self) -> Hours:
        """In the domain's units; raises ValueError for hours that do not follow each other."""
        optional = [None if each is None else _minutes(each) for each in (self.pre_open, self.auction_until)]
        return Hours(self.effective.isoformat(), _minutes(self.opens), _minutes(self.closes), *optional)


class SpecialSessionFile(Part):
    """One day with hours of its own."""

    date: dt.date
    source: Annotated[str, Field(min_length=1)]
    opens: Clock
    closes: Clock

    @model_validator(mode="after")
    def _in_order(self) -> "SpecialSessionFile":
        self.session()
        return self

    def session(self) -> SpecialSession:
        """In the domain's units; raises ValueError for one that closes before it opens."""
        return SpecialSession(self.date.isoformat(), _minutes(self.opens), _minutes(self.closes))


class CalendarFile(Part):
    """Hours, holidays and special sessions of one segment."""

    exchange: Literal["NFO", "NSE"]
    timezone: Literal["Asia/Kolkata"]
    hours: Annotated[tuple[HoursFile, ...], Field(min_length=1)]
    holidays: tuple[dt.date, ...]
    special_sessions: tuple[SpecialSessionFile, ...] = ()
    expiry_cutoff_minutes: Annotated[
        int, Field(ge=0, le=1440, description="Before the end of its last session a contract takes no new risk.")
    ] = 60


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


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

    checked: dt.date
    """The last day on which a person or a job compared it with the exchange's circulars."""
    rows: tuple[FreezeRowFile, ...]


def freeze_table() -> FreezeTable:
    """Freeze quantities by date.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    text, name = table("freeze_quantities.yaml")
    rows = parse(text, name, FreezeFile).rows
    return FreezeTable([FreezeRow(row.effective, row.quantities) for row in rows])


Percent = Annotated[float, Field(ge=0, le=100)]


class Brokerage(Part):
    """The broker's own part of one executed order."""

    percent: Percent
    at_most_rupees: Annotated[int, Field(ge=0, le=1_000)]


class TransactionTax(Part):
    """Securities transaction tax."""

    buy: Percent
    sell: Percent


class ChargeRowFile(Part):
    """What one segment costs from a date on."""

    effective: dt.date
    source: Annotated[str, Field(min_length=1)]
    segment: Segment
    brokerage: Brokerage
    transaction_tax_percent: TransactionTax
    transaction_percent: dict[Literal["NSE", "BSE"], Percent]
    sebi_percent: Percent
    stamp_duty_percent: Percent
    gst_percent: Percent


class ChargeFile(Part):
    """Charges by segment and date."""

    charges: Annotated[tuple[ChargeRowFile, ...], Field(min_length=1)]


def charge_table() -> ChargeTable:
    """What trading costs.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    text, name = table("charges.yaml")
    rows = parse(text, name, ChargeFile).charges
    return ChargeTable(tuple(_rates(row, exchange) for row in rows for exchange in sorted(row.transaction_percent)))


def _rates(row: ChargeRowFile, exchange: Literal["NSE", "BSE"]) -> ChargeRates:
    return ChargeRates(
        effective=row.effective.isoformat(),
        segment=row.segment,
        exchange=exchange,
        brokerage=_parts(row.brokerage.percent),
        brokerage_highest=Paise(row.brokerage.at_most_rupees * 100),
        tax_on_buy=_parts(row.transaction_tax_percent.buy),
        tax_on_sell=_parts(row.transaction_tax_percent.sell),
        transaction=_parts(row.transaction_percent[exchange]),
        sebi=_parts(row.sebi_percent),
        stamp_duty_on_buy=_parts(row.stamp_duty_percent),
        gst=_parts(row.gst_percent),
    )


def _parts(percent: float) -> int:
    """Parts per billion of a percentage, exactly as it is written."""
    return int(Decimal(repr(percent)) * PARTS / 100)


def freeze_checked_on() -> dt.date:
    """Until which day the freeze quantities are known to hold.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    text, name = table("freeze_quantities.yaml")
    return parse(text, name, FreezeFile).checked


def calendar_years(exchange: str) -> frozenset[int]:
    """The years of which holidays are known.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    text, name = table(f"calendars/{exchange.lower()}.yaml")
    return frozenset(each.year for each in parse(text, name, CalendarFile).holidays)


def calendar(exchange: str) -> Calendar:
    """The trading hours that a session asked for.

    Raises:
        ConfigInvalid: the table cannot be read.
    """
    if exchange == "AlwaysOpen":
        return AlwaysOpen()
    text, name = table(f"calendars/{exchange.lower()}.yaml")
    file = parse(text, name, CalendarFile)
    return ExchangeCalendar(
        holidays=frozenset(each.isoformat() for each in file.holidays),
        hours=tuple(row.hours() for row in file.hours),
        specials=tuple(row.session() for row in file.special_sessions),
        expiry_cutoff_minutes=file.expiry_cutoff_minutes,
    )
