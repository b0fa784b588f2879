"""What a trade costs: brokerage, exchange and SEBI charges, transaction tax, stamp duty, GST.

The rates are rows of a dated table (data/charges.yaml), each with its source and day of effect. The calculator routes
show exact figures, as the mocks of zerodha/kiteconnect-mocks do (virtual_contract_note.json); what is taken from the
cash is rounded as a contract note is: transaction tax and stamp duty to the rupee, everything else to the paisa.
A real note rounds a day's sum; here each order is rounded by itself, so that a fill's cost is known when it happens.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kitesim.calendars import packaged
from kitesim.errors import ConfigInvalid
from kitesim.market.instruments import Instrument

Segment = Literal["equity_delivery", "equity_intraday", "futures", "options", "options_exercised"]
ChargeName = Literal[
    "brokerage", "transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "stamp_duty", "gst"
]
_ZERO = Decimal(0)
_TO_THE_RUPEE = ("transaction_tax", "stamp_duty")


class ChargeRow(BaseModel):
    """One charge from one day on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    charge: ChargeName
    segment: Segment
    effective: date
    source: str
    percent: Decimal = _ZERO
    flat: Decimal = _ZERO
    at_most: Decimal | None = None
    side: Literal["BUY", "SELL"] | None = None
    exchange: str | None = None

    def amount(self, base: Decimal) -> Decimal:
        """Return the charge on this many rupees, unrounded."""
        charge = self.flat + base * self.percent / 100
        return charge if self.at_most is None else min(charge, self.at_most)


class _ChargeFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: list[ChargeRow]


@dataclass(frozen=True, slots=True)
class Charges:
    """The charges of one order in rupees, unrounded."""

    brokerage: Decimal = _ZERO
    transaction_tax: Decimal = _ZERO
    exchange_turnover_charge: Decimal = _ZERO
    sebi_turnover_charge: Decimal = _ZERO
    stamp_duty: Decimal = _ZERO
    gst: Decimal = _ZERO

    def taken(self) -> int:
        """Return what leaves the cash, in paise: tax and stamp duty to the rupee, the rest to the paisa."""
        rupees = [getattr(self, name) for name in _TO_THE_RUPEE]
        others = (self.brokerage, self.exchange_turnover_charge, self.sebi_turnover_charge, self.gst)
        return sum(_rounded(each) * 100 for each in rupees) + sum(_rounded(each * 100) for each in others)

    def row(self) -> dict[str, object]:
        """Return the object `charges` of the margin and charge routes."""
        total = (
            *(self.brokerage, self.transaction_tax, self.exchange_turnover_charge),
            *(self.sebi_turnover_charge, self.stamp_duty, self.gst),
        )
        return {
            "transaction_tax": float(self.transaction_tax),
            "transaction_tax_type": "stt",
            "exchange_turnover_charge": float(self.exchange_turnover_charge),
            "sebi_turnover_charge": float(self.sebi_turnover_charge),
            "brokerage": float(self.brokerage),
            "stamp_duty": float(self.stamp_duty),
            "gst": {"igst": float(self.gst), "cgst": 0, "sgst": 0, "total": float(self.gst)},
            "total": float(sum(total, _ZERO)),
        }


def segment_of(instrument: Instrument, product: str) -> Segment:
    """Return the column of the broker's charge sheet."""
    if instrument.is_derivative:
        return "options" if instrument.instrument_type in ("CE", "PE") else "futures"
    return "equity_intraday" if product == "MIS" else "equity_delivery"


class ChargeTable:
    """The dated table."""

    def __init__(self, rows: list[ChargeRow]) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: row.effective))
        self._known: dict[tuple[date, Segment, str, str], dict[str, ChargeRow]] = {}

    def of(self, instrument: Instrument, product: str, transaction_type: str, value: int, day: date) -> Charges:
        """Return the charges of an order that traded this many paise on this day; nothing traded costs nothing."""
        if value <= 0:
            return Charges()
        rows = self._rows(day, segment_of(instrument, product), instrument.exchange, transaction_type)
        rupees = Decimal(value) / 100
        amounts = {name: row.amount(rupees) for name, row in rows.items() if name != "gst"}
        taxed = ("brokerage", "exchange_turnover_charge", "sebi_turnover_charge")
        gst = rows.get("gst")
        if gst is not None:
            amounts["gst"] = gst.amount(sum((amounts.get(name, _ZERO) for name in taxed), _ZERO))
        return Charges(**amounts)

    def of_exercise(self, instrument: Instrument, intrinsic: int, day: date) -> Charges:
        """Return the charges of bought options that are exercised with this intrinsic value in paise."""
        rows = self._rows(day, "options_exercised", instrument.exchange, "BUY")
        rupees = Decimal(max(intrinsic, 0)) / 100
        return Charges(**{name: row.amount(rupees) for name, row in rows.items()})

    def _rows(self, day: date, segment: Segment, exchange: str, side: str) -> dict[str, ChargeRow]:
        key = (day, segment, exchange, side)
        known = self._known.get(key)
        if known is None:
            newest = {
                row.charge: row
                for row in self.rows
                if row.effective <= day and row.segment == segment and row.exchange in (None, exchange)
            }
            known = {name: row for name, row in newest.items() if row.side in (None, side)}
            self._known[key] = known
        return known


def load_charges(path: Path | None = None) -> ChargeTable:
    """Read the packaged table, or the one at `path`.

    Raises:
        ConfigInvalid: the file cannot be read or does not have the format of the packaged one.
    """
    try:
        text = packaged("charges.yaml") if path is None else path.read_text()
        return ChargeTable(_ChargeFile.model_validate(yaml.safe_load(text)).rows)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ConfigInvalid(f"charges.file: {path} is no table of charges: {reason}; see data/charges.yaml") from error


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
