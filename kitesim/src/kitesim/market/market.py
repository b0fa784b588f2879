"""The market: walks every path tick by tick and keeps the quotes.

It knows nothing of orders, users or sockets. `advance` is called with a slice of the instruments and a market time;
whoever wants to know what moved is told the tokens. A replay or a mirror of a live feed replaces the walk by `feed`.
"""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import date

from kitesim.clocks import SECOND, day_of
from kitesim.errors import ControlRefused
from kitesim.market.candles import Candles
from kitesim.market.instruments import Instrument, Master
from kitesim.market.master import carry
from kitesim.market.paths import LivePath, Paths
from kitesim.market.quotes import Quote
from kitesim.seeds import key, stream

# How far a future strays from its fair value, as a share of the price, and how fast it comes back a tick.
_BASIS_NOISE = 0.00006
_BASIS_RETURN = 0.05
_MEAN_LOTS = 3.0
_TRADES_A_SECOND = 4


class Market:
    """Quotes of all instruments, moved by seeded paths."""

    def __init__(self, seed: int, master: Master, paths: Paths, now_ns: int) -> None:
        self.master = master
        self.paths = paths
        self.candles = Candles()
        self.day = day_of(now_ns)
        self.quotes: dict[int, Quote] = {}
        self._live: dict[str, LivePath] = {}
        self._basis: dict[int, float] = {}
        self._held: dict[str, int] = {}
        self._generators: dict[int, random.Random] = {}
        for instrument in master:
            if instrument.path not in self._live:
                generator = stream(seed, "live", instrument.path)
                self._live[instrument.path] = LivePath(paths, instrument.path, generator, now_ns)
            self._generators[instrument.token] = stream(seed, "trades", instrument.key)
            self._basis[instrument.token] = 0.0
            close = self._close_before(instrument, self.day)
            quote = Quote(instrument, key(seed, "book", instrument.key), close, self._fair(instrument), now_ns)
            if instrument.is_derivative:
                quote.set_open_interest(instrument.lot * self._generators[instrument.token].randint(20_000, 90_000))
            self.quotes[instrument.token] = quote

    def _close_before(self, instrument: Instrument, day: date) -> int:
        rupees = self.paths.close_before(instrument.path, day)
        if instrument.expiry is not None:
            rupees *= 1 + carry(day, instrument.expiry)
        return instrument.rounded(rupees * 100)

    def _fair(self, instrument: Instrument) -> int:
        rupees = self._live[instrument.path].price
        if instrument.expiry is not None:
            rupees *= (1 + carry(self.day, instrument.expiry)) * math.exp(self._basis[instrument.token])
        return instrument.rounded(rupees * 100)

    def find(self, instrument_key: str) -> Quote | None:
        """Return the quote of `NFO:NIFTY26DECFUT`, or None."""
        instrument = self.master.by_key.get(instrument_key)
        return None if instrument is None else self.quotes[instrument.token]

    def advance(self, tokens: Sequence[int], now_ns: int) -> None:
        """Move these instruments to this market time, one tick each."""
        for token in tokens:
            quote = self.quotes[token]
            instrument, generator = quote.instrument, self._generators[token]
            held_until = self._held.get(instrument.path)
            if held_until is not None:
                if now_ns < held_until:
                    quote.trade(quote.last, 0, now_ns)
                    continue
                self._release(instrument.path, now_ns)
            if instrument.is_derivative:
                noise = generator.gauss(0.0, _BASIS_NOISE * _BASIS_RETURN**0.5)
                self._basis[token] += noise - _BASIS_RETURN * self._basis[token]
            else:
                self._live[instrument.path].advance(now_ns)
            price = min(max(self._fair(instrument), quote.lower_circuit), quote.upper_circuit)
            elapsed = (now_ns - quote.ticked_ns) / SECOND
            quote.trade(price, 0 if instrument.is_index else self._traded(instrument, generator, elapsed), now_ns)
            self.candles.add(token, now_ns, price, quote.last_quantity)

    def _traded(self, instrument: Instrument, generator: random.Random, elapsed: float) -> int:
        trades = max(elapsed * _TRADES_A_SECOND, 1.0)
        lots = 1 + int(-math.log(1.0 - generator.random()) * _MEAN_LOTS * trades)
        return lots * instrument.lot

    def _release(self, path: str, now_ns: int) -> None:
        """Let a held path walk on from where it was held."""
        del self._held[path]
        live = self._live[path]
        held_at = live.price
        live.advance(now_ns)
        live.push(held_at)

    def _settle(self, quote: Quote, price: int) -> None:
        """Make the walk go on from this price."""
        instrument = quote.instrument
        if instrument.is_derivative:
            self._basis[instrument.token] = 0.0
            fair = self._fair(instrument)
            self._live[instrument.path].push(self._live[instrument.path].price * price / fair)
        else:
            self._live[instrument.path].push(price / 100)

    def force(self, instrument_key: str, rupees: float, hold_ns: int, now_ns: int) -> Iterable[int]:
        """Put an instrument at a price; a future takes its index along, and so all that follow it.

        The prices stay for `hold_ns` of market time and go on from there. Circuit limits are flexed to hold it.
        Returns the tokens that moved.

        Raises:
            ControlRefused: no such instrument, or no positive price.
        """
        quote = self.find(instrument_key)
        if quote is None:
            raise ControlRefused(f"instrument: no instrument is called {instrument_key!r}", 404)
        if not math.isfinite(rupees) or rupees <= 0:
            raise ControlRefused(f"price: must be a number of rupees above 0, was {rupees!r}")
        price = quote.instrument.rounded(rupees * 100)
        self._settle(quote, price)
        moved = [token for token, other in self.quotes.items() if other.instrument.path == quote.instrument.path]
        for token in moved:
            other = self.quotes[token]
            target = price if other is quote else self._fair(other.instrument)
            other.flex_band(target)
            other.trade(target, 0, now_ns)
            self.candles.add(token, now_ns, target, 0)
        if hold_ns > 0:
            self._held[quote.instrument.path] = now_ns + hold_ns
        return moved

    def feed(self, token: int, price: int, quantity: int, now_ns: int) -> None:
        """Take a tick from outside (a mirror, a replay) in place of the walk's."""
        quote = self.quotes[token]
        quote.flex_band(price)
        quote.trade(price, quantity, now_ns)
        self.candles.add(token, now_ns, price, quantity)

    def start_day(self, now_ns: int) -> None:
        """Begin the trading day that holds this moment: closes are set, the day's figures start empty."""
        self.day = day_of(now_ns)
        for quote in self.quotes.values():
            quote.new_day(quote.last, now_ns)
