"""Positions, profit and heat of what is ours, in paise.

Heat is the worst-case loss from entry to stop of everything that is held or may still fill, orders in doubt at their full quantity:
what the account loses when every entry fills and every stop is hit (checklist: at most 2 % of net liquidation).
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter

from trader.domain.brackets import entry_price, held_quantity, live_orders, position_of, stop_level
from trader.domain.events import Quote
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.state import Bracket, Durable
from trader.domain.values import InstrumentKey, Leg, Paise

# An adopted position has no stop of its own: it is held to lose what the futures' price protection lets it lose at once, 3 %.
_UNPLANNED_LOSS_PPM = 30_000


def risk_per_unit(bracket: Bracket, price: int) -> int:
    """What one unit loses between this price and the stop; never less than nothing."""
    if bracket.plan.stop_price <= 0:
        return price * _UNPLANNED_LOSS_PPM // PARTS_PER_UNIT
    return max(0, (price - stop_level(bracket)) * bracket.plan.side.sign)


def bracket_heat(bracket: Bracket) -> int:
    """Worst-case loss of one bracket: held quantity from its entry price, entries that may still fill from their limit."""
    heat = abs(held_quantity(bracket)) * risk_per_unit(bracket, entry_price(bracket))
    for order in live_orders(bracket, Leg.ENTRY):
        heat += order.remaining * risk_per_unit(bracket, order.price)
    return heat


def portfolio_heat(brackets: Iterable[Bracket]) -> Paise:
    """Worst-case loss of all open brackets."""
    heat = 0
    for bracket in brackets:
        heat += bracket_heat(bracket)
    return Paise(heat)


def cash_flow(bracket: Bracket) -> int:
    """What the trades of a bracket brought in, less what they cost, charges among it."""
    return bracket.orders.cash_flow - bracket.outside_value


def day_charges(durable: Durable) -> Paise:
    """What the fills of the day cost beside their price."""
    return Paise(sum(map(_charges_of, chain(durable.open.values(), durable.closed.values()))))


_charges_of = attrgetter("orders.charges")


def bracket_profit(bracket: Bracket, quote: Quote | None) -> Paise:
    """Realised and, at the last price, unrealised, after the charges so far; held at its entry price without a quote."""
    position = position_of(bracket)
    if not position:
        return Paise(cash_flow(bracket))
    last = quote.last_price if quote is not None else entry_price(bracket)
    return Paise(cash_flow(bracket) + position * last)


def day_profit(durable: Durable, quotes: Mapping[InstrumentKey, Quote]) -> Paise:
    """Profit of the day after charges: closed brackets as booked, open ones at the last price."""
    profit: int = durable.day_booked
    for bracket in durable.open.values():
        profit += bracket_profit(bracket, quotes.get(bracket.plan.instrument))
    return Paise(profit)


def our_positions(durable: Durable) -> dict[InstrumentKey, int]:
    """Signed quantity of each instrument that our brackets hold."""
    positions: dict[InstrumentKey, int] = {}
    for bracket in durable.open.values():
        key = bracket.plan.instrument
        positions[key] = positions.get(key, 0) + position_of(bracket)
    return positions
