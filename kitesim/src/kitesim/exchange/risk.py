"""The broker's risk check: money and shares, before an order may go to the exchange."""

from kitesim.exchange.accounts import Account
from kitesim.exchange.orders import Order


def margin_refusal(account: Account, order: Order, quantity: int, limit: int) -> str | None:
    """Return why the account cannot carry this order with this quantity and limit, or None; less risk always passes."""
    needed, available = account.required(order, quantity, limit), account.net()
    if needed <= max(available, 0):
        return None
    # Text: the REJECTED row of zerodha/kiteconnect-mocks, orders.json.
    return (
        f"Insufficient funds. Required margin is {needed / 100:.2f} but available margin is {available / 100:.2f}. "
        "Check the orderbook for open orders."
    )


def holding_refusal(account: Account, order: Order) -> str | None:
    """Return why the account cannot deliver what this order sells, or None."""
    if order.is_buy or order.request.product != "CNC":
        return None
    sellable = account.sellable(order.instrument)
    if order.pending <= sellable:
        return None
    return f"Insufficient holdings. {order.pending} to sell, {sellable} available. Check the orderbook."
