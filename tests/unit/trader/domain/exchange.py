"""A small, pure broker: accepts, triggers, fills, cancels; and keeps a true log of what it accepted."""

from dataclasses import dataclass, field

from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.values import (
    BrokerOrderId,
    InstrumentKey,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    Tag,
)


@dataclass
class BookOrder:
    """One order as the broker keeps it."""

    order_id: BrokerOrderId
    tag: Tag | None
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    product: Product
    quantity: int
    price: int
    trigger_price: int
    status: str = "OPEN"
    message: str = ""
    filled: int = 0
    value: int = 0
    placed: PlaceOrder | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("OPEN", "TRIGGER PENDING")

    def row(self) -> BrokerOrder:
        return BrokerOrder(
            order_id=self.order_id,
            tag=self.tag,
            instrument=self.instrument,
            side=self.side,
            order_type=self.order_type,
            product=self.product,
            status=self.status,
            status_message=self.message,
            quantity=Quantity(self.quantity),
            filled_quantity=Quantity(self.filled),
            pending_quantity=Quantity(self.quantity - self.filled if self.is_open else 0),
            price=Paise(self.price),
            trigger_price=Paise(self.trigger_price),
            average_price=Paise(self.value // self.filled if self.filled else 0),
        )


@dataclass
class Exchange:
    """The book, the last prices, and what was pushed to the stream."""

    last: dict[InstrumentKey, int] = field(default_factory=dict)
    orders: dict[BrokerOrderId, BookOrder] = field(default_factory=dict)
    outside: dict[InstrumentKey, int] = field(default_factory=dict)
    updates: list[BrokerOrder] = field(default_factory=list)
    liquidity: bool = True
    """Whether marketable limits fill by themselves."""

    def place(self, order: PlaceOrder) -> BrokerOrderId:
        order_id = BrokerOrderId(f"{len(self.orders) + 1:015d}")
        is_stop = order.order_type is OrderType.STOP_LIMIT
        self.orders[order_id] = BookOrder(
            order_id,
            order.tag,
            order.instrument,
            order.side,
            order.order_type,
            order.product,
            order.quantity,
            order.price,
            order.trigger_price,
            status="TRIGGER PENDING" if is_stop else "OPEN",
            placed=order,
        )
        self.match(order.instrument)
        return order_id

    def place_foreign(self, instrument: InstrumentKey, side: Side, quantity: int, *, fills: bool) -> BookOrder:
        """An order from the Kite app: no tag of ours."""
        order_id = BrokerOrderId(f"{len(self.orders) + 1:015d}")
        price = self.last.get(instrument, 100)
        order = BookOrder(order_id, None, instrument, side, OrderType.LIMIT, Product.MIS, quantity, price, 0)
        self.orders[order_id] = order
        if fills:
            self.fill(order_id, quantity, price)
        else:
            self.updates.append(order.row())
        return order

    def modify(self, change: ModifyOrder) -> str:
        """Empty when accepted, else why not."""
        order = self.orders.get(change.order_id)
        if order is None or not order.is_open:
            return "Order cannot be modified as it is being processed or is complete"
        quantity = order.quantity if change.quantity is None else change.quantity
        if quantity <= order.filled:
            return "Quantity is below what has traded"
        order.quantity = quantity
        order.price = order.price if change.price is None else change.price
        order.trigger_price = order.trigger_price if change.trigger_price is None else change.trigger_price
        if change.order_type is not None:
            order.order_type = change.order_type
            order.status = "TRIGGER PENDING" if change.order_type is OrderType.STOP_LIMIT else "OPEN"
        self.updates.append(order.row())
        self.match(order.instrument)
        return ""

    def cancel(self, change: CancelOrder) -> str:
        order = self.orders.get(change.order_id)
        if order is None or not order.is_open:
            return "Order cannot be cancelled as it is complete or unknown"
        order.status = "CANCELLED"
        self.updates.append(order.row())
        return ""

    def fill(self, order_id: BrokerOrderId, quantity: int, price: int | None = None) -> None:
        order = self.orders[order_id]
        quantity = min(quantity, order.quantity - order.filled)
        if not order.is_open or quantity <= 0:
            return
        order.filled += quantity
        order.value += quantity * (order.price if price is None else price)
        if order.filled == order.quantity:
            order.status = "COMPLETE"
        self.updates.append(order.row())

    def move(self, instrument: InstrumentKey, price: int) -> None:
        self.last[instrument] = price
        self.match(instrument)

    def match(self, instrument: InstrumentKey) -> None:
        last = self.last.get(instrument)
        if last is None:
            return
        for order in list(self.orders.values()):
            if order.instrument != instrument or not order.is_open:
                continue
            if order.status == "TRIGGER PENDING" and (last - order.trigger_price) * order.side.sign >= 0:
                order.status = "OPEN"
            crosses = order.status == "OPEN" and (order.price - last) * order.side.sign >= 0
            if crosses and self.liquidity:
                self.fill(order.order_id, order.quantity, last)

    def book(self) -> tuple[BrokerOrder, ...]:
        return tuple(order.row() for order in self.orders.values())

    def quantity(self, instrument: InstrumentKey) -> int:
        total = self.outside.get(instrument, 0)
        for order in self.orders.values():
            if order.instrument == instrument:
                total += order.side.sign * order.filled
        return total

    def positions(self) -> tuple[BrokerPosition, ...]:
        keys = sorted({order.instrument for order in self.orders.values()} | set(self.outside))
        return tuple(BrokerPosition(key, Product.MIS, Quantity(self.quantity(key)), Paise(0)) for key in keys)

    def working(self) -> list[BookOrder]:
        return [order for order in self.orders.values() if order.is_open]
