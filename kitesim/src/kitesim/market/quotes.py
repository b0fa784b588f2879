"""What is known of one instrument at one moment, and its forms in the REST quotes.

Prices are integer paise here; rupees appear only in the dictionaries that leave.
"""

from kitesim.clocks import timestamp
from kitesim.market.books import LEVELS, Book, Level, synthesize
from kitesim.market.instruments import Instrument

# Index and stock futures, and shares that have futures, have a band of 10 % around the base price, flexed in steps of
# 5 % (NSE, price bands). One band for all keeps it simple.
# An option's operating range is `reach` around its base: the market computes it from the option's delta.
BAND = 0.10
_FLEX = 0.05


class Quote:
    """The running state of one instrument; the market changes it, everybody else reads."""

    __slots__ = (
        "_book",
        "_book_tick",
        "close",
        "high",
        "instrument",
        "key",
        "last",
        "last_quantity",
        "last_trade_ns",
        "low",
        "lower_circuit",
        "oi",
        "oi_high",
        "oi_low",
        "open",
        "opened",
        "reach",
        "ticked_ns",
        "ticks",
        "turnover",
        "upper_circuit",
        "volume",
    )

    def __init__(
        self, instrument: Instrument, key: bytes, close: int, last: int, now_ns: int, *, reach: int | None = None
    ) -> None:
        """`reach`: how far in paise the circuit limits stand from the close; None for a share of the close."""
        self.instrument = instrument
        self.reach = reach
        self.key = key
        self.ticks = 0
        self.volume = 0
        self.turnover = 0
        self.last_quantity = 0
        self.oi = 0
        self.oi_high = 0
        self.oi_low = 0
        self.last_trade_ns = now_ns
        self.ticked_ns = now_ns
        self.close = close
        self.open = self.high = self.low = self.last = last
        self.opened = False
        self.lower_circuit, self.upper_circuit = self._band(close)
        self._book: Book | None = None
        self._book_tick = -1

    def _band(self, base: int) -> tuple[int, int]:
        tick = self.instrument.tick
        if self.reach is not None:
            reach = -(-self.reach // tick) * tick
            return max(base - reach, tick), base + reach
        return int(base * (1 - BAND)) // tick * tick + tick, int(base * (1 + BAND)) // tick * tick

    def set_band(self, share: float, around: int | None = None) -> None:
        """Put the circuit limits this share below and above a price, or the last one."""
        tick, middle = self.instrument.tick, self.last if around is None else around
        self.lower_circuit = max(int(middle * (1 - share)) // tick * tick, tick)
        self.upper_circuit = int(middle * (1 + share)) // tick * tick

    def forget_day(self) -> None:
        """Drop what the seeded path made of the day, because somebody else tells it from now on."""
        self.opened = False
        self.volume = self.turnover = self.last_quantity = 0

    def rebase(self, close: int) -> None:
        """Take another close of the day before, and the circuit limits that follow from it."""
        if close != self.close:
            self.close = close
            self.lower_circuit, self.upper_circuit = self._band(close)

    def set_day(self, opened: int | None, high: int | None, low: int | None) -> None:
        """Take figures of the day from outside, in paise; None leaves what is there."""
        self.open = self.open if opened is None else opened
        self.high = max(self.last, self.high if high is None else high)
        self.low = min(self.last, self.low if low is None else low)

    def set_volume(self, volume: int, average: int | None) -> None:
        """Take the day's volume and its average price in paise from outside; without an average the last price."""
        self.turnover += (volume - self.volume) * self.last
        self.volume = volume
        if average is not None:
            self.turnover = average * volume

    def set_limits(self, lower: int | None, upper: int | None) -> None:
        """Take the circuit limits from outside, in paise; None leaves what is there."""
        self.lower_circuit = self.lower_circuit if lower is None else lower
        self.upper_circuit = self.upper_circuit if upper is None else upper

    def flex_band(self, price: int) -> None:
        """Widen the circuit limits in steps of 5 % of the base until the price is inside."""
        step = max(int(self.close * _FLEX) // self.instrument.tick, 1) * self.instrument.tick
        if price > self.upper_circuit:
            self.upper_circuit += -((self.upper_circuit - price) // step) * step
        if price < self.lower_circuit:
            widened = self.lower_circuit + (price - self.lower_circuit) // step * step
            self.lower_circuit = max(widened, self.instrument.tick)

    def new_day(self, close: int, now_ns: int) -> None:
        """Start a trading day: yesterday's close is known, everything of today is empty until the first tick."""
        self.close = close
        self.opened = False
        self.open = self.high = self.low = self.last
        self.volume = self.turnover = self.last_quantity = 0
        self.oi_high = self.oi_low = self.oi
        self.ticked_ns = now_ns
        self.lower_circuit, self.upper_circuit = self._band(close)

    def trade(self, price: int, quantity: int, now_ns: int) -> None:
        """Take one tick: the market traded this quantity at this price."""
        self.last = price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        if not self.opened:
            self.opened = True
            self.open = self.high = self.low = price
        self.ticks += 1
        self.ticked_ns = now_ns
        if quantity:
            self.last_quantity = quantity
            self.volume += quantity
            self.turnover += quantity * price
            self.last_trade_ns = now_ns

    def put_book(self, book: Book) -> None:
        """Show this depth until the next tick, in place of the synthetic one."""
        self._book, self._book_tick = book, self.ticks

    def set_open_interest(self, contracts: int) -> None:
        """Record the open interest and its range of the day."""
        self.oi = contracts
        self.oi_high = max(self.oi_high, contracts)
        self.oi_low = min(self.oi_low or contracts, contracts)

    @property
    def average(self) -> int:
        """Volume-weighted average price of the day, in paise."""
        return self.turnover // self.volume if self.volume else 0

    @property
    def book(self) -> Book:
        """The depth of the present tick; what orders took out of it stays out until the next tick."""
        if self._book is None or self._book_tick != self.ticks:
            if self.instrument.is_index:
                self._book = Book([], [], 0, 0)
            else:
                self._book = synthesize(
                    self.instrument, self.key, self.ticks, self.last, (self.lower_circuit, self.upper_circuit)
                )
            self._book_tick = self.ticks
        return self._book

    def ltp_row(self) -> dict[str, object]:
        """Return the entry of `/quote/ltp`."""
        return {"instrument_token": self.instrument.token, "last_price": self.last / 100}

    def ohlc_row(self) -> dict[str, object]:
        """Return the entry of `/quote/ohlc`."""
        return {
            **self.ltp_row(),
            "ohlc": {
                "open": self.open / 100,
                "high": self.high / 100,
                "low": self.low / 100,
                "close": self.close / 100,
            },
        }

    def full_row(self) -> dict[str, object]:
        """Return the entry of `/quote`; indices have no volume, no depth and no limits."""
        row: dict[str, object] = {
            "instrument_token": self.instrument.token,
            "timestamp": timestamp(self.ticked_ns),
            "last_price": self.last / 100,
            "net_change": (self.last - self.close) / 100,
            "ohlc": self.ohlc_row()["ohlc"],
        }
        if self.instrument.is_index:
            return row
        book = self.book
        return row | {
            "last_trade_time": timestamp(self.last_trade_ns),
            "last_quantity": self.last_quantity,
            "buy_quantity": book.total_bid,
            "sell_quantity": book.total_asked,
            "volume": self.volume,
            "average_price": self.average / 100,
            "oi": self.oi,
            "oi_day_high": self.oi_high,
            "oi_day_low": self.oi_low,
            "lower_circuit_limit": self.lower_circuit / 100,
            "upper_circuit_limit": self.upper_circuit / 100,
            "depth": {"buy": _rows(book.bids), "sell": _rows(book.asks)},
        }


def _rows(levels: list[Level]) -> list[dict[str, object]]:
    shown = [level for level in levels if level.quantity][:LEVELS]
    rows: list[dict[str, object]] = [
        {"price": level.price / 100, "quantity": level.quantity, "orders": level.orders} for level in shown
    ]
    return rows + [{"price": 0, "quantity": 0, "orders": 0}] * (LEVELS - len(rows))
