"""The market: walks every path tick by tick and keeps the quotes.

It knows nothing of orders, users or sockets. `advance` is called with a slice of the instruments and a market time;
whoever wants to know what moved is told the tokens. What comes from outside (a replay, a mirror of a live feed)
enters by `feed` and ends the walk of that instrument; what is priced on it follows.

Options that nobody has asked for tick once in a while only: a chain of thousands costs little until it is watched.
"""

import math
import random
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date

from kitesim.clocks import SECOND, day_of
from kitesim.errors import ControlRefused
from kitesim.market.books import Book
from kitesim.market.candles import Candles
from kitesim.market.instruments import Instrument, Master
from kitesim.market.master import carry
from kitesim.market.options import TRADING_DAYS, option_delta, option_price
from kitesim.market.paths import LivePath, Paths
from kitesim.market.quotes import BAND, Quote
from kitesim.seeds import key, stream

# How far a future strays from its fair value, as a share of the price, and how fast it comes back a tick.
_BASIS_NOISE = 0.00006
_BASIS_RETURN = 0.05
_MEAN_LOTS = 3.0
_TRADES_A_SECOND = 4
_ASLEEP_ROUNDS = 20
_BASE_INTEREST = 20_000
_AUCTION_BAND = 0.03
_LEAST_REACH = 20_00
_REFERENCE_NS = 15 * 60 * SECOND
# Index options stop trading with the F&O session: NSE circular FAOP74467, 15:40 since 2026-08-03.
_EXPIRY_MOMENT_NS = (15 * 60 + 40) * 60 * SECOND
_INDIA_NS = (5 * 60 + 30) * 60 * SECOND
_EPOCH = date(1970, 1, 1)


