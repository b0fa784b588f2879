"""The instrument master of any date: indices, their futures, and shares, from data/instruments.yaml.

The same contract has the same token on every day it is listed: exchange tokens derive from underlying and expiry.
"""

from datetime import date

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kitesim.calendars import Calendar, packaged
from kitesim.errors import ConfigInvalid
from kitesim.market.instruments import SEGMENT_NFO, Instrument, Master
from kitesim.market.paths import PathShape

# NSE lists three monthly index futures: current, next and far.
LISTED_MONTHS = 3
# Simple carry of an index future over its index, per year.
CARRY_PER_YEAR = 0.065
_FIRST_FUTURE_TOKEN = 35_000


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IndexRow(_Row):
    """An index: price in rupees, beta to NIFTY 50, own volatility a day."""

    token: int
    symbol: str
    exchange: str
    price: float = Field(gt=0)
    beta: float
    volatility: float = Field(gt=0)


class FutureRow(_Row):
    """The monthly futures on one index."""

    name: str
    index: str
    exchange: str
    lot: int = Field(gt=0)
    freeze: int = Field(gt=0)
    expiry_weekday: int = Field(ge=0, le=4)
    number: int = Field(ge=0, lt=40)


class EquityRow(_Row):
    """A share on NSE."""

    token: int
    symbol: str
    name: str
    price: float = Field(gt=0)
    beta: float
    volatility: float = Field(gt=0)


class InstrumentFile(_Row):
    """data/instruments.yaml."""

    indices: list[IndexRow]
    futures: list[FutureRow]
    equities: list[EquityRow]


def load_instruments() -> InstrumentFile:
    """Read the packaged instrument file.

    Raises:
        ConfigInvalid: the file does not have its format.
    """
    try:
        return InstrumentFile.model_validate(yaml.safe_load(packaged("instruments.yaml")))
    except ValidationError as error:
        raise ConfigInvalid(f"data/instruments.yaml: {error}") from error


def shapes(content: InstrumentFile) -> list[PathShape]:
    """Return the price paths of the file: every index and every share has its own."""
    indices = [PathShape(row.symbol, row.price, row.beta, row.volatility) for row in content.indices]
    return indices + [PathShape(row.symbol, row.price, row.beta, row.volatility) for row in content.equities]


def equity_tick(rupees: float) -> int:
    """Return the tick in paise of a share: NSE's slabs since 2025-04-15."""
    for below, tick in ((250, 1), (1000.005, 5), (5000.005, 10), (10_000.005, 50), (20_000.005, 100)):
        if rupees < below:
            return tick
    return 500


def index_future_tick(rupees: float) -> int:
    """Return the tick in paise of an index future: NSE's slabs since 2025-04-15."""
    return 5 if rupees <= 15_000 else 10 if rupees <= 30_000 else 20


def listed_expiries(calendar: Calendar, day: date, weekday: int) -> list[date]:
    """Return the monthly expiries that are listed on this day, nearest first."""
    expiries: list[date] = []
    year, month = day.year, day.month
    while len(expiries) < LISTED_MONTHS:
        expiry = calendar.monthly_expiry(year, month, weekday)
        if expiry >= day:
            expiries.append(expiry)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return expiries


def carry(day: date, expiry: date) -> float:
    """Return the fraction by which a future stands above its index."""
    return CARRY_PER_YEAR * max((expiry - day).days, 0) / 365


def future_symbol(name: str, expiry: date) -> str:
    """Return `NIFTY26DECFUT`."""
    return f"{name}{expiry:%y%b}FUT".upper()


def build_master(content: InstrumentFile, calendar: Calendar, day: date) -> Master:
    """Return all instruments of a day, indices first, so that what follows them finds them moved."""
    indices = [_index(row) for row in content.indices]
    levels = {row.symbol: row.price for row in content.indices}
    futures = [
        _future(row, expiry, levels[row.index], day)
        for row in content.futures
        for expiry in listed_expiries(calendar, day, row.expiry_weekday)
    ]
    return Master(day, [*indices, *futures, *(_equity(row) for row in content.equities)])


def _index(row: IndexRow) -> Instrument:
    return Instrument(
        token=row.token,
        symbol=row.symbol,
        name=row.symbol,
        exchange=row.exchange,
        segment="INDICES",
        instrument_type="EQ",
        tick=5,
        lot=1,
        freeze=0,
        reference_price=round(row.price * 100),
        path=row.symbol,
    )


def _future(row: FutureRow, expiry: date, level: float, day: date) -> Instrument:
    tick = index_future_tick(level)
    months = (expiry.year - 2000) * 12 + expiry.month
    exchange_token = _FIRST_FUTURE_TOKEN + months % 240 * 40 + row.number
    return Instrument(
        token=exchange_token * 256 + SEGMENT_NFO,
        symbol=future_symbol(row.name, expiry),
        name=row.name,
        exchange=row.exchange,
        segment=f"{row.exchange}-FUT",
        instrument_type="FUT",
        tick=tick,
        lot=row.lot,
        freeze=row.freeze,
        reference_price=round(level * (1 + carry(day, expiry)) * 100 / tick) * tick,
        path=row.index,
        expiry=expiry,
    )


def _equity(row: EquityRow) -> Instrument:
    return Instrument(
        token=row.token,
        symbol=row.symbol,
        name=row.name,
        exchange="NSE",
        segment="NSE",
        instrument_type="EQ",
        tick=equity_tick(row.price),
        lot=1,
        freeze=0,
        reference_price=round(row.price * 100),
        path=row.symbol,
    )
