"""The day's instruments: from the master to the few that the profile allows, with circuit limits and freeze quantities.

For each underlying and kind only the nearest expiry that is not before the trading date is taken. The master's NFO part has
some 90,000 rows and the official parser runs `dateutil` on each; we take its bytes through the official route and read only
the rows that matter.
"""

import csv
import dataclasses
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trader.adapters.kite.money import paise
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey, Quantity

# Whose derivatives trade where: SENSEX and its siblings at BSE, everything else at NSE (kite.trade/docs/connect/v3, exchanges).
_BSE_INDICES: Final = frozenset({"SENSEX", "BANKEX", "SENSEX50"})
DERIVATIVES: Final = frozenset({"FUT", "CE", "PE"})


@dataclass(frozen=True, slots=True)
class FreezeRow:
    """From a date on, orders above this quantity are refused by the exchange."""

    effective: dt.date
    quantities: Mapping[str, int]


class FreezeTable:
    """Freeze quantities by date; exchanges change them nearly every month, so they are data, never constants."""

    def __init__(self, rows: Sequence[FreezeRow]) -> None:
        self._rows = sorted(rows, key=lambda row: row.effective)

    def quantity(self, underlying: str, on: dt.date) -> int | None:
        """The freeze quantity of an underlying's derivatives on a day; None when no row says so."""
        found = None
        for row in self._rows:
            if row.effective <= on:
                found = row.quantities.get(underlying, found)
        return found


@dataclass(frozen=True, slots=True)
class MasterRow:
    """One row of the master, before limits are known."""

    key: InstrumentKey
    token: int
    underlying: str
    kind: str
    expiry: str
    tick_size: str
    lot_size: int


def exchanges_of(underlyings: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    """Which parts of the master must be read."""
    wanted = set()
    for kind in kinds:
        for underlying in underlyings:
            bse = underlying in _BSE_INDICES
            wanted.add(("BFO" if bse else "NFO") if kind in DERIVATIVES else ("BSE" if bse else "NSE"))
    return tuple(sorted(wanted))


def select(master: bytes, underlyings: Sequence[str], kinds: Sequence[str], on: dt.date) -> list[MasterRow]:
    """The rows of one exchange's master that the profile allows, nearest expiry only.

    Raises:
        KeyError, ValueError: the text is no instrument master.
    """
    reader = csv.DictReader(io.StringIO(master.decode("utf-8")))
    allowed, wanted_kinds, today = set(underlyings), set(kinds), on.isoformat()
    candidates: dict[tuple[str, str], list[MasterRow]] = {}
    for row in reader:
        kind = "INDEX" if row["segment"] == "INDICES" else row["instrument_type"]
        underlying = row["name"] if kind in DERIVATIVES else row["tradingsymbol"]
        if kind not in wanted_kinds or underlying not in allowed or (kind in DERIVATIVES and row["expiry"] < today):
            continue
        candidates.setdefault((underlying, kind), []).append(
            MasterRow(
                key=InstrumentKey(f"{row['exchange']}:{row['tradingsymbol']}"),
                token=int(row["instrument_token"]),
                underlying=underlying,
                kind=kind,
                expiry=row["expiry"],
                tick_size=row["tick_size"],
                lot_size=int(row["lot_size"]),
            )
        )
    chosen: list[MasterRow] = []
    for rows in candidates.values():
        nearest = min(row.expiry for row in rows)
        chosen.extend(row for row in rows if row.expiry == nearest)
    return sorted(chosen, key=lambda row: row.key)


def complete(row: MasterRow, quote: Mapping[str, Any] | None, freeze: FreezeTable, on: dt.date) -> Instrument:
    """Add what the master lacks. A missing quote leaves the circuit limits at 0: unknown, which denies new risk.

    Raises:
        ValueError: a derivative whose freeze quantity no table knows: it must not be traded blindly.
    """
    quantity = freeze.quantity(row.underlying, on) if row.kind in DERIVATIVES else 0
    if quantity is None:
        raise ValueError(
            f"no freeze quantity of {row.underlying} is known for {on}; add a row to freeze_quantities.yaml"
        )
    found = Instrument(
        key=row.key,
        token=row.token,
        underlying=row.underlying,
        kind=row.kind,
        expiry=row.expiry,
        tick_size=paise(row.tick_size),
        lot_size=Quantity(row.lot_size),
        freeze_quantity=Quantity(quantity),
        lower_circuit=paise(None),
        upper_circuit=paise(None),
    )
    return limited(found, quote or {})


def limited(instrument: Instrument, quote: Mapping[str, Any]) -> Instrument:
    """The instrument with the circuit limits of a quote."""
    return dataclasses.replace(
        instrument,
        lower_circuit=paise(quote.get("lower_circuit_limit")),
        upper_circuit=paise(quote.get("upper_circuit_limit")),
    )