class Market:
    """Quotes of all instruments, moved by seeded paths."""

    def __init__(
        self, seed: int, master: Master, paths: Paths, now_ns: int, volatilities: Mapping[str, float] | None = None
    ) -> None:
        """`volatilities`: the standard deviation of each path's daily move, from which options are priced."""
        self.master = master
        self.paths = paths
        self.candles = Candles()
        self.day = day_of(now_ns)
        self.now_ns = now_ns
        self.quotes: dict[int, Quote] = {}
        self.fed: set[int] = set()
        """Instruments that follow somebody outside instead of their path."""
        self.frozen: set[int] = set()
        """Instruments that tick and do not move."""
        self._seed = seed
        yearly = math.sqrt(TRADING_DAYS)
        self._volatilities = {name: daily * yearly for name, daily in (volatilities or {}).items()}
        self._live: dict[str, LivePath] = {}
        self._basis: dict[int, float] = {}
        self._held: dict[str, int] = {}
        self._generators: dict[int, random.Random] = {}
        self._asleep: dict[int, int] = {}
        self._ends: dict[date, int] = {}
        for instrument in master:
            self._list(instrument)

    def _list(self, instrument: Instrument) -> None:
        """Begin to quote an instrument."""
        token = instrument.token
        if instrument.path not in self._live:
            generator = stream(self._seed, "live", instrument.path)
            self._live[instrument.path] = LivePath(self.paths, instrument.path, generator, self.now_ns)
        self._basis[token] = 0.0
        close = self._close_before(instrument, self.day)
        book_key = key(self._seed, "book", instrument.key)
        reach = self._reach(instrument, self.paths.close_before(instrument.path, self.day))
        quote = Quote(instrument, book_key, close, self._fair(instrument), self.now_ns, reach=reach)
        if instrument.is_option:
            self._asleep[token] = int.from_bytes(quote.key[:2], "little") % _ASLEEP_ROUNDS
            quote.set_open_interest(instrument.lot * (_BASE_INTEREST + int.from_bytes(quote.key[2:4], "little")))
        else:
            self._generators[token] = stream(self._seed, "trades", instrument.key)
            if instrument.is_derivative:
                contracts = self._generators[token].randint(20_000, 90_000)
                quote.set_open_interest(instrument.lot * contracts)
        self.quotes[token] = quote

    def list_contract(self, instrument: Instrument) -> None:
        """Begin to quote a contract that the master did not have."""
        self.master = Master(self.master.day, [*self.master, instrument])
        self._list(instrument)

    def _close_before(self, instrument: Instrument, day: date) -> int:
        rupees = self.paths.close_before(instrument.path, day)
        if instrument.expiry is not None:
            rupees *= 1 + carry(day, instrument.expiry)
        if instrument.is_option:
            return self._option(instrument, rupees)
        return instrument.rounded(rupees * 100)

    def _fair(self, instrument: Instrument) -> int:
        rupees = self._live[instrument.path].price
        if instrument.expiry is None:
            return instrument.rounded(rupees * 100)
        rupees *= 1 + carry(self.day, instrument.expiry)
        if instrument.is_option:
            return self._option(instrument, rupees)
        return instrument.rounded(rupees * math.exp(self._basis[instrument.token]) * 100)

    def _end_of(self, expiry: date) -> int:
        end = self._ends.get(expiry)
        if end is None:
            end = self._ends[expiry] = (expiry - _EPOCH).days * 86_400 * SECOND - _INDIA_NS + _EXPIRY_MOMENT_NS
        return end

    def _option(self, instrument: Instrument, forward: float) -> int:
        assert instrument.expiry is not None
        end = self._end_of(instrument.expiry)
        volatility = self._volatilities.get(instrument.path, 0.15)
        is_call = instrument.instrument_type == "CE"
        paise = option_price(forward * 100, instrument.strike, volatility, end - self.now_ns, is_call)
        return instrument.rounded(paise * math.exp(self._basis[instrument.token]))

    def _reach(self, instrument: Instrument, index: float) -> int | None:
        """Return how far an option's circuit limits stand from its close: its delta's share of the index's own band.

        "Contract specific price range based on its delta value": NSE, price bands; the least reach is our own choice.
        """
        if not instrument.is_option or instrument.expiry is None:
            return None
        forward = index * (1 + carry(self.day, instrument.expiry)) * 100
        volatility = self._volatilities.get(instrument.path, 0.15)
        left = self._end_of(instrument.expiry) - self.now_ns
        delta = option_delta(forward, instrument.strike, volatility, left, instrument.instrument_type == "CE")
        return max(round(abs(delta) * forward * BAND), _LEAST_REACH)

    def find(self, instrument_key: str) -> Quote | None:
        """Return the quote of `NFO:NIFTY26DECFUT`, or None; an option that is asked for ticks from now on."""
        instrument = self.master.by_key.get(instrument_key)
        if instrument is None:
            return None
        if instrument.token in self._asleep:
            self.wake((instrument.token,))
        return self.quotes[instrument.token]

    def wake(self, tokens: Iterable[int]) -> None:
        """Let options tick like everything else, because somebody watches them."""
        for token in tokens:
            if self._asleep.pop(token, None) is not None:
                self._tick(self.quotes[token], self.now_ns)

    def advance(self, tokens: Sequence[int], now_ns: int) -> list[int]:
        """Move these instruments to this market time, one tick each; return those that ticked."""
        self.now_ns = now_ns
        quotes, asleep, held, fed = self.quotes, self._asleep, self._held, self.fed
        ticked: list[int] = []
        for token in tokens:
            if token in asleep:
                asleep[token] = (asleep[token] + 1) % _ASLEEP_ROUNDS
                if asleep[token]:
                    continue
            if token in fed:
                continue
            quote = quotes[token]
            ticked.append(token)
            if token in self.frozen:
                quote.trade(quote.last, 0, now_ns)
                continue
            if held:
                path = quote.instrument.path
                held_until = held.get(path)
                if held_until is not None:
                    if now_ns < held_until:
                        quote.trade(quote.last, 0, now_ns)
                        continue
                    self._release(path, now_ns)
            self._tick(quote, now_ns)
        return ticked

    def _tick(self, quote: Quote, now_ns: int) -> None:
        instrument = quote.instrument
        token = instrument.token
        generator = self._generators.get(token)
        if generator is None:
            generator = self._generators[token] = stream(self._seed, "trades", instrument.key)
        if instrument.is_option:
            self._basis[token] *= 1 - _BASIS_RETURN
        elif instrument.expiry is not None:
            noise = generator.gauss(0.0, _BASIS_NOISE * _BASIS_RETURN**0.5)
            self._basis[token] += noise - _BASIS_RETURN * self._basis[token]
        else:
            self._live[instrument.path].advance(now_ns)
        price = self._fair(instrument)
        if not quote.lower_circuit <= price <= quote.upper_circuit:
            if instrument.is_option:
                # Its index trades on, so its range is flexed; everything else stops at its limit.
                quote.flex_band(price)
            price = min(max(price, quote.lower_circuit), quote.upper_circuit)
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
        if instrument.is_option:
            self._basis[instrument.token] = 0.0
            self._basis[instrument.token] = math.log(price / self._fair(instrument))
        elif instrument.is_derivative:
            self._basis[instrument.token] = 0.0
            fair = self._fair(instrument)
            self._live[instrument.path].push(self._live[instrument.path].price * price / fair)
        else:
            self._live[instrument.path].push(price / 100)

    def force(self, instrument_key: str, rupees: float, hold_ns: int, now_ns: int) -> Iterable[int]:
        """Put an instrument at a price; a future takes its index along, and so all that follow it.

        The prices stay for `hold_ns` of market time and go on from there. Circuit limits are flexed to hold it. An
        option moves alone and comes back to its model. Returns the tokens that moved.

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
        path = quote.instrument.path
        family = (quote.instrument,) if quote.instrument.is_option else self.master.followers(path)
        moved = [each.token for each in family]
        for token in moved:
            other = self.quotes[token]
            target = price if other is quote else self._fair(other.instrument)
            other.flex_band(target)
            other.trade(target, 0, now_ns)
            self.candles.add(token, now_ns, target, 0)
        if hold_ns > 0:
            self._held[path] = now_ns + hold_ns
        return moved

    def feed(self, token: int, price: int, quantity: int, now_ns: int, book: Book | None = None) -> None:
        """Take a tick from outside (a mirror, a replay); from now on the instrument does not walk by itself.

        A share or an index takes its path along, so that what is priced on it follows. `book` is its real depth.
        """
        quote = self.quotes[token]
        self.fed.add(token)
        self._asleep.pop(token, None)
        self.now_ns = max(self.now_ns, now_ns)
        if quote.instrument.expiry is None:
            live = self._live[quote.instrument.path]
            live.advance(max(now_ns, live.at_ns))
            live.push(price / 100)
        quote.flex_band(price)
        quote.trade(price, quantity, now_ns)
        if book is not None:
            quote.put_book(book)
        self.candles.add(token, now_ns, price, quantity)

    def tick_session(self, session: str, now_ns: int) -> set[int]:
        """Let every tradable instrument of a session tick once: what the market itself brings to an auction.

        Returns those whose first tick of the day this was.
        """
        self.now_ns = now_ns
        opening: set[int] = set()
        for instrument in self.master:
            if instrument.session == session and not instrument.is_index and instrument.token not in self.fed:
                quote = self.quotes[instrument.token]
                opening |= set() if quote.opened else {instrument.token}
                self._tick(quote, now_ns)
        return opening

    def put_prices(self, prices: Mapping[int, int], opening: Container[int], now_ns: int) -> None:
        """Make these the last prices, as an auction found them, and of those that it opens the first of the day."""
        for token, price in prices.items():
            self.quotes[token].opened &= token not in opening
            self.quotes[token].trade(price, 0, now_ns)
            self.candles.add(token, now_ns, price, 0)

    def set_auction_bands(self, session: str, now_ns: int) -> None:
        """Put the limits of a closing auction around its reference: what the last quarter of an hour traded at.

        3 % around the volume-weighted average since 15:00, or the last price: NSE circular CMTR73362.
        """
        for instrument in self.master:
            if instrument.session == session and not instrument.is_index:
                quote = self.quotes[instrument.token]
                average = self.candles.average(instrument.token, now_ns - _REFERENCE_NS, now_ns)
                quote.set_band(_AUCTION_BAND, average or quote.last)

    def levels(self) -> dict[str, float]:
        """Return where every path stands, in rupees."""
        return {name: live.price for name, live in self._live.items()}

    def start_day(self, now_ns: int, master: Master | None = None) -> list[int]:
        """Begin the trading day that holds this moment: closes are set, the day's figures start empty.

        With a new master its new contracts are listed, and those that it does not have any more end: they keep their
        last quote under their token, and nobody finds them by name. Returns the tokens that ended.
        """
        self.day, self.now_ns = day_of(now_ns), now_ns
        gone: list[int] = []
        for quote in self.quotes.values():
            if quote.instrument.is_option:
                quote.reach = self._reach(quote.instrument, self._live[quote.instrument.path].price)
            quote.new_day(quote.last, now_ns)
        if master is not None:
            gone = [token for token in self.master.by_token if token not in master.by_token]
            self.master = master
            for instrument in master:
                known = self.quotes.get(instrument.token)
                if known is None:
                    self._list(instrument)
                else:
                    known.instrument = instrument
        return gone
