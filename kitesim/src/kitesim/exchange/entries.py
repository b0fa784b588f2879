"""What the truth log says of orders; the names are a contract with everybody who reads `GET /sim/log`."""

from kitesim.exchange.checks import Form
from kitesim.exchange.orders import Order, Trade


def order_fields(order: Order) -> dict[str, object]:
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


def asked_fields(form: Form, variety: str) -> dict[str, object]:
    """Return what a refused form asked for, as it was written."""
    names = ("tag", "transaction_type", "order_type", "quantity", "price", "trigger_price", "product")
    asked: dict[str, object] = {name: form.get(name) for name in names}
    return asked | {"instrument": f"{form.get('exchange')}:{form.get('tradingsymbol')}", "variety": variety}


def update_fields(order: Order, sent: str | None) -> dict[str, object]:
    """Return what an `order_update` entry says; `sent` is the status that the client was told, None if it was not."""
    return {
        "user_id": order.user_id,
        "order_id": order.order_id,
        "tag": order.request.tag,
        "status": order.status.value,
        "filled_quantity": order.filled,
        "pending_quantity": order.pending,
        "average_price": order.average,
        "sent": sent,
    }


def trade_fields(trade: Trade) -> dict[str, object]:
    """Return what a `trade` entry says."""
    order = trade.order
    return {
        "user_id": order.user_id,
        "order_id": order.order_id,
        "tag": order.request.tag,
        "trade_id": trade.trade_id,
        "instrument": order.instrument.key,
        "transaction_type": order.request.transaction_type,
        "quantity": trade.quantity,
        "price": trade.price / 100,
    }
