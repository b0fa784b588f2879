"""What a trade costs beside its price: brokerage, transaction tax, exchange and SEBI charges, stamp duty, GST.

Rates come from a dated table (tables/charges.yaml, each row with its source), never from constants: they change with every budget.
All in paise and parts per billion of the turnover; every part is rounded up to the paisa, so that we never think ourselves richer
than the contract note says, but for its rounding of tax and stamp duty to the rupee of the day's sum.
"""

from dataclasses import dataclass
from enum import StrEnum

from trader.domain.values import InstrumentKey, Paise, Product, Side

PARTS = 1_000_000_000


class Segment(StrEnum):
    """The columns of the broker's charge sheet."""

    EQUITY_DELIVERY = "equity_delivery"
    EQUITY_INTRADAY = "equity_intraday"
    FUTURES = "futures"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class ChargeRates:
    """What one segment of one exchange costs from a date on."""

    effective: str
    """ISO date."""
    segment: Segment
    exchange: str
    """`NSE` or `BSE`."""
    brokerage: int
    """Parts per billion of an executed order's turnover; 0 with a highest above 0 is a flat fee."""
    brokerage_highest: Paise
    tax_on_buy: int
    tax_on_sell: int
    """Securities transaction tax."""
    transaction: int
    """The exchange's own charge."""
    sebi: int
    stamp_duty_on_buy: int
    gst: int
    """Of brokerage, transaction and SEBI charges together."""


@dataclass(frozen=True, slots=True)
class ChargeTable:
    """All rows, whatever their order."""

    rows: tuple[ChargeRates, ...] = ()

    def rates(self, on: str, segment: Segment, exchange: str) -> ChargeRates | None:
        """The newest row that holds on a date, else the oldest there is; None when the segment has none."""
        rows = [row for row in self.rows if row.segment is segment and row.exchange == exchange]
        in_effect = [row for row in rows if row.effective <= on]
        if in_effect:
            return max(in_effect, key=lambda row: row.effective)
        return min(rows, key=lambda row: row.effective, default=None)

    def of_order(self, on: str, instrument: InstrumentKey, product: Product, side: Side, turnover: int) -> Paise:
        """What an order cost that traded this many paise; nothing without a row."""
        rates = self.rates(on, segment_of(instrument, product), exchange_of(instrument))
        return Paise(0) if rates is None or turnover <= 0 else charges(rates, side, turnover)


def charges(rates: ChargeRates, side: Side, turnover: int) -> Paise:
    """All charges of one executed order."""
    brokerage = rates.brokerage_highest
    if rates.brokerage or not brokerage:
        brokerage = Paise(min(_part(turnover, rates.brokerage), rates.brokerage_highest))
    transaction, sebi = _part(turnover, rates.transaction), _part(turnover, rates.sebi)
    tax = _part(turnover, rates.tax_on_buy if side is Side.BUY else rates.tax_on_sell)
    stamp_duty = _part(turnover, rates.stamp_duty_on_buy) if side is Side.BUY else 0
    gst = _part(brokerage + transaction + sebi, rates.gst)
    return Paise(brokerage + transaction + sebi + tax + stamp_duty + gst)


def exchange_of(instrument: InstrumentKey) -> str:
    """Whose charges apply: `NFO:…` and `NSE:…` are NSE's, `BFO:…` and `BSE:…` are BSE's."""
    return "BSE" if instrument.startswith("B") else "NSE"


def segment_of(instrument: InstrumentKey, product: Product) -> Segment:
    """The column, read from exchange and symbol, so that it is known without the day's master."""
    exchange, _, symbol = instrument.partition(":")
    if exchange in ("NFO", "BFO"):
        return Segment.FUTURES if symbol.endswith("FUT") else Segment.OPTIONS
    return Segment.EQUITY_DELIVERY if product is Product.CNC else Segment.EQUITY_INTRADAY


def _part(amount: int, parts: int) -> int:
    """So many parts per billion, rounded up."""
    return -(-amount * parts // PARTS)
