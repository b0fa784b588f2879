"""The exchange behind the broker: who waits for a trigger, who rests in the book, and what the market does to them.

It moves orders between its books and reports fills and triggers; statuses, money and messages are the desk's.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from kitesim.calendars import Calendar, Phase
from kitesim.config import PriceProtection
from kitesim.exchange.auctions import allot, equilibrium, interests
from kitesim.exchange.matching import crossed, is_triggered, protection_band, take
from kitesim.exchange.orders import Order, Place, Terms
from kitesim.exchange.protections import protected
from kitesim.market.books import Level
from kitesim.market.instruments import Instrument
from kitesim.market.market import Market


class Reports(Protocol):
    """What the exchange tells the broker."""

    def filled(self, order: Order, price: int, quantity: int) -> None:
        """The order traded; the venue has not changed it yet."""
        ...

    def triggered(self, order: Order) -> None:
        """The last price reached the order's trigger."""
        ...

    def unmatched(self, order: Order, price: int) -> None:
        """An auction left a market order over; it stands on as a limit order at this price."""
        ...


class Venue:
    """The books of all instruments."""

    def __init__(
        self,
        market: Market,
        calendar: Calendar,
        now_ns: Callable[[], int],
        reports: Reports,
        protection: PriceProtection,
    ) -> None:
        self._market = market
        self._calendar = calendar
        self._now_ns = now_ns
        self._reports = reports
        self._protection = protection
        self._waiting: dict[int, dict[str, Order]] = {}
        self._resting: dict[int, dict[str, Order]] = {}

    def is_open(self, instrument: Instrument) -> bool:
        """Tell whether orders of this instrument match continuously now."""
        return self._calendar.is_open(instrument.session, self._now_ns())

    def takes_orders(self, instrument: Instrument) -> bool:
        """Tell whether orders of this instrument reach the exchange now."""
        return self._calendar.takes_orders(instrument.session, self._now_ns())

    def phase(self, instrument: Instrument) -> Phase:
        """Return what the clock says of this instrument, halted or not."""
        return self._calendar.phase(instrument.session, self._now_ns())

    def enter(self, order: Order, place: Place) -> None:
        """Move the order to this place, out of any other."""
        token, order.place = order.instrument.token, place
        for books, here in ((self._waiting, Place.TRIGGER), (self._resting, Place.BOOK)):
            if place is here:
                books.setdefault(token, {})[order.order_id] = order
            elif token in books:
                books[token].pop(order.order_id, None)

    def live(self, session: str) -> list[Order]:
        """Return every order of a session that waits or rests."""
        return [
            order
            for books in (self._waiting, self._resting)
            for orders in books.values()
            for order in orders.values()
            if order.instrument.session == session
        ]

    def limit_of(self, order: Order, terms: Terms) -> int:
        """Return the price that the order may not trade beyond: its own, or the band around the last price.

        The band of a MARKET order is rounded to the tick inwards and ends at the circuit limits; in an auction it has
        no band, it takes the one price.
        """
        if not terms.is_market:
            return terms.price
        quote, instrument = self._market.quotes[order.instrument.token], order.instrument
        if self.phase(instrument).is_auction:
            return quote.upper_circuit if order.is_buy else quote.lower_circuit
        base = terms.trigger_price if terms.waits_for_trigger and not order.triggered else quote.last
        band = protection_band(terms.market_protection, base, instrument.instrument_type in ("CE", "PE"))
        low, high = protected(instrument, base, self._protection)
        if order.is_buy:
            limit = min(int(base * (1 + band)) // instrument.tick * instrument.tick, quote.upper_circuit)
            return limit if high is None else min(limit, high)
        limit = max(-(int(-base * (1 - band)) // instrument.tick) * instrument.tick, quote.lower_circuit)
        return limit if low is None else max(limit, low)

    def is_protected_from(self, order: Order, limit: int) -> bool:
        """Tell whether the limit price protection keeps this limit out now."""
        low, high = protected(order.instrument, self._market.quotes[order.instrument.token].last, self._protection)
        if order.is_buy:
            return high is not None and limit > high
        return low is not None and limit < low

    def is_due(self, order: Order) -> bool:
        """Tell whether the trigger of an order is reached already."""
        return is_triggered(order, self._market.quotes[order.instrument.token].last)

    def sweep(self, order: Order) -> None:
        """Let an order that has just come to the book take what it can reach; in an auction it waits."""
        token = order.instrument.token
        phase = self.phase(order.instrument)
        if phase is Phase.POST_CLOSE:
            self._sweep_at_close(order)
        if phase is not Phase.CONTINUOUS:
            return
        book = self._market.quotes[token].book
        others = [other for other in self._resting.get(token, {}).values() if other.is_buy is not order.is_buy]
        for fill in take(order, order.pending, book.asks if order.is_buy else book.bids, others):
            if fill.against is not None:
                self._reports.filled(fill.against, fill.price, fill.quantity)
            self._reports.filled(order, fill.price, fill.quantity)

    def _sweep_at_close(self, order: Order) -> None:
        """Fill what the closing price allows: after the close the market trades at no other."""
        quote = self._market.quotes[order.instrument.token]
        offered = sum(level.quantity for level in (quote.book.asks if order.is_buy else quote.book.bids))
        for fill in take(order, order.pending, [Level(quote.last, offered, 1)], ()):
            self._reports.filled(order, fill.price, fill.quantity)

    def match_auction(self, session: str) -> dict[int, int]:
        """Trade what an auction collected at one price for each instrument; return the prices that came about.

        A market order that found nobody stands on as a limit order at that price.
        """
        prices: dict[int, int] = {}
        for token, resting in list(self._resting.items()):
            orders = [order for order in resting.values() if order.instrument.session == session]
            if not orders:
                continue
            quote = self._market.quotes[token]
            buys = interests(orders, quote.book.bids, is_buy=True)
            sells = interests(orders, quote.book.asks, is_buy=False)
            found = equilibrium(buys, sells, quote.last)
            for is_buy in (True, False):
                for order, fill in allot(orders, is_buy, found.price, found.quantity):
                    self._reports.filled(order, fill.price, fill.quantity)
            if found.quantity:
                prices[token] = found.price
            for order in orders:
                if order.place is Place.BOOK and order.terms.is_market:
                    self._reports.unmatched(order, found.price)
        return prices

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Trigger what the new last prices reach and fill what the new books cross."""
        for token in tokens:
            if not self._waiting.get(token) and not self._resting.get(token):
                continue
            if not self.is_open(self._market.quotes[token].instrument):
                continue
            self._trigger_due(token)
            self._fill_crossed(token)

    def _trigger_due(self, token: int) -> None:
        last = self._market.quotes[token].last
        due = [order for order in self._waiting.get(token, {}).values() if is_triggered(order, last)]
        for order in sorted(due, key=lambda each: each.priority):
            self._reports.triggered(order)

    def _fill_crossed(self, token: int) -> None:
        """Fill resting orders in price-time order against the market's new book."""
        resting = sorted(
            self._resting.get(token, {}).values(),
            key=lambda each: (-each.limit if each.is_buy else each.limit, each.priority),
        )
        for order in resting:
            book = self._market.quotes[token].book
            quantity = crossed(order, book.asks if order.is_buy else book.bids)
            if quantity:
                self._reports.filled(order, order.limit, quantity)
