"""What trades here: the format of data/instruments.yaml.

Figures that the exchanges change (lots, freeze quantities) are tables by date, so that a master of any day has that
day's figures.
"""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kitesim.calendars import packaged
from kitesim.errors import ConfigInvalid
from kitesim.market.paths import DRIVER, PathShape


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


class DerivativeRow(_Row):
    """The futures and the option chains on one index."""

    name: str
    index: str
    exchange: str
    number: int = Field(ge=0, lt=8)
    expiry_weekday: int = Field(ge=0, le=4)
    weekly: bool
    strike_step: int = Field(gt=0)
    lots: Mapping[date, int]
    freezes: Mapping[date, int]

    @field_validator("lots", "freezes")
    @classmethod
    def _sorted(cls, table: Mapping[date, int]) -> Mapping[date, int]:
        assert table, "a table by date needs a row"
        assert all(earlier < later for earlier, later in pairwise(table)), "the dates of a table ascend"
        assert all(value > 0 for value in table.values()), "quantities are above 0"
        return table

    def lot(self, expiry: date) -> int:
        """Return the lot of a contract that ends on this day."""
        return _at(self.lots, expiry)

    def freeze(self, day: date) -> int:
        """Return the freeze quantity on this day."""
        return _at(self.freezes, day)


class EquityRow(_Row):
    """A share on NSE; `session` NSE for one without derivatives, which has no closing auction."""

    token: int
    symbol: str
    name: str
    price: float = Field(gt=0)
    beta: float
    volatility: float = Field(gt=0)
    session: str = "NSE-CAS"


class InstrumentFile(_Row):
    """data/instruments.yaml."""

    indices: list[IndexRow]
    derivatives: list[DerivativeRow]
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
    rows: list[IndexRow | EquityRow] = [*content.indices, *content.equities]
    return [PathShape(row.symbol, row.price, row.beta, row.volatility) for row in rows]


def daily_volatility(content: InstrumentFile) -> dict[str, float]:
    """Return the standard deviation of each path's whole daily move: the driver's share and its own."""
    driver = next(row.volatility for row in content.indices if row.symbol == DRIVER)
    rows: list[IndexRow | EquityRow] = [*content.indices, *content.equities]
    return {row.symbol: ((row.beta * driver) ** 2 + row.volatility**2) ** 0.5 for row in rows}


def _at(table: Mapping[date, int], day: date) -> int:
    """Return the value of the newest row that is not after the day; the oldest when all are."""
    found = next(iter(table.values()))
    for since, value in table.items():
        if since > day:
            break
        found = value
    return found
