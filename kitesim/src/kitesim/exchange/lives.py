"""The life of an accepted order: broker, risk check, exchange, trades, end. Money follows each step.

It is synchronous and deterministic: it is called (the desk, a tick, a timer) and calls timers for what takes time. What
the truth log says is written here, at the moment it becomes true.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from kitesim.calendars import Calendar
from kitesim.clocks import MINUTE
from kitesim.config import SimulatorConfig
from kitesim.exchange.accounts import Account
from kitesim.exchange.covers import second_leg
from kitesim.exchange.entries import order_fields, trade_fields, update_fields
from kitesim.exchange.orders import Order, OrderRequest, Place, Status, Terms, Trade
from kitesim.exchange.protections import REFUSAL
from kitesim.exchange.risk import holding_refusal, margin_refusal
from kitesim.exchange.timers import Timers
from kitesim.exchange.venue import Venue
from kitesim.market.market import Market
from kitesim.truth import TruthLog

Listener = Callable[[Account, Order, str], None]
"""Told of an update that goes out to the client: the account, the order, the status to send."""
# A leg follows the one before as a new request: never in the middle of a match.
_LEAST_PAUSE_SECONDS = 0.001


class Lives:
    """Every order from its acceptance to its end."""

    def __init__(
        self,
        *,
        config: SimulatorConfig,
        market: Market,
        calendar: Calendar,
        timers: Timers,
        log: TruthLog,
        now_ns: Callable[[], int],
        first_order_id: int,
    ) -> None:
        self._config = config
        self._timers = timers
        self._log = log
        self._now_ns = now_ns
        self._order_ids = count(first_order_id)
        self._exchange_ids = count(1_300_000_000_000_001)
        self._trade_ids = count(10_000_001)
        self._priorities = count(1)
        self.venue = Venue(market, calendar, now_ns, self, config.price_protection)
        self.accounts: dict[str, Account] = {}
        self._stops: dict[str, Order] = {}
        self.listeners: list[Listener] = []
        self.at_trigger: Callable[[Order], str | None] = lambda order: None
        """Asked when a stop triggers; a text cancels it, as faults do."""
        self.mortals: list[tuple[int, str, Order]] = []
        """TTL orders that have entered the book since the schedule last looked, with the moment of their end."""

    def new_order(self, account: Account, request: OrderRequest) -> Order:
        """Return an order that nobody knows of yet."""
        number = next(self._order_ids)
        now = self._now_ns()
        order = Order(
            order_id=str(number),
            guid=f"01X{number:x}",
            user_id=account.user_id,
            request=request,
            terms=request.terms,
            placed_ns=now,
            order_ns=now,
        )
        if request.variety == "amo":
            order.status = Status.AMO_RECEIVED
        order.limit = self.venue.limit_of(order, request.terms)
        return order

    def accept(self, account: Account, order: Order) -> None:
        """Take an order into the book; an after-market order waits there for `begin`."""
        account.orders[order.order_id] = order
        self._log.write("order_accepted", **order_fields(order))
        order.record()
        if order.status is not Status.AMO_RECEIVED:
            self.begin(account, order)

    def begin(self, account: Account, order: Order) -> None:
        """Send an accepted order on its way."""
        self._timers.later(self._config.latencies.received_ms / 1000, lambda: self._validate(account, order))

    def begin_change(self, account: Account, order: Order, terms: Terms) -> None:
        """Send a modification on its way; one of an after-market order happens at once."""
        order.modifications += 1
        if order.status is Status.AMO_RECEIVED:
            order.terms, order.limit = terms, self.venue.limit_of(order, terms)
            self._step(order, order.status)
            self._log.write("order_modified", **order_fields(order), filled_quantity=0)
            return
        self._step(order, Status.MODIFY_VALIDATION_PENDING)
        self._timers.later(
            self._config.latencies.validation_ms / 1000, lambda: self._validate_change(account, order, terms)
        )

    def begin_cancel(self, account: Account, order: Order) -> None:
        """Send a cancellation on its way; one of an after-market order happens at once."""
        if order.status is Status.AMO_RECEIVED:
            self.finish_cancelled(account, order, None)
            return
        self._step(order, Status.CANCEL_PENDING)
        self._timers.later(self._config.latencies.exchange_ms / 1000, lambda: self._cancelled(account, order))

    # The way of an order to the exchange.

    def _validate(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        self._step(order, Status.VALIDATION_PENDING)
        self._timers.later(self._config.latencies.validation_ms / 1000, lambda: self._check_risk(account, order))

    def _check_risk(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        refusal = holding_refusal(account, order) or margin_refusal(account, order, order.pending, order.limit)
        if refusal:
            self._reject(account, order, refusal)
            return
        account.block(order)
        self._step(order, Status.OPEN_PENDING)
        self._timers.later(self._config.latencies.exchange_ms / 1000, lambda: self._arrive(account, order))

    def _arrive(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        if not self.venue.takes_orders(order.instrument):
            self._reject(account, order, "The market closed before the order reached the exchange.")
            return
        terms = order.terms
        if terms.order_type == "LIMIT" and self.venue.is_protected_from(order, terms.price):
            self._reject(account, order, REFUSAL)
            return
        now = self._now_ns()
        if terms.validity == "TTL":
            self.mortals.append((now + terms.validity_ttl * MINUTE, order.order_id, order))
        order.exchange_order_id = str(next(self._exchange_ids))
        order.exchange_ns = order.updated_ns = now
        order.priority = next(self._priorities)
        if order.terms.waits_for_trigger:
            self.venue.enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING)
            if self.venue.is_due(order):
                self.triggered(order)
        else:
            self._open(account, order)

    def _open(self, account: Account, order: Order) -> None:
        """Put the order in the book and let it take what it can reach."""
        order.limit = self.venue.limit_of(order, order.terms)
        self.venue.enter(order, Place.BOOK)
        account.block(order)
        self._step(order, Status.OPEN)
        self._sweep(account, order)

    def _sweep(self, account: Account, order: Order) -> None:
        self.venue.sweep(order)
        if order.place is not Place.BOOK or self.venue.phase(order.instrument).is_auction:
            return
        if order.terms.validity == "IOC":
            self.finish_cancelled(account, order, None)
        elif order.terms.is_market:
            # What the band left over stays OPEN as a LIMIT order: https://kite.trade/forum/discussion/comment/52991
            order.terms = order.with_terms(order_type="LIMIT", price=order.limit, market_protection=0.0)
            self._step(order, order.status)

    # Modification and cancellation.

    def _validate_change(self, account: Account, order: Order, terms: Terms) -> None:
        if order.place is Place.DONE:
            return
        limit = self.venue.limit_of(order, terms)
        refusal = margin_refusal(account, order, terms.quantity - order.filled, limit)
        if refusal:
            order.message = refusal
            self._step(order, _standing(order))
            self._log.write("modification_rejected", **order_fields(order), reason=refusal)
            return
        self._step(order, Status.MODIFY_PENDING)
        self._timers.later(self._config.latencies.exchange_ms / 1000, lambda: self._change(account, order, terms))

    def _change(self, account: Account, order: Order, terms: Terms) -> None:
        if order.place is Place.DONE:
            return
        refusal = None
        if terms.quantity <= order.filled:
            refusal = "The order filled before the modification reached the exchange."
        elif terms.order_type == "LIMIT" and self.venue.is_protected_from(order, terms.price):
            refusal = REFUSAL
        if refusal is not None:
            order.message = refusal
            self._step(order, _standing(order))
            self._log.write("modification_rejected", **order_fields(order), reason=refusal)
            return
        # A smaller quantity keeps its place in the queue; a new price or a larger quantity goes to the end.
        if terms.price != order.terms.price or terms.quantity > order.terms.quantity:
            order.priority = next(self._priorities)
        order.terms, order.updated_ns, order.message = terms, self._now_ns(), None
        order.limit = self.venue.limit_of(order, terms)
        account.block(order)
        self._step(order, Status.MODIFIED)
        self._log.write("order_modified", **order_fields(order), filled_quantity=order.filled)
        if terms.waits_for_trigger and not order.triggered:
            self.venue.enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING, send="UPDATE")
            if self.venue.is_due(order):
                self.triggered(order)
        else:
            self.venue.enter(order, Place.BOOK)
            self._step(order, Status.OPEN, send="UPDATE")
            self._sweep(account, order)

    def _cancelled(self, account: Account, order: Order) -> None:
        if order.place is not Place.DONE:
            self.finish_cancelled(account, order, None)

    def finish_cancelled(self, account: Account, order: Order, message: str | None) -> None:
        """End an order that still has something to fill, wherever it is; of after-market orders nobody is told.

        https://kite.trade/forum/discussion/8905
        """
        send = None if order.status is Status.AMO_RECEIVED else "CANCELLED"
        order.cancelled, order.updated_ns, order.message = order.pending, self._now_ns(), message
        self.venue.enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_cancelled", **order_fields(order), cancelled_quantity=order.cancelled)
        self._step(order, Status.CANCELLED, send=send)

    def _reject(self, account: Account, order: Order, reason: str) -> None:
        order.message, order.message_raw = reason, f"RMS:{reason}"
        self.venue.enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_rejected", **order_fields(order), reason=reason)
        self._step(order, Status.REJECTED, send="REJECTED")

    # What the exchange reports.

    def triggered(self, order: Order) -> None:
        """Send a waiting order to the book, unless the exchange cancels it there and then."""
        account = self.accounts[order.user_id]
        order.triggered = True
        refusal = self.at_trigger(order)
        if (
            refusal is None
            and order.terms.order_type == "SL"
            and self.venue.is_protected_from(order, order.terms.price)
        ):
            # "SL-L checked at trigger": support.zerodha.com, price out of LPP range.
            refusal = REFUSAL
        if refusal is not None:
            self.finish_cancelled(account, order, refusal)
        else:
            self._open(account, order)

    def unmatched(self, order: Order, price: int) -> None:
        """Turn what an auction left of a market order into a limit order at the auction's price."""
        order.terms = order.with_terms(order_type="LIMIT", price=price, market_protection=0.0)
        order.limit = price
        self.accounts[order.user_id].block(order)
        self._step(order, order.status)

    def filled(self, order: Order, price: int, quantity: int) -> None:
        """Book a trade."""
        assert 0 < quantity <= order.pending, f"a fill of {quantity} on {order.pending} pending"
        now = self._now_ns()
        self._cover(order, quantity)
        order.filled += quantity
        order.filled_value += quantity * price
        order.updated_ns = order.exchange_ns = now
        trade = Trade(str(next(self._trade_ids)), order, price, quantity, now)
        if not order.pending:
            self.venue.enter(order, Place.DONE)
        self.accounts[order.user_id].fill(trade)
        self._log.write("trade", **trade_fields(trade))
        if order.pending:
            self._step(order, order.status, send="UPDATE")
        else:
            self._step(order, Status.COMPLETE, send="COMPLETE")
            self._follow(order)

    def _cover(self, order: Order, quantity: int) -> None:
        """Put a stop behind what a cover order's first leg has just filled, or make the one that stands there larger."""
        if order.request.variety != "co" or order.request.is_cover_stop:
            return
        account = self.accounts[order.user_id]

        def place() -> None:
            if self.accounts.get(account.user_id) is not account:
                return
            stop = self._stops.get(order.order_id)
            if stop is None or stop.place is Place.DONE or stop.triggered:
                stop = self._stops[order.order_id] = self.new_order(account, second_leg(order, quantity))
                self.accept(account, stop)
                return
            stop.terms = stop.with_terms(quantity=stop.terms.quantity + quantity)
            account.block(stop)
            self._step(stop, stop.status, send="UPDATE")

        self._timers.later(max(self._config.latencies.received_ms / 1000, _LEAST_PAUSE_SECONDS), place)

    def _follow(self, order: Order) -> None:
        """Place the leg after a filled leg of an iceberg; cancelling a leg ends the whole."""
        iceberg = order.request.iceberg.following() if order.request.iceberg is not None else None
        if iceberg is None:
            return
        account = self.accounts[order.user_id]
        quantity = iceberg.quantities[iceberg.leg - 1]
        terms = replace(order.request.terms, quantity=quantity)
        parent = order.request.parent_order_id or order.order_id
        request = replace(order.request, iceberg=iceberg, parent_order_id=parent, terms=terms)

        def place() -> None:
            # An account that was emptied in between has another object in its place.
            if self.accounts.get(account.user_id) is account and self.venue.is_open(order.instrument):
                self.accept(account, self.new_order(account, request))

        self._timers.later(max(self._config.latencies.received_ms / 1000, _LEAST_PAUSE_SECONDS), place)

    def _step(self, order: Order, status: Status, send: str | None = None) -> None:
        """Show a status, write it down, and tell the client if this kind of change is told."""
        order.status, order.order_ns = status, self._now_ns()
        order.record()
        self._log.write("order_update", **update_fields(order, send))
        if send is not None:
            for listener in self.listeners:
                listener(self.accounts[order.user_id], order, send)


def _standing(order: Order) -> Status:
    return Status.TRIGGER_PENDING if order.place is Place.TRIGGER else Status.OPEN
