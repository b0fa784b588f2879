"""Price-time matching, pure: who trades with whom, at what price, how much.

An order that arrives takes liquidity: the best price first, at one price the resting orders of other users before
the synthetic level (they stood there first), each at the resting price. An order that rests is hit when the market's
book crosses its limit, and trades at its own limit, because the seller who came down met it there on the way.
Nothing ever trades outside the order's limit or beyond its quantity.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kitesim.exchange.orders import Order
from kitesim.market.books import Level


@dataclass(frozen=True, slots=True)
class Fill:
    """A quantity at a price; `against` is the resting order that gave it, None for the market's own liquidity."""

    price: int
    quantity: int
    against: Order | None = None


def within(limit: int, price: int, is_buy: bool) -> bool:
    """Tell whether an order with this limit may trade at this price."""
    return price <= limit if is_buy else price >= limit


def take(order: Order, quantity: int, levels: Sequence[Level], resting: Iterable[Order]) -> list[Fill]:
    """Return the fills of an arriving order, and take them out of the levels.

    `levels` is the opposite side, best first; `resting` are the opposite orders of that instrument. A user never
    trades with himself: the exchange's self-trade prevention.
    """
    sign = 1 if order.is_buy else -1
    makers = sorted(
        (
            other
            for other in resting
            if other.user_id != order.user_id and within(order.limit, other.limit, order.is_buy)
        ),
        key=lambda other: (sign * other.limit, other.priority),
    )
    fills: list[Fill] = []
    level_number = maker_number = 0
    while quantity > 0:
        while level_number < len(levels) and not levels[level_number].quantity:
            level_number += 1
        level = levels[level_number] if level_number < len(levels) else None
        if level is not None and not within(order.limit, level.price, order.is_buy):
            level = None
        maker = makers[maker_number] if maker_number < len(makers) else None
        if maker is not None and (level is None or sign * maker.limit <= sign * level.price):
            taken = min(quantity, maker.pending)
            maker_number += 1
            if taken:
                fills.append(Fill(maker.limit, taken, maker))
        elif level is not None:
            taken = min(quantity, level.quantity)
            level.quantity -= taken
            fills.append(Fill(level.price, taken))
        else:
            break
        quantity -= taken
    return fills


def crossed(order: Order, levels: Sequence[Level]) -> int:
    """Take what the market offers inside a resting order's limit out of the levels; return the quantity."""
    wanted = order.pending
    for level in levels:
        if wanted == 0 or not within(order.limit, level.price, order.is_buy):
            break
        taken = min(wanted, level.quantity)
        level.quantity -= taken
        wanted -= taken
    return order.pending - wanted


def is_triggered(order: Order, last: int) -> bool:
    """Tell whether the last price has reached the trigger of a waiting order."""
    return last >= order.terms.trigger_price if order.is_buy else last <= order.terms.trigger_price


def protection_band(percent: float, last: int, is_option: bool) -> float:
    """Return the share of the last price that a MARKET order may move; -1 is Kite's own table.

    Table: support.zerodha.com, market-price-protection-on-the-order-window.
    """
    if percent > 0:
        return percent / 100
    rupees = last / 100
    if is_option:
        return 0.05 if rupees < 10 else 0.03 if rupees < 100 else 0.02 if rupees <= 500 else 0.01
    return 0.02 if rupees < 100 else 0.01 if rupees <= 500 else 0.005
