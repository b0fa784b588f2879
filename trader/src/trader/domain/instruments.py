"""What the exchange says of an instrument today: tick, lot, freeze quantity, circuit limits."""

from dataclasses import dataclass

from trader.domain.values import InstrumentKey, Paise, Quantity


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the day's instrument master, with the limits that guards need.

    `underlying` is the index or stock name (`NIFTY`); `kind` is Kite's `instrument_type` (`FUT`, `CE`, `PE`, `EQ`) or `INDEX`.
    A freeze quantity of 0 means that none applies; circuit limits of 0 mean unknown, which denies new risk.
    """

    key: InstrumentKey
    token: int
    underlying: str
    kind: str
    expiry: str
    tick_size: Paise
    lot_size: Quantity
    freeze_quantity: Quantity
    lower_circuit: Paise
    upper_circuit: Paise

    @property
    def bucket(self) -> str:
        """The instrument class of `trader_marketdata_heartbeat_seconds{bucket}`: index, future, option or equity."""
        return {"INDEX": "index", "FUT": "future", "CE": "option", "PE": "option"}.get(self.kind, "equity")
