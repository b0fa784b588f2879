"""A market that follows somebody: quotes that a client pushes (a mirror), or recorded ticks (a replay).

An instrument that was fed once walks no more by itself; what is priced on it (futures, options) follows it, unless it
is fed too. Recorded ticks are rows of `time` (ISO 8601, in India when without an offset; or Unix seconds, milliseconds
or nanoseconds), `instrument` (`NSE:INFY`), `last_price`, and if they have them `quantity`, `oi`, the figures of the day
as `open`, `high`, `low`, `close` (of the day before), and depth as `bid`, `bid_quantity`, `ask`, `ask_quantity`. They
must be in the order of time. A recording is read through once before the market starts: a bad row is refused there.
"""

import csv
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kitesim.clocks import IST, SECOND
from kitesim.errors import ConfigInvalid
from kitesim.market.books import LEVELS, Book, Level
from kitesim.market.market import Market

_MOST_RUPEES = 4e7
# Absent is None; 0 says, as in Kite's ticks, that there is none.
_RUPEES = Field(None, ge=0, le=_MOST_RUPEES, allow_inf_nan=False)
# Unix times in seconds, milliseconds and nanoseconds lie far apart.
_MILLISECONDS_FROM, _NANOSECONDS_FROM = 10**11, 10**16


class FedLevel(BaseModel):
    """One price of one side."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    price: float = Field(ge=0, le=_MOST_RUPEES, allow_inf_nan=False)
    quantity: int = Field(ge=0, lt=1 << 32)
    orders: int = Field(1, ge=0, lt=1 << 16)


class FedDepth(BaseModel):
    """Depth as Kite's quote has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    buy: list[FedLevel] = Field(default_factory=list, max_length=LEVELS)
    sell: list[FedLevel] = Field(default_factory=list, max_length=LEVELS)


class FedDay(BaseModel):
    """The figures of the day as Kite's ticks have them; `close` is that of the day before."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    open: float | None = _RUPEES
    high: float | None = _RUPEES
    low: float | None = _RUPEES
    close: float | None = _RUPEES


class FedTick(BaseModel):
    """One tick from outside. `volume` is the day's so far, `quantity` what this tick traded; one of them suffices."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str
    last_price: float = Field(gt=0, le=_MOST_RUPEES, allow_inf_nan=False)
    quantity: int = Field(0, ge=0, lt=1 << 32)
    volume: int | None = Field(None, ge=0, lt=1 << 32)
    oi: int | None = Field(None, ge=0, lt=1 << 32)
    ohlc: FedDay | None = None
    average_price: float | None = _RUPEES
    lower_circuit_limit: float | None = _RUPEES
    upper_circuit_limit: float | None = _RUPEES
    depth: FedDepth | None = None

    @model_validator(mode="after")
    def _limits_ascend(self) -> "FedTick":
        if (
            self.lower_circuit_limit
            and self.upper_circuit_limit
            and self.lower_circuit_limit > self.upper_circuit_limit
        ):
            raise ValueError("lower_circuit_limit stands above upper_circuit_limit")
        return self


def feed(market: Market, tick: FedTick, now_ns: int) -> int | None:
    """Put a tick into the market and return its token; None when no such instrument is listed."""
    quote = market.find(tick.instrument)
    if quote is None:
        return None
    instrument = quote.instrument
    if instrument.token not in market.fed:
        quote.forget_day()
    day, traded = tick.ohlc or FedDay(), tick.quantity
    if tick.volume is not None and not traded:
        traded = max(tick.volume - quote.volume, 0)
    if day.close:
        quote.rebase(instrument.rounded(day.close * 100))
    book = None
    if tick.depth is not None and not instrument.is_index:
        bids, asks = (
            [Level(instrument.rounded(each.price * 100), each.quantity, each.orders) for each in side if each.quantity]
            for side in (tick.depth.buy, tick.depth.sell)
        )
        book = Book(bids, asks, sum(each.quantity for each in bids), sum(each.quantity for each in asks))
    market.feed(instrument.token, instrument.rounded(tick.last_price * 100), traded, now_ns, book)
    if tick.oi is not None:
        quote.set_open_interest(tick.oi)
    opened, high, low, lower, upper = (
        instrument.rounded(rupees * 100) if rupees else None
        for rupees in (day.open, day.high, day.low, tick.lower_circuit_limit, tick.upper_circuit_limit)
    )
    quote.set_day(opened, high, low)
    quote.set_limits(lower, upper)
    if tick.volume is not None:
        quote.set_volume(tick.volume, round(tick.average_price * 100) if tick.average_price else None)
    return instrument.token


