"""A market that follows somebody: quotes that a client pushes (a mirror), or recorded ticks (a replay).

An instrument that was fed once walks no more by itself; what is priced on it (futures, options) follows it, unless it
is fed too. Recorded ticks are rows of `time` (ISO 8601, in India when without an offset; or Unix seconds, milliseconds
or nanoseconds), `instrument` (`NSE:INFY`), `last_price`, and if they have them `quantity`, `oi`, and depth as
`bid`, `bid_quantity`, `ask`, `ask_quantity`. They must be in the order of time.
"""

import csv
import importlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kitesim.clocks import IST, SECOND
from kitesim.errors import ConfigInvalid
from kitesim.market.books import LEVELS, Book, Level
from kitesim.market.market import Market

_MOST_RUPEES = 4e7
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


class FedTick(BaseModel):
    """One tick from outside. `volume` is the day's so far, in place of `quantity` of this tick."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str
    last_price: float = Field(gt=0, le=_MOST_RUPEES, allow_inf_nan=False)
    quantity: int = Field(0, ge=0, lt=1 << 32)
    volume: int | None = Field(None, ge=0, lt=1 << 32)
    oi: int | None = Field(None, ge=0, lt=1 << 32)
    depth: FedDepth | None = None


def feed(market: Market, tick: FedTick, now_ns: int) -> int | None:
    """Put a tick into the market and return its token; None when no such instrument is listed."""
    quote = market.find(tick.instrument)
    if quote is None:
        return None
    instrument = quote.instrument
    quantity = tick.quantity if tick.volume is None else max(tick.volume - quote.volume, 0)
    book = None
    if tick.depth is not None and not instrument.is_index:
        bids, asks = (
            [Level(instrument.rounded(each.price * 100), each.quantity, each.orders) for each in side if each.quantity]
            for side in (tick.depth.buy, tick.depth.sell)
        )
        book = Book(bids, asks, sum(each.quantity for each in bids), sum(each.quantity for each in asks))
    market.feed(instrument.token, instrument.rounded(tick.last_price * 100), quantity, now_ns, book)
    if tick.oi is not None:
        quote.set_open_interest(tick.oi)
    return instrument.token


def replay(path: Path) -> Iterator[tuple[int, FedTick]]:
    """Return the recorded ticks with their times in Unix nanoseconds; the file is open while they are taken.

    Raises:
        ConfigInvalid: at once when the file cannot be read; at a row that is none when that row is due.
    """
    if path.suffix == ".parquet":
        return _ticks(path, _parquet(path))
    if not path.is_file():
        raise ConfigInvalid(f"replay: {path} cannot be read: no such file")
    return _ticks(path, _csv(path))


def _csv(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def _parquet(path: Path) -> Iterator[Mapping[str, object]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigInvalid(f"replay: {path} needs `pip install kitesim[parquet]`") from error
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"replay: {path} cannot be read: {error}") from error
    return (row for batch in file.iter_batches() for row in batch.to_pylist())


def _ticks(path: Path, rows: Iterator[Mapping[str, object]]) -> Iterator[tuple[int, FedTick]]:
    for number, row in enumerate(rows, 1):
        try:
            yield _moment(row["time"]), _tick(row)
        except (KeyError, ValueError, TypeError, ValidationError) as error:
            reason = f"has no column {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise ConfigInvalid(f"replay: {path}, row {number}: {reason}") from error


def _tick(row: Mapping[str, object]) -> FedTick:
    fields = {
        name: row[name] for name in ("instrument", "last_price", "quantity", "volume", "oi") if _is_there(row, name)
    }
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
