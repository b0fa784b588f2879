"""Cover orders: an intraday order in shares that brings its own stop.

The first leg makes the position; with each of its fills the second leg, a stop with `parent_order_id`, comes to stand
behind what was filled. The stop cannot be cancelled, only exited: it goes to the market at once. Its trigger must stand
within the range of `/instruments/trigger_range`. Rules: https://kite.trade/docs/connect/v3/orders/ (multi-legged orders)
and support.zerodha.com, cover orders ("not available on BSE or F&O segments").
"""

from dataclasses import replace

from kitesim.config import Rules
from kitesim.errors import InputRefused
from kitesim.exchange import checks
from kitesim.exchange.orders import Order, OrderRequest, Terms
from kitesim.market.quotes import Quote

# trigger_range.json of zerodha/kiteconnect-mocks shows 3 % for a share.
COVER_RANGE = 0.03
_FIRST_LEGS = ("MARKET", "LIMIT")


def stop_range(quote: Quote) -> tuple[int, int]:
    """Return the lowest and the highest trigger of a cover order's stop, in paise."""
    rounded = quote.instrument.rounded
    return rounded(quote.last * (1 - COVER_RANGE)), rounded(quote.last * (1 + COVER_RANGE))


def first_leg(form: checks.Form, quote: Quote, rules: Rules) -> Terms:
    """Return the terms of a first leg; its trigger price is the stop's.

    Raises:
        InputRefused: a field is wrong, or the stop stands on the wrong side or too far away.
    """
    checks.chosen(form, "order_type", _FIRST_LEGS)
    terms = replace(checks.terms_of(form, quote.instrument, rules), trigger_price=_trigger(form, quote))
    if terms.validity != "DAY":
        raise InputRefused(f"Invalid `validity`. Expected DAY for a cover order, was {terms.validity}.")
    _check_side(terms, checks.chosen(form, "transaction_type", checks.TRANSACTION_TYPES) == "BUY", quote)
    return terms


def _trigger(form: checks.Form, quote: Quote) -> int:
    trigger = checks.paise(form, "trigger_price", quote.instrument, "trigger price")
    low, high = stop_range(quote)
    if not low <= trigger <= high:
        raise InputRefused(
            f"Invalid `trigger_price`. Expected {low / 100:g} to {high / 100:g} for a cover order, was {trigger / 100:g}."
        )
    return trigger


def _check_side(terms: Terms, is_buy: bool, quote: Quote) -> None:
    against = terms.price or quote.last
    if terms.trigger_price >= against if is_buy else terms.trigger_price <= against:
        side, relation = ("buy", "lower") if is_buy else ("sell", "higher")
        raise InputRefused(f"Trigger price of a {side} cover order should be {relation} than its price")


def changed(order: Order, form: checks.Form, quote: Quote) -> Terms:
    """Return the terms that a modification asks for: `price` and `trigger_price`, of the stop the trigger alone.

    Raises:
        InputRefused: another field was asked to change, or a price is wrong.
    """
    if form.get("quantity") and checks.whole(form, "quantity") != order.terms.quantity:
        raise InputRefused(f"Invalid `quantity`. Expected {order.terms.quantity}, a cover order's quantity is fixed.")
    terms = order.terms
    if form.get("trigger_price"):
        terms = replace(terms, trigger_price=_trigger(form, quote))
    if order.request.parent_order_id is None:
        if form.get("price") and terms.order_type == "LIMIT":
            terms = replace(terms, price=checks.paise(form, "price", quote.instrument, "price"))
        _check_side(terms, order.is_buy, quote)
    checks.check_prices(terms, order.is_buy, quote, refuse_passed_trigger=True)
    return terms


def second_leg(first: Order, quantity: int) -> OrderRequest:
    """Return the stop behind so much of a first leg."""
    terms = Terms(quantity, "SL-M", 0, first.terms.trigger_price, "DAY", market_protection=-1.0)
    side = "SELL" if first.is_buy else "BUY"
    return replace(first.request, transaction_type=side, terms=terms, parent_order_id=first.order_id)


def exit_terms(stop: Order) -> Terms:
    """Return the terms of a stop that is exited: to the market, at any price within the circuit limits."""
    return stop.with_terms(order_type="MARKET", trigger_price=0, market_protection=100.0)
