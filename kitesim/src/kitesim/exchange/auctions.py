"""Call auctions, pure: one price at which the most can trade, and who trades there.

The opening and the closing of the cash market collect orders without a trade and match them at one price. The price is
the one with the largest quantity, of several the one that leaves the least over, of several the nearest to the
reference. At it market orders come first, then the better price, then the earlier order; the market's own liquidity
stands behind the orders of users at its price. NSE circulars CMTR74466 and CMTR74969.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kitesim.exchange.matching import Fill, within
from kitesim.exchange.orders import Order
from kitesim.market.books import Level

Interest = tuple[int, int]
"""A limit in paise and a quantity."""


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """The price of an auction and the quantity that trades there; a quantity of 0 is no trade."""

    price: int
    quantity: int


def equilibrium(buys: Sequence[Interest], sells: Sequence[Interest], reference: int) -> Equilibrium:
    """Return the price at which the most trades; the reference when nothing can."""
    # Compared from the left: more traded, less left over, nearer to the reference.
    best: tuple[int, int, int, int] | None = None
    for price in {limit for limit, _ in (*buys, *sells)}:
        demand = sum(quantity for limit, quantity in buys if limit >= price)
        supply = sum(quantity for limit, quantity in sells if limit <= price)
        found = (min(demand, supply), -abs(demand - supply), -abs(price - reference), price)
        if found[0] and (best is None or found > best):
            best = found
    return Equilibrium(reference, 0) if best is None else Equilibrium(best[3], best[0])


def allot(orders: Iterable[Order], is_buy: bool, price: int, quantity: int) -> list[tuple[Order, Fill]]:
    """Return what the orders of one side get of the quantity at this price, in their priority."""
    sign = -1 if is_buy else 1
    eligible = [order for order in orders if order.is_buy is is_buy and within(order.limit, price, is_buy)]
    eligible.sort(key=lambda order: (not order.terms.is_market, sign * order.limit, order.priority))
    fills: list[tuple[Order, Fill]] = []
    for order in eligible:
        taken = min(order.pending, quantity)
        if taken:
            fills.append((order, Fill(price, taken)))
            quantity -= taken
    return fills


def interests(orders: Iterable[Order], levels: Sequence[Level], is_buy: bool) -> list[Interest]:
    """Return one side of an auction: the orders of users and the market's own levels."""
    wanted = [(order.limit, order.pending) for order in orders if order.is_buy is is_buy]
    return wanted + [(level.price, level.quantity) for level in levels if level.quantity]
