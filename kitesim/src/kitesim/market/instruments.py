"""Instruments and the daily dump.

Prices are integer paise. `token = exchange_token * 256 + segment`: https://kite.trade/docs/connect/v3/websocket/
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

# The low byte of a token: EXCHANGE_MAP of kiteconnect 5.2.2, ticker.py.
SEGMENT_NSE, SEGMENT_NFO, SEGMENT_BSE, SEGMENT_BFO, SEGMENT_INDICES = 1, 2, 4, 5, 9
# Header of zerodha/kiteconnect-mocks, instruments_all.csv.
CSV_HEADER = (
    *("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry", "strike"),
    *("tick_size", "lot_size", "instrument_type", "segment", "exchange"),
)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the master. Prices in paise; a freeze quantity of 0 means none."""

    token: int
    symbol: str
    name: str
    exchange: str
    segment: str
    instrument_type: str
    tick: int
    lot: int
    freeze: int
    reference_price: int
    path: str
    """The name of the price path that it follows."""
    session: str
    """The session of the calendar whose hours it keeps."""
    expiry: date | None = None
    strike: int = 0

    @property
    def key(self) -> str:
        """`NFO:NIFTY26DECFUT`, as quotes name it."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def exchange_token(self) -> int:
        """The exchange's own number."""
        return self.token >> 8

    @property
    def is_index(self) -> bool:
        """Indices are quoted and never traded."""
        return self.token & 0xFF == SEGMENT_INDICES

    @property
    def is_option(self) -> bool:
        """Calls and puts."""
        return self.strike > 0

    @property
    def is_derivative(self) -> bool:
        """Futures and options."""
        return self.expiry is not None

    def rounded(self, paise: float) -> int:
        """Return the nearest price on this instrument's tick grid, at least one tick."""
        return max(round(paise / self.tick), 1) * self.tick


class Master:
    """All instruments of a day, by token and by key."""

    def __init__(self, day: date, instruments: Iterable[Instrument]) -> None:
        self.day = day
        self.by_token = {instrument.token: instrument for instrument in instruments}
        self.by_key = {instrument.key: instrument for instrument in self.by_token.values()}
        self._followers: dict[str, list[Instrument]] = {}
        for instrument in self.by_token.values():
            self._followers.setdefault(instrument.path, []).append(instrument)
        assert len(self.by_key) == len(self.by_token), "two instruments share a tradingsymbol"

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.by_token.values())

    def followers(self, path: str) -> list[Instrument]:
        """Return all instruments of a price path, its own first."""
        return self._followers.get(path, [])

    def __len__(self) -> int:
        return len(self.by_token)

    def dump(self, exchange: str | None = None) -> str:
        """Return the CSV of `/instruments`, or of `/instruments/{exchange}`."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CSV_HEADER)
        for row in self:
            if exchange is not None and row.exchange != exchange:
                continue
            # Indices have no tick and no lot in the real dump; clients cast both, so they are zeros, never empty.
            tick, lot = (0, 0) if row.is_index else (row.tick / 100, row.lot)
            writer.writerow(
                [
                    row.token,
                    row.exchange_token,
                    row.symbol,
                    row.name,
                    row.reference_price / 100,
                    row.expiry or "",
                    row.strike / 100,
                    tick,
                    lot,
                    row.instrument_type,
                    row.segment,
                    row.exchange,
                ]
            )
        return text.getvalue()
