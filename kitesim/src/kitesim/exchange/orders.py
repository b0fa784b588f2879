"""An order: what the client asked, what became of it, and its rows on the wire.

Two states live side by side, as in reality. `status` is what the broker shows and passes through interim values;
`place` is where the order really is. An order under modification or cancellation still stands in the exchange's book
and can fill there. Prices in paise.

Statuses: https://kite.trade/docs/connect/v3/orders/#order-statuses; rows: zerodha/kiteconnect-mocks orders.json,
order_info.json and postback.json.
"""

import json
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Literal

from kitesim.clocks import timestamp
from kitesim.market.instruments import Instrument

# Made once: json.dumps makes an encoder at each call, and an order has a row for each of its states.
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Status(StrEnum):
    """What the order book shows."""

    RECEIVED = "PUT ORDER REQ RECEIVED"
    AMO_RECEIVED = "AMO REQ RECEIVED"
    VALIDATION_PENDING = "VALIDATION PENDING"
    OPEN_PENDING = "OPEN PENDING"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER PENDING"
    MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
    MODIFY_PENDING = "MODIFY PENDING"
    MODIFIED = "MODIFIED"
    CANCEL_PENDING = "CANCEL PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_terminal(self) -> bool:
        """Nothing happens to the order any more."""
        return self in (Status.COMPLETE, Status.CANCELLED, Status.REJECTED)


class Place(Enum):
    """Where the order is: at the broker, waiting for its trigger, in the exchange's book, or finished."""

    BROKER = "broker"
    TRIGGER = "trigger"
    BOOK = "book"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Terms:
    """What can be modified."""

    quantity: int
    order_type: str
    price: int
    trigger_price: int
    validity: str
    disclosed_quantity: int = 0
    market_protection: float = 0.0
    """Percent; -1 is Kite's own band; 0 is none."""
    validity_ttl: int = 0
    """Minutes that a TTL order lives."""

    @property
    def waits_for_trigger(self) -> bool:
        """SL and SL-M."""
        return self.order_type in ("SL", "SL-M")

    @property
    def is_market(self) -> bool:
        """MARKET, and SL-M once triggered: the limit comes from the protection band."""
        return self.order_type in ("MARKET", "SL-M")


@dataclass(frozen=True, slots=True)
class Iceberg:
    """Which leg of an iceberg an order is, from 1, and the quantities of all legs."""

    leg: int
    quantities: tuple[int, ...]

    def following(self) -> "Iceberg | None":
        """Return the leg after this one, or None after the last."""
        return Iceberg(self.leg + 1, self.quantities) if self.leg < len(self.quantities) else None

    def row(self) -> dict[str, object]:
        """Return `meta.iceberg` of orders.json in zerodha/kiteconnect-mocks."""
        return {
            "leg": self.leg,
            "legs": len(self.quantities),
            "leg_quantity": self.quantities[self.leg - 1],
            "total_quantity": sum(self.quantities),
            "remaining_quantity": sum(self.quantities[self.leg :]),
        }


Origin = Literal["app", "gtt", "platform", "broker"]
"""Who placed it: the client's app by its API key, a trigger, the client on Kite's own screens, or the broker itself."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A checked request to place an order."""

    instrument: Instrument
    variety: str
    transaction_type: str
    product: str
    terms: Terms
    tag: str | None = None
    iceberg: Iceberg | None = None
    parent_order_id: str | None = None
    """The first order of those that were made of one request: slices and later legs."""
    origin: Origin = "app"

    @property
    def is_buy(self) -> bool:
        """BUY, not SELL."""
        return self.transaction_type == "BUY"

    @property
    def is_cover_stop(self) -> bool:
        """The second leg of a cover order."""
        return self.variety == "co" and self.parent_order_id is not None


