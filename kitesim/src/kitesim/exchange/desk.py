"""The broker's desk: takes orders through their states, keeps the money right, and tells everybody what happened.

It is synchronous and deterministic: it is called (place, modify, cancel, a tick) and calls timers for what takes
time. What the truth log says is written here, at the moment it becomes true.
"""

import logging
from collections.abc import Callable, Iterable
from itertools import count

from kitesim.calendars import Calendar
from kitesim.clocks import day_of
from kitesim.config import SimulatorConfig
from kitesim.errors import InputRefused, KiteError, MarginRefused, OrderUnknown, RateLimited
from kitesim.exchange import checks
from kitesim.exchange.accounts import Account
from kitesim.exchange.charges import load_charges
from kitesim.exchange.entries import asked_fields, order_fields, trade_fields, update_fields
from kitesim.exchange.orders import Order, OrderRequest, Place, Status, Terms, Trade
from kitesim.exchange.risk import holding_refusal, margin_refusal
from kitesim.exchange.timers import Timers
from kitesim.exchange.venue import Venue
from kitesim.market.market import Market
from kitesim.truth import TruthLog

logger = logging.getLogger(__name__)
Listener = Callable[[Account, Order, str], None]
"""Told of an update that goes out to the client: the account, the order, the status to send."""

_BUSY = "Order cannot be {} as it is being processed. Try later."


