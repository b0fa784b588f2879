"""The desk: takes orders through their states, matches them, and tells everybody what happened.

It is synchronous and deterministic: it is called (place, modify, cancel, a tick) and calls timers for what takes
time. What the truth log says is written here, at the moment it becomes true.
"""

import logging
from collections.abc import Callable, Iterable
from itertools import count

from kitesim.calendars import Calendar
from kitesim.config import SimulatorConfig
from kitesim.errors import InputRefused, KiteError, MarginRefused, OrderUnknown, RateLimited
from kitesim.exchange import checks
from kitesim.exchange.accounts import Account
from kitesim.exchange.matching import crossed, is_triggered, protection_band, take
from kitesim.exchange.orders import Order, OrderRequest, Place, Status, Terms, Trade
from kitesim.exchange.timers import Timers
from kitesim.market.market import Market
from kitesim.truth import TruthLog

logger = logging.getLogger(__name__)
Listener = Callable[[Account, Order, str], None]
"""Told of an update that goes out to the client: the account, the order, the status to send."""

_BUSY = "Order cannot be {} as it is being processed. Try later."


class Desk:
    """The broker's order desk and the exchange's book behind it."""

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
        self._calendar = calendar
        self._timers = timers
        self._log = log
        self._now_ns = now_ns
        self._order_ids = count(first_order_id)
        self._exchange_ids = count(1_300_000_000_000_001)
        self._trade_ids = count(10_000_001)
        self._priorities = count(1)
        self._waiting: dict[int, dict[str, Order]] = {}
        self._resting: dict[int, dict[str, Order]] = {}
        self._accounts: dict[str, Account] = {}
        self.listeners: list[Listener] = []

    def open_account(self, account: Account) -> None:
        """Serve this account from now on; an account with the same user id takes the place of the older."""
        self._accounts[account.user_id] = account

    # What clients ask.

    def place(self, account: Account, variety: str, form: checks.Form) -> Order:
        """Accept an order and return it; its way to the exchange goes on behind the reply.

        Raises:
            InputRefused: the form is wrong, or the market is closed.
            MarginRefused: too little money, when `margins.refusal` is `exception`.
        """
        try:
            request = checks.placed(variety, form, self._market, self._config.rules.refuse_passed_trigger)
            self._require_open(request.instrument.exchange)
            order = self._new_order(account, request)
            if self._config.margins.refusal == "exception" and (refusal := self._margin_refusal(account, order)):
                raise MarginRefused(refusal)
        except KiteError as error:
            self._log.write(
                "order_rejected", user_id=account.user_id, order_id=None, reason=error.message, **_asked(form, variety)
            )
            raise
        account.orders[order.order_id] = order
        self._log.write("order_accepted", **_order_fields(order))
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
        terms = self._new_terms(order, form)
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
        if not self._calendar.is_open(exchange, self._now_ns()):
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
        order.limit = self._limit_of(order, request.terms)
        return order

    def _new_terms(self, order: Order, form: checks.Form) -> Terms:
        old = order.terms
        fields = {
            "order_type": old.order_type,
            "quantity": str(old.quantity),
            "price": f"{old.price / 100:.2f}",
            "trigger_price": f"{old.trigger_price / 100:.2f}",
            "validity": old.validity,
            "disclosed_quantity": str(old.disclosed_quantity),
            "market_protection": f"{old.market_protection:g}",
        }
        fields |= {name: form[name] for name in fields if form.get(name)}
        if self._config.rules.modify_quantity == "remaining" and form.get("quantity"):
            fields["quantity"] = str(checks.whole(form, "quantity") + order.filled)
        terms = checks.terms_of(fields, order.instrument)
        if terms.quantity <= order.filled:
            raise InputRefused(
                f"Invalid `quantity`. Expected more than the {order.filled} already filled, was {terms.quantity}."
            )
        moved = terms.trigger_price != old.trigger_price or terms.order_type != old.order_type
        refuse_passed = self._config.rules.refuse_passed_trigger and moved and not order.triggered
        checks.check_prices(terms, order.is_buy, self._market.quotes[order.instrument.token], refuse_passed)
        return terms

    # The way of an order to the exchange.

    def _validate(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        self._step(order, Status.VALIDATION_PENDING)
        self._timers.later(self._config.latencies.validation_ms / 1000, lambda: self._check_risk(account, order))

    def _check_risk(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        refusal = self._holding_refusal(account, order) or self._margin_refusal(account, order)
        if refusal:
            self._reject(account, order, refusal)
            return
        account.block(order)
        self._step(order, Status.OPEN_PENDING)
        self._timers.later(self._config.latencies.exchange_ms / 1000, lambda: self._arrive(account, order))

    def _margin_refusal(self, account: Account, order: Order) -> str | None:
        needed, available = account.required(order, order.pending, order.limit), account.net()
        if needed <= 0 or needed <= available:
            return None
        # Text: the REJECTED row of zerodha/kiteconnect-mocks, orders.json.
        return (
            f"Insufficient funds. Required margin is {needed / 100:.2f} but available margin is "
            f"{available / 100:.2f}. Check the orderbook for open orders."
        )

    def _holding_refusal(self, account: Account, order: Order) -> str | None:
        if order.is_buy or order.request.product != "CNC":
            return None
        sellable = account.sellable(order.instrument)
        if order.pending <= sellable:
            return None
        return f"Insufficient holdings. {order.pending} to sell, {sellable} available. Check the orderbook."

    def _arrive(self, account: Account, order: Order) -> None:
        if order.place is Place.DONE:
            return
        now = self._now_ns()
        order.exchange_order_id = str(next(self._exchange_ids))
        order.exchange_ns = order.updated_ns = now
        order.priority = next(self._priorities)
        if order.terms.waits_for_trigger:
            self._enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING)
            if is_triggered(order, self._market.quotes[order.instrument.token].last):
                self._trigger(account, order)
        else:
            self._open(account, order)

    def _open(self, account: Account, order: Order) -> None:
        """Put the order in the book and let it take what it can reach."""
        order.limit = self._limit_of(order, order.terms)
        self._enter(order, Place.BOOK)
        account.block(order)
        self._step(order, Status.OPEN)
        self._sweep(account, order)

    def _sweep(self, account: Account, order: Order) -> None:
        token = order.instrument.token
        book = self._market.quotes[token].book
        others = [other for other in self._resting.get(token, {}).values() if other.is_buy is not order.is_buy]
        for fill in take(order, order.pending, book.asks if order.is_buy else book.bids, others):
            if fill.against is not None:
                self._fill(self._accounts[fill.against.user_id], fill.against, fill.price, fill.quantity)
            self._fill(account, order, fill.price, fill.quantity)
        if order.place is Place.BOOK and order.terms.validity == "IOC":
            self._finish_cancelled(account, order, None)
        elif order.place is Place.BOOK and order.terms.is_market:
            # What the band left over stays OPEN as a LIMIT order: https://kite.trade/forum/discussion/comment/52991
            order.terms = order.with_terms(order_type="LIMIT", price=order.limit, market_protection=0.0)
            self._step(order, order.status)

    def _trigger(self, account: Account, order: Order) -> None:
        order.triggered = True
        self._open(account, order)

    def _limit_of(self, order: Order, terms: Terms) -> int:
        """Return the price that the order may not trade beyond: its own, or the band around the last price."""
        if not terms.is_market:
            return terms.price
        quote, instrument = self._market.quotes[order.instrument.token], order.instrument
        base = terms.trigger_price if terms.waits_for_trigger and not order.triggered else quote.last
        band = protection_band(terms.market_protection, base, instrument.instrument_type in ("CE", "PE"))
        # The band never widens by rounding: down to the tick for a buy, up for a sale.
        if order.is_buy:
            return min(int(base * (1 + band)) // instrument.tick * instrument.tick, quote.upper_circuit)
        return max(-(int(-base * (1 - band)) // instrument.tick) * instrument.tick, quote.lower_circuit)

    # Modification and cancellation.

    def _validate_change(self, account: Account, order: Order, terms: Terms) -> None:
        if order.place is Place.DONE:
            return
        limit = self._limit_of(order, terms)
        needed, available = account.required(order, terms.quantity - order.filled, limit), account.net()
        if needed > max(available, 0):
            order.message = (
                f"Insufficient funds. Required margin is {needed / 100:.2f} but available margin is "
                f"{available / 100:.2f}. Check the orderbook for open orders."
            )
            self._step(order, _standing(order))
            self._log.write("order_rejected", **_order_fields(order), reason=order.message)
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
        order.limit = self._limit_of(order, terms)
        account.block(order)
        self._step(order, Status.MODIFIED)
        self._log.write("order_modified", **_order_fields(order))
        if terms.waits_for_trigger and not order.triggered:
            self._enter(order, Place.TRIGGER)
            self._step(order, Status.TRIGGER_PENDING, send="UPDATE")
            if is_triggered(order, self._market.quotes[order.instrument.token].last):
                self._trigger(account, order)
        else:
            self._enter(order, Place.BOOK)
            self._step(order, Status.OPEN, send="UPDATE")
            self._sweep(account, order)

    def _cancelled(self, account: Account, order: Order) -> None:
        if order.place is not Place.DONE:
            self._finish_cancelled(account, order, None)

    def _finish_cancelled(self, account: Account, order: Order, message: str | None) -> None:
        order.cancelled, order.updated_ns, order.message = order.pending, self._now_ns(), message
        self._enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_cancelled", **_order_fields(order), cancelled_quantity=order.cancelled)
        self._step(order, Status.CANCELLED, send="CANCELLED")

    def _reject(self, account: Account, order: Order, reason: str) -> None:
        order.message, order.message_raw = reason, f"RMS:{reason}"
        self._enter(order, Place.DONE)
        account.block(order)
        self._log.write("order_rejected", **_order_fields(order), reason=reason)
        self._step(order, Status.REJECTED, send="REJECTED")

    # The market moves.

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Trigger what the new last prices reach and fill what the new books cross."""
        for token in tokens:
            if self._waiting.get(token):
                self._trigger_due(token)
            if self._resting.get(token):
                self._fill_crossed(token)

    def _trigger_due(self, token: int) -> None:
        quote = self._market.quotes[token]
        if not self._calendar.is_open(quote.instrument.exchange, self._now_ns()):
            return
        due = [order for order in self._waiting[token].values() if is_triggered(order, quote.last)]
        for order in sorted(due, key=lambda each: each.priority):
            if order.place is Place.TRIGGER:
                self._trigger(self._accounts[order.user_id], order)

    def _fill_crossed(self, token: int) -> None:
        quote = self._market.quotes[token]
        if not self._calendar.is_open(quote.instrument.exchange, self._now_ns()):
            return
        resting = sorted(
            self._resting[token].values(),
            key=lambda each: (-each.limit if each.is_buy else each.limit, each.priority),
        )
        for order in resting:
            book = quote.book
            quantity = crossed(order, book.asks if order.is_buy else book.bids)
            if quantity:
                self._fill(self._accounts[order.user_id], order, order.limit, quantity)

    def close_session(self, exchange: str) -> None:
        """Cancel what is left of the day's orders when an exchange closes."""
        for side in (self._waiting, self._resting):
            for orders in list(side.values()):
                for order in list(orders.values()):
                    if order.instrument.exchange == exchange:
                        self._finish_cancelled(
                            self._accounts[order.user_id],
                            order,
                            "The order was cancelled by the exchange at the close.",
                        )

    def close_day(self) -> None:
        """Settle all accounts; the order book of the new day is empty."""
        for account in self._accounts.values():
            account.close_day()

    def empty_book(self, account: Account) -> None:
        """Forget every order of an account without a word to its client."""
        for order in account.orders.values():
            self._enter(order, Place.DONE)

    def _fill(self, account: Account, order: Order, price: int, quantity: int) -> None:
        assert 0 < quantity <= order.pending, f"a fill of {quantity} on {order.pending} pending"
        now = self._now_ns()
        order.filled += quantity
        order.filled_value += quantity * price
        order.updated_ns = order.exchange_ns = now
        trade = Trade(str(next(self._trade_ids)), order, price, quantity, now)
        if not order.pending:
            self._enter(order, Place.DONE)
        account.fill(trade)
        self._log.write(
            "trade",
            user_id=order.user_id,
            order_id=order.order_id,
            tag=order.request.tag,
            trade_id=trade.trade_id,
            instrument=order.instrument.key,
            transaction_type=order.request.transaction_type,
            quantity=quantity,
            price=price / 100,
        )
        if order.pending:
            self._step(order, order.status, send="UPDATE")
        else:
            self._step(order, Status.COMPLETE, send="COMPLETE")

    def _enter(self, order: Order, place: Place) -> None:
        """Move the order from one book to another."""
        token, order.place = order.instrument.token, place
        for books, here in ((self._waiting, Place.TRIGGER), (self._resting, Place.BOOK)):
            if place is here:
                books.setdefault(token, {})[order.order_id] = order
            elif token in books:
                books[token].pop(order.order_id, None)

    def _step(self, order: Order, status: Status, send: str | None = None) -> None:
        """Show a status, write it down, and tell the client if this kind of change is told."""
        order.status, order.order_ns = status, self._now_ns()
        order.record()
        self._log.write(
            "order_update",
            user_id=order.user_id,
            order_id=order.order_id,
            tag=order.request.tag,
            status=status.value,
            filled_quantity=order.filled,
            pending_quantity=order.pending,
            average_price=order.average,
            sent=send,
        )
        if send is not None:
            for listener in self.listeners:
                listener(self._accounts[order.user_id], order, send)


def _standing(order: Order) -> Status:
    return Status.TRIGGER_PENDING if order.place is Place.TRIGGER else Status.OPEN


def _order_fields(order: Order) -> dict[str, object]:
    """Return what a log entry says of an order, with its present terms."""
    request, terms = order.request, order.terms
    return {
        "user_id": order.user_id,
        "order_id": order.order_id,
        "tag": request.tag,
        "instrument": request.instrument.key,
        "transaction_type": request.transaction_type,
        "order_type": terms.order_type,
        "quantity": terms.quantity,
        "price": terms.price / 100,
        "trigger_price": terms.trigger_price / 100,
        "product": request.product,
        "variety": request.variety,
    }


def _asked(form: checks.Form, variety: str) -> dict[str, object]:
    """Return what a refused form asked for, as it was written."""
    names = ("tag", "transaction_type", "order_type", "quantity", "price", "trigger_price", "product")
    asked: dict[str, object] = {name: form.get(name) for name in names}
    return asked | {"instrument": f"{form.get('exchange')}:{form.get('tradingsymbol')}", "variety": variety}
