"""The exchange behind the broker: who waits for a trigger, who rests in the book, and what the market does to them.

It moves orders between its books and reports fills and triggers; statuses, money and messages are the desk's.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from kitesim.calendars import Calendar
from kitesim.config import PriceProtection
from kitesim.exchange.matching import crossed, is_triggered, protection_band, take
from kitesim.exchange.orders import Order, Place, Terms
from kitesim.exchange.protections import protected
from kitesim.market.market import Market


class Reports(Protocol):
    """What the exchange tells the broker."""

    def filled(self, order: Order, price: int, quantity: int) -> None:
        """The order traded; the venue has not changed it yet."""
        ...

    def triggered(self, order: Order) -> None:
        """The last price reached the order's trigger."""
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

    def is_open(self, exchange: str) -> bool:
        """Tell whether orders of this exchange match now."""
        return self._calendar.is_open(exchange, self._now_ns())

    def enter(self, order: Order, place: Place) -> None:
        """Move the order to this place, out of any other."""
        token, order.place = order.instrument.token, place
        for books, here in ((self._waiting, Place.TRIGGER), (self._resting, Place.BOOK)):
            if place is here:
                books.setdefault(token, {})[order.order_id] = order
            elif token in books:
                books[token].pop(order.order_id, None)

    def live(self, exchange: str) -> list[Order]:
        """Return every order of an exchange that waits or rests."""
        return [
            order
            for books in (self._waiting, self._resting)
            for orders in books.values()
            for order in orders.values()
            if order.instrument.exchange == exchange
        ]

    def limit_of(self, order: Order, terms: Terms) -> int:
        """Return the price that the order may not trade beyond: its own, or the band around the last price.

        The band of a MARKET order is rounded to the tick inwards and ends at the circuit limits.
        """
        if not terms.is_market:
            return terms.price
        quote, instrument = self._market.quotes[order.instrument.token], order.instrument
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
        """Let an order that has just come to the book take what it can reach."""
        token = order.instrument.token
        book = self._market.quotes[token].book
        others = [other for other in self._resting.get(token, {}).values() if other.is_buy is not order.is_buy]
        for fill in take(order, order.pending, book.asks if order.is_buy else book.bids, others):
            if fill.against is not None:
                self._reports.filled(fill.against, fill.price, fill.quantity)
            self._reports.filled(order, fill.price, fill.quantity)

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Trigger what the new last prices reach and fill what the new books cross."""
        for token in tokens:
            if not self._waiting.get(token) and not self._resting.get(token):
                continue
            if not self.is_open(self._market.quotes[token].instrument.exchange):
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