class Desk:
    """Every order of every account, from its acceptance to its end."""

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
        self._market = market
        self._timers = timers
        self._log = log
        self._now_ns = now_ns
        self._order_ids = count(first_order_id)
        self._exchange_ids = count(1_300_000_000_000_001)
        self._trade_ids = count(10_000_001)
        self._priorities = count(1)
        self._venue = Venue(market, calendar, now_ns, self)
        self._accounts: dict[str, Account] = {}
        self.charges = load_charges(config.charges.file)
        self.listeners: list[Listener] = []

    def open_account(self, account: Account) -> None:
        """Serve this account from now on; an account with the same user id takes the place of the older."""
        self._accounts[account.user_id] = account
        if self._config.charges.taken == "trade":
            account.charge_of = self._charged

    def _charged(self, order: Order) -> int:
        request, day = order.request, day_of(self._now_ns())
        charges = self.charges.of(order.instrument, request.product, request.transaction_type, order.filled_value, day)
        return charges.taken()

    # What clients ask.

    def place(self, account: Account, variety: str, form: checks.Form) -> Order:
        """Accept an order and return it; its way to the exchange goes on behind the reply.

        Raises:
            InputRefused: the form is wrong, or the market is closed.
            MarginRefused: too little money, when `margins.refusal` is `exception`.
        """
        try:
            request = checks.placed(variety, form, self._market, self._config.rules)
            self._require_open(request.instrument.exchange)
            order = self._new_order(account, request)
            if self._config.margins.refusal == "exception" and (
                refusal := margin_refusal(account, order, order.pending, order.limit)
            ):
                raise MarginRefused(refusal)
        except KiteError as error:
            self._log.write(
                "order_rejected",
                user_id=account.user_id,
                order_id=None,
                reason=error.message,
                **asked_fields(form, variety),
            )
            raise
        account.orders[order.order_id] = order
        self._log.write("order_accepted", **order_fields(order))
        order.record()
        self._timers.later(self._config.latencies.received_ms / 1000, lambda: self._validate(account, order))
        return order

    def modify(self, account: Account, order_id: str, form: checks.Form) -> Order:
        """Accept a modification of a live order; it takes effect when it reaches the exchange.

        Raises:
            OrderUnknown: no such order of this account.
            InputRefused: the order is finished or on its way, or the new terms are wrong.
            RateLimited: the order was modified as often as is allowed.
        """
        order = self._order(account, order_id)
        if order.status not in (Status.OPEN, Status.TRIGGER_PENDING):
            raise InputRefused(_BUSY.format("modified"))
        most = self._config.limits.modifications_per_order
        if self._config.limits.enabled and most and order.modifications >= most:
            raise RateLimited("Maximum allowed order modifications exceeded.")
        quote = self._market.quotes[order.instrument.token]
        terms = checks.changed(order, form, quote, self._config.rules)
        order.modifications += 1
        self._step(order, Status.MODIFY_VALIDATION_PENDING)
        self._timers.later(
            self._config.latencies.validation_ms / 1000, lambda: self._validate_change(account, order, terms)
        )
        return order

    def cancel(self, account: Account, order_id: str) -> Order:
        """Accept a cancellation of a live order; it can still fill until that reaches the exchange.

        Raises:
            OrderUnknown: no such order of this account.
            InputRefused: the order is finished or on its way.
        """
        order = self._order(account, order_id)
        if order.status not in (Status.OPEN, Status.TRIGGER_PENDING):
            raise InputRefused(_BUSY.format("cancelled"))
        self._step(order, Status.CANCEL_PENDING)
        self._timers.later(self._config.latencies.exchange_ms / 1000, lambda: self._cancelled(account, order))
        return order

    def _order(self, account: Account, order_id: str) -> Order:
        order = account.orders.get(order_id)
        if order is None:
            raise OrderUnknown
        return order

    def _require_open(self, exchange: str) -> None:
        if not self._venue.is_open(exchange):
            # Public logs show this text, code and hint for a regular order outside the session.
            raise InputRefused(
                "Your order could not be converted to a After Market Order (AMO).", data={"hints": ["switch_to_amo"]}
            )

    def _new_order(self, account: Account, request: OrderRequest) -> Order:
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
        order.limit = self._venue.limit_of(order, request.terms)
        return order

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
        if not self._venue.is_open(order.instrument.exchange):
            self._reject(account, order, "The market closed before the order reached the exchange.")
            return
        now = self._now_ns()
        order.exchange_order_id = str(next(self._exchange_ids))
        order.exchange_ns = order.updated_ns = now
        order.priority = next(self._priorities)
        if order.terms.waits_for_trigger:
            self._venue.enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING)
            if self._venue.is_due(order):
                self.triggered(order)
        else:
            self._open(account, order)

    def _open(self, account: Account, order: Order) -> None:
        """Put the order in the book and let it take what it can reach."""
        order.limit = self._venue.limit_of(order, order.terms)
        self._venue.enter(order, Place.BOOK)
        account.block(order)
        self._step(order, Status.OPEN)
        self._sweep(account, order)

    def _sweep(self, account: Account, order: Order) -> None:
        self._venue.sweep(order)
        if order.place is not Place.BOOK:
            return
        if order.terms.validity == "IOC":
            self._finish_cancelled(account, order, None)
        elif order.terms.is_market:
            # What the band left over stays OPEN as a LIMIT order: https://kite.trade/forum/discussion/comment/52991
            order.terms = order.with_terms(order_type="LIMIT", price=order.limit, market_protection=0.0)
            self._step(order, order.status)

    # Modification and cancellation.

    def _validate_change(self, account: Account, order: Order, terms: Terms) -> None:
        if order.place is Place.DONE:
            return
        limit = self._venue.limit_of(order, terms)
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
        if terms.quantity <= order.filled:
            order.message = "The order filled before the modification reached the exchange."
            self._step(order, _standing(order))
            return
        # A smaller quantity keeps its place in the queue; a new price or a larger quantity goes to the end.
        if terms.price != order.terms.price or terms.quantity > order.terms.quantity:
            order.priority = next(self._priorities)
        order.terms, order.updated_ns, order.message = terms, self._now_ns(), None
        order.limit = self._venue.limit_of(order, terms)
        account.block(order)
        self._step(order, Status.MODIFIED)
        self._log.write("order_modified", **order_fields(order), filled_quantity=order.filled)
        if terms.waits_for_trigger and not order.triggered:
            self._venue.enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING, send="UPDATE")
            if self._venue.is_due(order):
                self.triggered(order)
        else:
            self._venue.enter(order, Place.BOOK)
            self._step(order, Status.OPEN, send="UPDATE")
            self._sweep(account, order)

    def _cancelled(self, account: Account, order: Order) -> None:
        if order.place is not Place.DONE:
            self._finish_cancelled(account, order, None)

    def _finish_cancelled(self, account: Account, order: Order, message: str | None) -> None:
        order.cancelled, order.updated_ns, order.message = order.pending, self._now_ns(), message
        self._venue.enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_cancelled", **order_fields(order), cancelled_quantity=order.cancelled)
        self._step(order, Status.CANCELLED, send="CANCELLED")

    def _reject(self, account: Account, order: Order, reason: str) -> None:
        order.message, order.message_raw = reason, f"RMS:{reason}"
        self._venue.enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_rejected", **order_fields(order), reason=reason)
        self._step(order, Status.REJECTED, send="REJECTED")

    # What the exchange reports.

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Let the market's move reach the orders."""
        self._venue.on_ticks(tokens)

    def triggered(self, order: Order) -> None:
        """Send a waiting order to the book."""
        order.triggered = True
        self._open(self._accounts[order.user_id], order)

    def filled(self, order: Order, price: int, quantity: int) -> None:
        """Book a trade."""
        assert 0 < quantity <= order.pending, f"a fill of {quantity} on {order.pending} pending"
        now = self._now_ns()
        order.filled += quantity
        order.filled_value += quantity * price
        order.updated_ns = order.exchange_ns = now
        trade = Trade(str(next(self._trade_ids)), order, price, quantity, now)
        if not order.pending:
            self._venue.enter(order, Place.DONE)
        self._accounts[order.user_id].fill(trade)
        self._log.write("trade", **trade_fields(trade))
        if order.pending:
            self._step(order, order.status, send="UPDATE")
        else:
            self._step(order, Status.COMPLETE, send="COMPLETE")

    def close_session(self, exchange: str) -> None:
        """Cancel what is left of the day's orders when an exchange closes."""
        for order in self._venue.live(exchange):
            self._finish_cancelled(
                self._accounts[order.user_id], order, "The order was cancelled by the exchange at the close."
            )

    def close_day(self) -> None:
        """Settle all accounts; the order book of the new day is empty."""
        for account in self._accounts.values():
            account.close_day()

    def empty_book(self, account: Account) -> None:
        """Forget every order of an account without a word to its client."""
        for order in account.orders.values():
            self._venue.enter(order, Place.DONE)

    def _step(self, order: Order, status: Status, send: str | None = None) -> None:
        """Show a status, write it down, and tell the client if this kind of change is told."""
        order.status, order.order_ns = status, self._now_ns()
        order.record()
        self._log.write("order_update", **update_fields(order, send))
        if send is not None:
            for listener in self.listeners:
                listener(self._accounts[order.user_id], order, send)


def _standing(order: Order) -> Status:
    return Status.TRIGGER_PENDING if order.place is Place.TRIGGER else Status.OPEN
