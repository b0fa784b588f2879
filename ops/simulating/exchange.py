"""The exchange and its broker as they truly are: orders, triggers, fills, rejections, positions, and the log of all that.

The log has the form of kitesim's (`docs/seams.md` §1), so that the judges of `ops.judging` read both. Nothing here is lost, late
or doubled: that is the business of the roads to and from it (`broker`, `feed`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ops.simulating.dice import Dice
from ops.simulating.virtual import SECOND, Scheduler
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.prices import validate_order_price
from trader.domain.values import BrokerOrderId, InstrumentKey, OrderType, Paise, Product, Quantity, Side, Tag

PRICE_PROTECTION_PPM = 30_000
"""Index futures reject beyond 3 % of the reference (support.zerodha.com, price-out-of-lpp-range)."""
CALLS_A_SECOND = 10
"""kite.trade/docs/connect/v3/exceptions, by the calendar second, refused ones included."""
ACCOUNT = "AB1234"
RECEIVED, OPEN, PENDING = "PUT ORDER REQ RECEIVED", "OPEN", "TRIGGER PENDING"
COMPLETE, CANCELLED, REJECTED = "COMPLETE", "CANCELLED", "REJECTED"


@dataclass(slots=True, eq=False)
class BookOrder:
    """One order as the exchange keeps it."""

    order_id: BrokerOrderId
    tag: Tag | None
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    quantity: int
    price: int
    trigger_price: int
    visible_at: int
    """When book and stream begin to show it: Kite has kept an order invisible for 90 s."""
    status: str = OPEN
    message: str = ""
    filled: int = 0
    value: int = 0
    row: BrokerOrder | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        return self.status in (OPEN, PENDING)

    @property
    def is_over(self) -> bool:
        return self.status in (COMPLETE, CANCELLED, REJECTED)

    def as_row(self) -> BrokerOrder:
        """What the broker tells of it; made once for each change."""
        if self.row is None:
            self.row = BrokerOrder(
                self.order_id,
                self.tag,
                self.instrument,
                self.side,
                self.order_type,
                Product.MIS,
                self.status,
                self.message,
                Quantity(self.quantity),
                Quantity(self.filled),
                Quantity(self.quantity - self.filled if self.is_open else 0),
                Paise(self.price),
                Paise(self.trigger_price),
                Paise(self.value // self.filled if self.filled else 0),
            )
        return self.row


class Exchange:
    """The truth about one account."""

    def __init__(
        self,
        scheduler: Scheduler,
        log: list[dict[str, Any]],
        instruments: tuple[Instrument, ...],
        dice: Dice,
        *,
        partial: float = 0.0,
    ) -> None:
        """`partial` is the chance that a crossing order trades only in part at one quote."""
        self._scheduler = scheduler
        self._log = log
        self._dice = dice
        self._partial = partial
        self.instruments = {each.key: each for each in instruments}
        self.orders: dict[BrokerOrderId, BookOrder] = {}
        self.by_tag: dict[Tag, BookOrder] = {}
        self._open: dict[InstrumentKey, list[BookOrder]] = {key: [] for key in self.instruments}
        self.last: dict[InstrumentKey, int] = {}
        self._fills: list[tuple[int, InstrumentKey, int]] = []
        """When, what, signed quantity."""
        self._net: dict[InstrumentKey, int] = {}
        self._cash = 0
        self._shown: tuple[BrokerOrder, ...] | None = None
        """The book as it was read last, until something in it changes."""
        self._hidden_until = 0
        self.has_people = False
        """Whether somebody traded by hand."""
        self.watchers: list[Callable[[BookOrder], None]] = []
        self.liquid = True
        self.refuses = ""
        """Why the risk system refuses every new order; empty when it does not."""
        self._calls: dict[int, int] = {}

    # --- calls, as they arrive ---

    def count_call(self, method: str, tag: str) -> bool:
        """Count an order call against the account's second; False when it is one too many."""
        second = self._scheduler.now // SECOND
        count = self._calls[second] = self._calls.get(second, 0) + 1
        allowed = count <= CALLS_A_SECOND
        status = 200 if allowed else 429
        self._note("request", method=method, path="/orders/regular", status=status, user_id=ACCOUNT, tag=tag)
        return allowed

    def place(self, order: PlaceOrder, *, hidden: int = 0, rejected: bool = False) -> BookOrder:
        """Take an order; what the exchange does not like is rejected after it got its id, as Kite does.

        A hidden one has its id, and sticks for so long on its way from the broker to the exchange: no book shows it.
        """
        book_order = self._new(
            tag=order.tag,
            instrument=order.instrument,
            side=order.side,
            order_type=order.order_type,
            quantity=order.quantity,
            price=order.price,
            trigger_price=order.trigger_price,
        )
        book_order.visible_at = self._scheduler.now + hidden
        if hidden:
            self._hidden_until = max(self._hidden_until, book_order.visible_at)
            book_order.status = RECEIVED
            self._scheduler.after(hidden, self._take, book_order, order, rejected)
        else:
            self._take(book_order, order, rejected)
        return book_order

    def _take(self, book_order: BookOrder, order: PlaceOrder, rejected: bool) -> None:
        book_order.status = PENDING if order.order_type is OrderType.STOP_LIMIT else OPEN
        self._note(
            "order_accepted",
            user_id=ACCOUNT,
            order_id=book_order.order_id,
            tag=order.tag,
            instrument=order.instrument,
            transaction_type=order.side.value,
            order_type=order.order_type.value,
            quantity=order.quantity,
            price=order.price,
            trigger_price=order.trigger_price,
        )
        problem = self.refuses or ("RMS: margin exceeds" if rejected else self._problem(book_order))
        if problem:
            self._end(book_order, REJECTED, problem)
            return
        self._open[order.instrument].append(book_order)
        self._tell(book_order)
        self._match(order.instrument)

    def modify(self, change: ModifyOrder) -> str:
        """Empty when accepted, else why not."""
        order = self.orders.get(change.order_id)
        if order is None or not order.is_open:
            return "Order cannot be modified as it is being processed or is complete"
        before = order.quantity, order.price, order.trigger_price, order.order_type, order.status
        if change.quantity is not None:
            order.quantity = change.quantity
        if change.price is not None:
            order.price = change.price
        if change.trigger_price is not None:
            order.trigger_price = change.trigger_price
        if change.order_type is not None:
            order.order_type = change.order_type
            order.status = PENDING if change.order_type is OrderType.STOP_LIMIT else OPEN
        problem = "Quantity is below what has traded" if order.quantity <= order.filled else self._problem(order)
        if problem:
            order.quantity, order.price, order.trigger_price, order.order_type, order.status = before
            return problem
        self._note(
            "order_modified",
            order_id=order.order_id,
            tag=order.tag,
            quantity=order.quantity,
            filled_quantity=order.filled,
            price=order.price,
            trigger_price=order.trigger_price,
            order_type=order.order_type.value,
        )
        self._tell(order)
        self._match(order.instrument)
        return ""

    def cancel(self, change: CancelOrder) -> str:
        """Empty when accepted, else why not."""
        order = self.orders.get(change.order_id)
        if order is None or not order.is_open:
            return "Order cannot be cancelled as it is complete or unknown"
        self.end_by_exchange(order, "")
        return ""

    # --- what happens by itself ---

    def end_by_exchange(self, order: BookOrder, message: str) -> None:
        """Cancel an order, whoever wanted it."""
        self._end(order, CANCELLED, message)
        self._note("order_cancelled", order_id=order.order_id, tag=order.tag)

    def move(self, instrument: InstrumentKey, price: int) -> None:
        """The market trades at another price."""
        self.last[instrument] = price
        if self._open[instrument]:
            self._match(instrument)

    def trade_by_hand(self, instrument: InstrumentKey, side: Side, quantity: int) -> None:
        """The same person in the Kite app: an order without a tag, filled at once."""
        order = self._new(
            tag=None,
            instrument=instrument,
            side=side,
            order_type=OrderType.MARKET,
            quantity=quantity,
            price=self.last[instrument],
            trigger_price=0,
        )
        self.has_people = True
        self._note("foreign_order", order_id=order.order_id, instrument=instrument, quantity=side.sign * quantity)
        self._fill(order, quantity)

    def working(self) -> list[BookOrder]:
        """Orders that may still trade."""
        return [order for orders in self._open.values() for order in orders]

    # --- what it shows ---

    def book(self) -> tuple[BrokerOrder, ...]:
        """The day's orders, but those that are hidden still."""
        now = self._scheduler.now
        if self._shown is None:
            shown = tuple([order.as_row() for order in self.orders.values() if order.visible_at <= now])
            if now < self._hidden_until:
                return shown
            self._shown = shown
        return self._shown

    def positions(self, lag: int = 0) -> tuple[BrokerPosition, ...]:
        """Net positions as they were a moment ago."""
        totals = self._net
        if lag:
            totals, until = {}, self._scheduler.now - lag
            for at, instrument, quantity in self._fills:
                if at <= until:
                    totals[instrument] = totals.get(instrument, 0) + quantity
        return tuple([BrokerPosition(key, Product.MIS, Quantity(total), Paise(0)) for key, total in totals.items()])

    def profit(self) -> int:
        """The day's profit in paise at the last prices."""
        return self._cash + sum(quantity * self.last[instrument] for instrument, quantity in self._net.items())

    # --- inside ---

    def _new(self, **fields: Any) -> BookOrder:
        order_id = BrokerOrderId(f"{261123000000000 + len(self.orders) + 1}")
        order = BookOrder(order_id=order_id, visible_at=self._scheduler.now, **fields)
        self.orders[order_id] = order
        if order.tag is not None:
            self.by_tag[order.tag] = order
        self._shown = None
        return order

    def _problem(self, order: BookOrder) -> str:
        """The first thing that the exchange does not like."""
        instrument = self.instruments[order.instrument]
        last, sign = self.last[order.instrument], order.side.sign
        is_stop = order.status == PENDING
        problems = {
            f"quantity {order.quantity} is no multiple of the lot": order.quantity <= 0
            or order.quantity % instrument.lot_size != 0,
            f"quantity {order.quantity} is above the freeze quantity": order.quantity > instrument.freeze_quantity,
            "Trigger price is on the wrong side of the last price": is_stop
            and (order.trigger_price - last) * sign <= 0,
            "Limit price is on the wrong side of the trigger price": is_stop
            and (order.price - order.trigger_price) * sign < 0,
            "Price is out of the limit price protection range": not is_stop
            and abs(order.price - last) * 1_000_000 > last * PRICE_PROTECTION_PPM,
        }
        found = next((problem for problem, is_so in problems.items() if is_so), "")
        return validate_order_price(order.price, instrument) or found

    def _match(self, instrument: InstrumentKey) -> None:
        last, working = self.last[instrument], self._open[instrument]
        for order in tuple(working):
            if order.status == PENDING and (last - order.trigger_price) * order.side.sign >= 0:
                order.status = OPEN
                self._note("order_update", order_id=order.order_id, tag=order.tag, status=OPEN)
                self._tell(order)
            if order.status == OPEN and (order.price - last) * order.side.sign >= 0 and self.liquid:
                self._trade(order)

    def _trade(self, order: BookOrder) -> None:
        left = order.quantity - order.filled
        if self._partial and self._dice.chance() < self._partial:
            lot = self.instruments[order.instrument].lot_size
            left = min(left, lot * (1 + self._dice.below(max(1, left // lot))))
        self._fill(order, left)

    def _fill(self, order: BookOrder, quantity: int) -> None:
        last = self.last[order.instrument]
        order.filled += quantity
        order.value += quantity * last
        signed = order.side.sign * quantity
        self._fills.append((self._scheduler.now, order.instrument, signed))
        self._net[order.instrument] = self._net.get(order.instrument, 0) + signed
        self._cash -= signed * last
        self._note(
            "trade",
            order_id=order.order_id,
            tag=order.tag,
            trade_id=len(self._fills),
            instrument=order.instrument,
            transaction_type=order.side.value,
            quantity=quantity,
            price=last,
        )
        if order.filled == order.quantity:
            self._end(order, COMPLETE, "")
        else:
            self._tell(order)

    def _end(self, order: BookOrder, status: str, message: str) -> None:
        order.status, order.message = status, message
        working = self._open[order.instrument]
        if order in working:
            working.remove(order)
        self._note("order_update", order_id=order.order_id, tag=order.tag, status=status, filled_quantity=order.filled)
        self._tell(order)

    def _tell(self, order: BookOrder) -> None:
        order.row = self._shown = None
        for watcher in self.watchers:
            watcher(order)

    def _note(self, kind: str, **fields: Any) -> None:
        self._log.append({"kind": kind, "machine_time_ns": self._scheduler.now, **fields})
