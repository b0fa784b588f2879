"""What the broker refuses at once, before an order exists: every InputException of the order routes.

Texts in double quotes are Kite's own where the project has seen them in public logs and forum threads; the others say
the same in plain words. Source of the rules beside each check.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from kitesim.calendars import Phase
from kitesim.config import Rules
from kitesim.errors import InputRefused
from kitesim.exchange.orders import Iceberg, Order, OrderRequest, Terms
from kitesim.market.instruments import Instrument
from kitesim.market.market import Market
from kitesim.market.quotes import Quote

Form = Mapping[str, str]
TRANSACTION_TYPES = ("BUY", "SELL")
VARIETIES = ("regular", "amo", "co", "iceberg", "auction")
ORDER_TYPES = ("MARKET", "LIMIT", "SL", "SL-M")
VALIDITIES = ("DAY", "IOC", "TTL")
# CNC is delivery of shares; NRML carries derivatives. https://kite.trade/docs/connect/v3/orders/
PRODUCTS = {"NSE": ("CNC", "MIS"), "BSE": ("CNC", "MIS"), "NFO": ("NRML", "MIS"), "BFO": ("NRML", "MIS")}
# "tag: alphanumeric, max 20 chars": https://kite.trade/docs/connect/v3/orders/
_TAG = re.compile(r"[A-Za-z0-9]{1,20}")
_NO_PROTECTION = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
_MOST_QUANTITY = 10_000_000
_MOST_LEGS = 50
_MOST_MINUTES = 24 * 60


def required(form: Form, field: str) -> str:
    """Return a field that must be there."""
    value = form.get(field, "").strip()
    if not value:
        raise InputRefused(f"Missing or empty field `{field}`")
    return value


def chosen(form: Form, field: str, values: tuple[str, ...]) -> str:
    """Return a field that must have one of these values."""
    value = required(form, field)
    if value not in values:
        raise InputRefused(f"Invalid `{field}`. Expected one of {', '.join(values)}, was {value[:40]!r}.")
    return value


def whole(form: Form, field: str, most: int = _MOST_QUANTITY) -> int:
    """Return a field that must be a whole number from 0 up; the .NET client may write 65 as 65.0."""
    value = required(form, field)
    if value.partition(".")[2].strip("0") == "":
        value = value.partition(".")[0]
    if not value.isascii() or not value.isdigit() or len(value) > 18 or int(value) > most:
        raise InputRefused(f"Invalid `{field}`. Expected a whole number, was {value[:40]!r}.")
    return int(value)


def paise(form: Form, field: str, instrument: Instrument, name: str) -> int:
    """Return a price field in paise; it must be above zero and on the tick grid."""
    value = required(form, field)
    try:
        price = Decimal(value) * 100
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 < price < 4_000_000_000:
        raise InputRefused(f"Invalid `{field}`. Expected rupees above 0, was {value[:40]!r}.")
    if price % instrument.tick:
        raise InputRefused(
            f"Tick size for this script is {instrument.tick / 100:.2f}. "
            f"Kindly enter {name} in the multiple of tick size for this script"
        )
    return int(price)


def protection(form: Form, order_type: str) -> float:
    """Return the market protection in percent; MARKET and SL-M must have one since 2026-04-01.

    Refusal: https://kite.trade/forum/discussion/comment/52991; -1 or above 0 to 100: the orders page.
    """
    if order_type not in ("MARKET", "SL-M"):
        return 0.0
    text = form.get("market_protection", "").strip() or "0"
    try:
        percent = float(text)
    except ValueError:
        raise InputRefused(f"Invalid `market_protection`. Expected -1 or 0 to 100, was {text[:40]!r}.") from None
    if percent == 0:
        raise InputRefused(_NO_PROTECTION)
    if percent != -1 and not 0 < percent <= 100:
        raise InputRefused(f"Invalid `market_protection`. Expected -1 or 0 to 100, was {text[:40]!r}.")
    return percent


def check_quantity(instrument: Instrument, quantity: int) -> None:
    """Refuse what the exchange cannot trade in one order: lots and freeze quantity."""
    if quantity <= 0:
        raise InputRefused(f"Invalid `quantity`. Expected a number above 0, was {quantity}.")
    if quantity % instrument.lot:
        raise InputRefused(f"Quantity should be a multiple of the lot size {instrument.lot}, was {quantity}.")
    if instrument.freeze and quantity > instrument.freeze:
        raise InputRefused(
            f"Quantity {quantity} is above the freeze quantity of {instrument.freeze} for {instrument.symbol}. "
            "Place several orders."
        )


def check_prices(terms: Terms, is_buy: bool, quote: Quote, refuse_passed_trigger: bool) -> None:
    """Refuse prices outside the circuit limits and stops that make no sense."""
    lower, upper = quote.lower_circuit, quote.upper_circuit
    # Text of the leg rejection in zerodha/kiteconnect-mocks, gtt_get_order.json.
    if terms.price and terms.price < lower:
        raise InputRefused(
            f"Your order price is lower than the current lower circuit limit of {lower / 100:g}. "
            "Place an order within the daily range."
        )
    if terms.price and terms.price > upper:
        raise InputRefused(
            f"Your order price is higher than the current upper circuit limit of {upper / 100:g}. "
            "Place an order within the daily range."
        )
    if not terms.waits_for_trigger:
        return
    side, trigger = "buy" if is_buy else "sell", terms.trigger_price
    if trigger > upper:
        raise InputRefused(
            f"Trigger price for stoploss {side} orders cannot be above the upper circuit price. "
            f"Please try placing the order with trigger price below {upper / 100:g}."
        )
    if trigger < lower:
        raise InputRefused(
            f"Trigger price for stoploss {side} orders cannot be below the lower circuit price. "
            f"Please try placing the order with trigger price above {lower / 100:g}."
        )
    if terms.order_type == "SL" and (terms.price < trigger if is_buy else terms.price > trigger):
        relation = "lower" if is_buy else "higher"
        raise InputRefused(f"Trigger price for stoploss {side} orders should be {relation} than the limit price")
    if refuse_passed_trigger and (trigger <= quote.last if is_buy else trigger >= quote.last):
        relation = "higher" if is_buy else "lower"
        raise InputRefused(f"Trigger price for stoploss {side} orders should be {relation} than the last traded price")


def check_phase(terms: Terms, variety: str, phase: Phase) -> None:
    """Refuse what the exchange does not take in an auction or after the close.

    NSE circulars CMTR74466 and CMTR74969; text of the second refusal: BSE notice 20260610-41.
    """
    if not phase.is_auction and phase is not Phase.POST_CLOSE:
        return
    if terms.waits_for_trigger or terms.validity == "IOC" or terms.disclosed_quantity or variety in ("iceberg", "co"):
        raise InputRefused(
            "Stop, IOC, iceberg, cover and disclosed orders are not accepted in an auction or after the close. "
            "Use a LIMIT or MARKET order with validity DAY."
        )
    if phase is Phase.AUCTION_LIMIT and terms.is_market:
        raise InputRefused("Market order cannot be placed during this period.")


def iceberg_legs(form: Form, instrument: Instrument) -> tuple[int, ...]:
    """Return the quantities of an iceberg's legs; the last takes what is left over.

    "iceberg_legs: from 2 to 50", "iceberg_quantity: quantity/iceberg_legs": https://kite.trade/docs/connect/v3/orders/
    """
    legs, quantity = whole(form, "iceberg_legs"), whole(form, "quantity")
    if not 2 <= legs <= _MOST_LEGS:
        raise InputRefused(f"Invalid `iceberg_legs`. Expected 2 to {_MOST_LEGS}, was {legs}.")
    lots = -(-quantity // instrument.lot)
    each = whole(form, "iceberg_quantity") if form.get("iceberg_quantity") else -(-lots // legs) * instrument.lot
    if each <= 0 or each % instrument.lot or not each * (legs - 1) < quantity <= each * legs:
        raise InputRefused(
            f"Invalid `iceberg_quantity`. Expected {quantity} in {legs} legs of whole lots of {instrument.lot}, "
            f"was {each}."
        )
    quantities = (*((each,) * (legs - 1)), quantity - each * (legs - 1))
    for leg in quantities:
        check_quantity(instrument, leg)
    return quantities


def slices_of(form: Form, market: Market, most: int) -> list[int]:
    """Return the quantities into which `autoslice` splits an order: as many lots as the freeze quantity allows.

    At most ten: https://kite.trade/forum/discussion/15912
    """
    quantity = whole(form, "quantity")
    quote = market.find(f"{required(form, 'exchange')}:{required(form, 'tradingsymbol')}")
    freeze = quote.instrument.freeze if quote is not None else 0
    if quote is None or not freeze or quantity <= freeze or quantity % quote.instrument.lot:
        return [quantity]
    each = freeze // quote.instrument.lot * quote.instrument.lot
    quantities = [each] * (quantity // each) + ([quantity % each] if quantity % each else [])
    if len(quantities) > most:
        raise InputRefused(f"Invalid `quantity`. Expected at most {most} slices of {each}, was {quantity}.")
    return quantities


def check_variety(variety: str, form: Form) -> None:
    """Refuse varieties that the exchange or the segment does not have."""
    if variety not in VARIETIES:
        raise InputRefused(f"Invalid `variety`. Expected one of {', '.join(VARIETIES)}, was {variety[:40]!r}.")
    if variety == "co":
        exchange = required(form, "exchange")
        if exchange != "NSE":
            # https://support.zerodha.com, cover orders.
            raise InputRefused("Cover orders are not available on BSE or F&O segments.")
    if variety == "auction":
        number = required(form, "auction_number")
        raise InputRefused(f"Invalid `auction_number`. No auction is open for this instrument, was {number[:20]!r}.")


def terms_of(form: Form, instrument: Instrument, rules: Rules) -> Terms:
    """Return the terms of a form that has all fields its order type asks for."""
    order_type = chosen(form, "order_type", ORDER_TYPES)
    quantity = whole(form, "quantity")
    check_quantity(instrument, quantity)
    disclosed = whole(form, "disclosed_quantity") if form.get("disclosed_quantity") else 0
    if disclosed > quantity:
        raise InputRefused(f"Invalid `disclosed_quantity`. Expected at most {quantity}, was {disclosed}.")
    if disclosed and disclosed < quantity * rules.disclosed_minimum:
        least = f"{rules.disclosed_minimum:.0%} of the quantity"
        raise InputRefused(f"Invalid `disclosed_quantity`. Expected at least {least}, was {disclosed}.")
    validity = chosen(form, "validity", VALIDITIES) if form.get("validity") else "DAY"
    minutes = whole(form, "validity_ttl", most=_MOST_MINUTES) if validity == "TTL" else 0
    if validity == "TTL" and not minutes:
        raise InputRefused("Invalid `validity_ttl`. Expected minutes above 0, was 0.")
    return Terms(
        quantity=quantity,
        order_type=order_type,
        price=paise(form, "price", instrument, "price") if order_type in ("LIMIT", "SL") else 0,
        trigger_price=(
            paise(form, "trigger_price", instrument, "trigger price") if order_type in ("SL", "SL-M") else 0
        ),
        validity=validity,
        validity_ttl=minutes,
        disclosed_quantity=disclosed,
        market_protection=protection(form, order_type),
    )


TermsOf = Callable[[Form, Quote, Rules], Terms]


def placed(
    variety: str, form: Form, market: Market, rules: Rules, terms_of_variety: TermsOf | None = None
) -> OrderRequest:
    """Return the request that a form of `POST /orders/{variety}` makes; a variety may have terms of its own.

    Raises:
        InputRefused: a field is missing or wrong; the message says which and what would be right.
    """
    check_variety(variety, form)
    exchange, symbol = required(form, "exchange"), required(form, "tradingsymbol")
    quote = market.find(f"{exchange}:{symbol}")
    if quote is None:
        raise InputRefused("The instrument you are placing an order for has either expired or does not exist.")
    instrument = quote.instrument
    if instrument.is_index:
        raise InputRefused(f"{instrument.symbol} is an index and cannot be traded.")
    transaction_type = chosen(form, "transaction_type", TRANSACTION_TYPES)
    product = _product(variety, form, instrument)
    tag = form.get("tag") or None
    if tag is not None and not _TAG.fullmatch(tag):
        raise InputRefused(f"Invalid `tag`. Expected at most 20 letters and digits, was {tag[:40]!r}.")
    iceberg = None
    if variety == "iceberg":
        iceberg = Iceberg(1, iceberg_legs(form, instrument))
        form = {**form, "quantity": str(iceberg.quantities[0])}
    terms = terms_of(form, instrument, rules) if terms_of_variety is None else terms_of_variety(form, quote, rules)
    # A stop is held against the price at the opening, which nobody knows while an after-market order waits.
    is_live = variety != "amo"
    check_prices(terms, transaction_type == "BUY", quote, rules.refuse_passed_trigger and is_live)
    return OrderRequest(instrument, variety, transaction_type, product, terms, tag, iceberg)


def _product(variety: str, form: Form, instrument: Instrument) -> str:
    if variety != "co":
        return chosen(form, "product", PRODUCTS[instrument.exchange])
    # The official clients have a product CO of old; a cover order is an intraday order.
    chosen(form, "product", ("MIS", "CO"))
    return "MIS"


def changed(order: Order, form: Form, quote: Quote, rules: Rules) -> Terms:
    """Return the terms that a form of `PUT /orders/{variety}/{order_id}` asks for; what it leaves out stays.

    Raises:
        InputRefused: a field is wrong; the message says which and what would be right.
    """
    old = order.terms
    fields = {
        "order_type": old.order_type,
        "quantity": str(old.quantity),
        "price": f"{old.price / 100:.2f}",
        "trigger_price": f"{old.trigger_price / 100:.2f}",
        "validity": old.validity,
        "validity_ttl": str(old.validity_ttl),
        "disclosed_quantity": str(old.disclosed_quantity),
        "market_protection": f"{old.market_protection:g}",
    }
    fields |= {name: form[name] for name in fields if form.get(name)}
    if rules.modify_quantity == "remaining" and form.get("quantity"):
        fields["quantity"] = str(whole(form, "quantity") + order.filled)
    terms = terms_of(fields, order.instrument, rules)
    if terms.quantity <= order.filled:
        raise InputRefused(
            f"Invalid `quantity`. Expected more than the {order.filled} already filled, was {terms.quantity}."
        )
    moved = terms.trigger_price != old.trigger_price or terms.order_type != old.order_type
    check_prices(terms, order.is_buy, quote, rules.refuse_passed_trigger and moved and not order.triggered)
    return terms
