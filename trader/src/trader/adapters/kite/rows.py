"""Rows of the broker's replies in our words.

One mapping serves the order book and the order frames of the stream: they carry the same fields (kite.trade/docs/connect/v3/orders,
…/postbacks, read 2026-07-14). Rows of other people's making (the same person in the Kite app) may show products and order
types that we never send; they must not make the book unreadable, so they fold into the nearest word that we have.
"""

from collections.abc import Mapping
from typing import Any, Final

from trader.adapters.kite.money import paise
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.values import BrokerOrderId, InstrumentKey, OrderType, Paise, Product, Quantity, Side, Tag

Row = Mapping[str, Any]

# Margin-funded delivery (MTF) is delivery; cover and bracket orders (CO, BO) are intraday.
_PRODUCTS: Final = {each.value: each for each in Product} | {"MTF": Product.CNC, "CO": Product.MIS, "BO": Product.MIS}
_ORDER_TYPES: Final = {each.value: each for each in OrderType}


def broker_order(row: Row) -> BrokerOrder:
    """One order of the book or of an order frame.

    Raises:
        KeyError, ValueError, TypeError: a field that identifies or sizes the order is missing or makes no sense.
    """
    quantity = _quantity(row.get("quantity"))
    filled = _quantity(row.get("filled_quantity"))
    pending = row.get("pending_quantity")
    if pending is None:
        pending = row.get("unfilled_quantity", quantity - filled)
    return BrokerOrder(
        order_id=BrokerOrderId(str(row["order_id"])),
        tag=_tag(row),
        instrument=InstrumentKey(f"{row['exchange']}:{row['tradingsymbol']}"),
        side=Side(row["transaction_type"]),
        order_type=_ORDER_TYPES.get(str(row.get("order_type")), OrderType.LIMIT),
        product=_product(row),
        status=str(row["status"]),
        status_message=str(row.get("status_message") or ""),
        quantity=quantity,
        filled_quantity=filled,
        pending_quantity=_quantity(pending),
        price=_price(row.get("price")),
        trigger_price=_price(row.get("trigger_price")),
        average_price=_price(row.get("average_price")),
    )


def broker_position(row: Row) -> BrokerPosition:
    """One net position; closed ones stay in the list with quantity 0.

    Raises:
        KeyError, ValueError, TypeError: as `broker_order`.
    """
    return BrokerPosition(
        instrument=InstrumentKey(f"{row['exchange']}:{row['tradingsymbol']}"),
        product=_product(row),
        quantity=_quantity(row["quantity"]),
        average_price=_price(row.get("average_price")),
    )


def _tag(row: Row) -> Tag | None:
    """The tag that was sent; rows of the book also list it under `tags`."""
    tag = row.get("tag")
    if not tag:
        tags = row.get("tags")
        tag = tags[0] if tags else None
    return Tag(str(tag)) if tag else None


def _product(row: Row) -> Product:
    return _PRODUCTS.get(str(row.get("product")), Product.NRML)


def _price(value: object) -> Paise:
    return paise(value)


def _quantity(value: object) -> Quantity:
    """Whole units; the official client may hand a JSON number with a fraction of zero."""
    if value is None:
        return Quantity(0)
    if not isinstance(value, int | float | str):
        raise TypeError(f"expected a quantity, was {value!r}")
    whole = int(value)
    if whole != float(value):
        raise ValueError(f"expected a whole quantity, was {value!r}")
    return Quantity(whole)