@dataclass(frozen=True, slots=True)
class Recording:
    """What a recording holds; times in Unix nanoseconds, zeros when it is empty."""

    ticks: int
    first_ns: int
    last_ns: int
    instruments: frozenset[str]


def inspect(path: Path) -> Recording:
    """Read a recording through.

    Raises:
        ConfigInvalid: the file cannot be read, a row is none, or the rows are not in the order of time; the message
            names the file and the line (of Parquet the row).
    """
    ticks = first = last = 0
    instruments: set[str] = set()
    for moment, tick in replay(path):
        first = first or moment
        last = moment
        ticks += 1
        instruments.add(tick.instrument)
    return Recording(ticks, first, last, frozenset(instruments))


def replay(path: Path) -> Iterator[tuple[int, FedTick]]:
    """Return the recorded ticks with their times in Unix nanoseconds; the file is open while they are taken.

    Raises:
        ConfigInvalid: at once when the file cannot be read; at a row that is none when that row is taken.
    """
    if path.suffix == ".parquet":
        return _ticks(path, _parquet(path))
    if not path.is_file():
        raise ConfigInvalid(f"replay: {path} cannot be read: no such file")
    return _ticks(path, _csv(path))


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, strict=True)
            for row in rows:
                yield f"line {rows.line_num}", row
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"replay: {path} is no CSV in UTF-8: {error}") from error


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigInvalid(f"replay: {path} needs `pip install kitesim[parquet]`") from error
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"replay: {path} cannot be read: {error}") from error
    return _parquet_rows(path, file)


def _parquet_rows(path: Path, file: Any) -> Iterator[tuple[str, Mapping[str, object]]]:
    number = 0
    try:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"replay: {path} cannot be read after row {number}: {error}") from error


def _ticks(path: Path, rows: Iterator[tuple[str, Mapping[str, object]]]) -> Iterator[tuple[int, FedTick]]:
    before = 0
    for where, row in rows:
        try:
            moment, tick = _moment(row["time"]), _tick(row)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise ConfigInvalid(f"replay: {path}, {where}: {_reason(error)}") from error
        if moment < before:
            raise ConfigInvalid(f"replay: {path}, {where}: time: expected the order of time, was {row['time']!r}")
        before = moment
        yield moment, tick


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"expected a column {error}, has none"
    if isinstance(error, ValidationError):
        problems = error.errors()
        return "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}, was {each['input']!r}" for each in problems
        )
    return f"time: {error}"


def _tick(row: Mapping[str, object]) -> FedTick:
    names = ("instrument", "last_price", "quantity", "volume", "oi", "lower_circuit_limit", "upper_circuit_limit")
    fields: dict[str, object] = {name: row[name] for name in names if _is_there(row, name)}
    day = {name: row[name] for name in ("open", "high", "low", "close") if _is_there(row, name)}
    if day:
        fields["ohlc"] = day
    sides = {
        side: [{"price": row[name], "quantity": row.get(f"{name}_quantity")}]
        for side, name in (("buy", "bid"), ("sell", "ask"))
        if _is_there(row, name)
    }
    return FedTick.model_validate({**fields, "depth": sides or None})


def _is_there(row: Mapping[str, object], name: str) -> bool:
    return row.get(name) not in {None, ""}


def _moment(value: object) -> int:
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        stamped = value if value.tzinfo else value.replace(tzinfo=IST)
        return int(stamped.timestamp() * 1_000_000) * 1000
    number = float(str(value))
    if number >= _NANOSECONDS_FROM:
        return int(str(value))
    return int(number * (1_000_000 if number >= _MILLISECONDS_FROM else SECOND))
