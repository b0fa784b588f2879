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


def unauthorised(account: Account, order: Order) -> int:
    """Return how many of the held shares that this order would deliver are not authorised for sale today.

    Shares bought today need none. https://kite.trade/docs/connect/v3/portfolio/#holdings-authorisation
    """
    if order.is_buy or order.request.product != "CNC":
        return 0
    token = order.instrument.token
    holding = account.holdings.get(token)
    left = account.sellable(order.instrument) - order.pending
    delivered = (holding.quantity if holding is not None else 0) - left
    return max(delivered - account.authorised.quantities.get(token, 0), 0)
