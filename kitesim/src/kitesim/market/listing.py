"""Contracts that a mirror is told of: the day's futures and options of the market that it follows.

Its own master is made of rules and seeds; the market that it mirrors lists what it lists. A contract needs an underlying that is
known here, since its margin and its settlement follow it.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kitesim.market.content import DerivativeRow
from kitesim.market.instruments import SEGMENT_BFO, SEGMENT_NFO, Instrument, Master

_SEGMENTS = {"NFO": SEGMENT_NFO, "BFO": SEGMENT_BFO}
# Above all tokens that the rules give: exchange tokens of three bytes.
_FIRST_TOKEN = 0xC00000


class ListedContract(BaseModel):
    """A row of an instrument master; money in rupees, as there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str = Field(pattern=r"^(NFO|BFO):[A-Z0-9&-]{1,40}$")
    name: str = Field(min_length=1, max_length=40)
    instrument_type: Literal["FUT", "CE", "PE"]
    expiry: date
    strike: float = Field(0.0, ge=0, le=4e7, allow_inf_nan=False)
    tick_size: float = Field(gt=0, le=1000, allow_inf_nan=False)
    lot_size: int = Field(gt=0, lt=1 << 24)
    freeze_quantity: int = Field(0, ge=0, lt=1 << 31)

    @model_validator(mode="after")
    def _has_strike(self) -> "ListedContract":
        if (self.instrument_type == "FUT") != (self.strike == 0):
            raise ValueError("strike: an option has one, a future has none")
        return self


def listed(row: ListedContract, underlyings: Mapping[str, DerivativeRow], master: Master) -> Instrument | None:
    """Make the contract that the master lacks; None when its underlying is not known here."""
    exchange, symbol = row.instrument.split(":", 1)
    known = underlyings.get(row.name)
    if known is None or known.exchange != exchange or not re.fullmatch(r"[A-Z0-9&-]+", symbol):
        return None
    token = _FIRST_TOKEN << 8 | _SEGMENTS[exchange]
    while token in master.by_token:
        token += 1 << 8
    kind = "FUT" if row.instrument_type == "FUT" else "OPT"
    return Instrument(
        token=token,
        symbol=symbol,
        name=row.name,
        exchange=exchange,
        segment=f"{exchange}-{kind}",
        instrument_type=row.instrument_type,
        tick=round(row.tick_size * 100),
        lot=row.lot_size,
        freeze=row.freeze_quantity,
        reference_price=0,
        path=known.index,
        session=exchange,
        expiry=row.expiry,
        strike=round(row.strike * 100),
    )