@dataclass(slots=True)
class Order:
    """An accepted order. Only the desk changes it."""

    order_id: str
    guid: str
    user_id: str
    request: OrderRequest
    terms: Terms
    placed_ns: int
    status: Status = Status.RECEIVED
    place: Place = Place.BROKER
    priority: int = 0
    """Time priority among resting orders of one price: the lower came first."""
    limit: int = 0
    """The price it may not trade beyond, once it stands in the book."""
    filled: int = 0
    filled_value: int = 0
    cancelled: int = 0
    modifications: int = 0
    triggered: bool = False
    blocked_quantity: int = 0
    blocked_value: int = 0
    exchange_order_id: str | None = None
    message: str | None = None
    message_raw: str | None = None
    updated_ns: int | None = None
    exchange_ns: int | None = None
    order_ns: int = 0
    history: list[str] = field(default_factory=list)
    """Every row that the order book ever showed, as JSON text, oldest first; the last is the present one."""

    @property
    def instrument(self) -> Instrument:
        """What it trades."""
        return self.request.instrument

    @property
    def is_buy(self) -> bool:
        """BUY, not SELL."""
        return self.request.is_buy

    @property
    def pending(self) -> int:
        """What can still fill."""
        return self.terms.quantity - self.filled

    @property
    def average(self) -> float:
        """Average fill price in rupees, as rows show it."""
        return round(self.filled_value / self.filled / 100, 4) if self.filled else 0

    def row(self) -> dict[str, object]:
        """Return the row of the order book. A CANCELLED row keeps its pending quantity, as the mock does."""
        request, terms = self.request, self.terms
        row: dict[str, object] = {
            "account_id": self.user_id,
            "placed_by": self.user_id,
            "order_id": self.order_id,
            "exchange_order_id": self.exchange_order_id,
            "parent_order_id": request.parent_order_id,
            "status": self.status.value,
            "status_message": self.message,
            "status_message_raw": self.message_raw,
            "order_timestamp": timestamp(self.order_ns),
            "exchange_update_timestamp": timestamp(self.updated_ns),
            "exchange_timestamp": timestamp(self.exchange_ns),
            "variety": request.variety,
            "modified": self.modifications > 0,
            "exchange": request.instrument.exchange,
            "tradingsymbol": request.instrument.symbol,
            "instrument_token": request.instrument.token,
            "order_type": terms.order_type,
            "transaction_type": request.transaction_type,
            "validity": terms.validity,
            "validity_ttl": terms.validity_ttl,
            "product": request.product,
            "quantity": terms.quantity,
            "disclosed_quantity": terms.disclosed_quantity,
            "price": terms.price / 100,
            "trigger_price": terms.trigger_price / 100,
            "average_price": self.average,
            "filled_quantity": self.filled,
            "pending_quantity": 0 if self.status in (Status.COMPLETE, Status.REJECTED) else self.pending,
            "cancelled_quantity": self.cancelled,
            "market_protection": terms.market_protection,
            "meta": {} if request.iceberg is None else {"iceberg": request.iceberg.row()},
            "tag": request.tag,
            "guid": self.guid,
        }
        if request.tag is not None:
            row["tags"] = [request.tag]
        return row

    def record(self) -> None:
        """Append the present row to the history."""
        self.history.append(_ENCODE(self.row()))

    def with_terms(self, **changes: object) -> Terms:
        """Return the present terms with some of them changed."""
        return replace(self.terms, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill."""

    trade_id: str
    order: Order
    price: int
    quantity: int
    traded_ns: int

    def row(self) -> dict[str, object]:
        """Return the row of the trade book; `order_timestamp` is a time of day there."""
        text = timestamp(self.traded_ns)
        assert text is not None
        instrument = self.order.instrument
        return {
            "trade_id": self.trade_id,
            "order_id": self.order.order_id,
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.symbol,
            "instrument_token": instrument.token,
            "product": self.order.request.product,
            "average_price": self.price / 100,
            "quantity": self.quantity,
            "exchange_order_id": self.order.exchange_order_id,
            "transaction_type": self.order.request.transaction_type,
            "fill_timestamp": text,
            "order_timestamp": text[11:],
            "exchange_timestamp": text,
        }
