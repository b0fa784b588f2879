"""Margins and charges of orders that are not placed: https://kite.trade/docs/connect/v3/margins/

Margin is the same approximation that the desk uses, a share of notional: `exposure` for derivatives, `var` for shares,
`option_premium` for a bought option; SPAN is not modelled and 0. Charges are exact, from the dated table.
"""

from decimal import Decimal, InvalidOperation

from aiohttp import web

from kitesim.clocks import day_of
from kitesim.errors import InputRefused
from kitesim.exchange import checks
from kitesim.exchange.accounts import APPROXIMATION
from kitesim.exchange.charges import Charges
from kitesim.limits import RequestClass
from kitesim.market.quotes import Quote
from kitesim.web.replies import Call, route, success

Item = dict[str, object]
_LARGEST_PRICE = 40_000_000


class Asked:
    """One order of the request, checked."""

    def __init__(self, call: Call, item: Item, price_field: str) -> None:
        """Read one object of the list.

        Raises:
            InputRefused: a field is missing or wrong.
        """
        form = {name: "" if value is None else str(value) for name, value in item.items()}
        exchange, symbol = checks.required(form, "exchange"), checks.required(form, "tradingsymbol")
        quote = call.simulator.market.find(f"{exchange}:{symbol}")
        if quote is None or quote.instrument.is_index:
            raise InputRefused("The instrument you are placing an order for has either expired or does not exist.")
        self.quote: Quote = quote
        self.instrument = quote.instrument
        self.transaction_type = checks.chosen(form, "transaction_type", checks.TRANSACTION_TYPES)
        self.product = checks.chosen(form, "product", checks.PRODUCTS[exchange])
        self.order_type = checks.chosen(form, "order_type", checks.ORDER_TYPES)
        self.variety = checks.required(form, "variety")
        self.quantity = checks.whole(form, "quantity")
        self.price = _price(form.get(price_field, "")) or quote.last
        self.account = call.account
        day = day_of(call.simulator.clock.now_ns())
        self.charges: Charges = call.simulator.desk.charges.of(
            self.instrument, self.product, self.transaction_type, self.price * self.quantity, day
        )

    @property
    def is_buy(self) -> bool:
        """BUY, not SELL."""
        return self.transaction_type == "BUY"

    def margin(self) -> tuple[str, int]:
        """Return the name of the margin's component, and its paise."""
        instrument, rates = self.instrument, self.account.rates
        if instrument.instrument_type in ("CE", "PE"):
            if self.is_buy:
                return "option_premium", self.quantity * self.price
            return "exposure", round(self.quantity * instrument.strike * rates.derivatives)
        base = self.quote.close if instrument.is_derivative or self.product == "MIS" else self.price
        component = "exposure" if instrument.is_derivative else "var"
        if not instrument.is_derivative and self.product == "CNC" and not self.is_buy:
            return component, 0
        return component, round(self.quantity * base * rates.of(instrument, self.product))

    def signed(self) -> int:
        """Return the quantity, below zero for a sale."""
        return self.quantity if self.is_buy else -self.quantity


def _price(text: str) -> int:
    """Return rupees as paise; nothing is 0."""
    if not text.strip():
        return 0
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price <= _LARGEST_PRICE:
        raise InputRefused(f"Invalid `price`. Expected rupees from 0 up, was {text[:40]!r}.")
    return int(price * 100)


def _margin_row(margins: dict[str, int], charges: Charges, asked: Asked | None = None) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "equity" if asked else "",
        "tradingsymbol": asked.instrument.symbol if asked else "",
        "exchange": asked.instrument.exchange if asked else "",
        **dict.fromkeys(("span", "exposure", "option_premium", "additional", "bo", "cash", "var"), 0),
        "pnl": {"realised": 0, "unrealised": 0},
        "leverage": 1 if asked else 0,
        "charges": charges.row(),
        "total": sum(margins.values()) / 100,
        "approximation": APPROXIMATION,
    }
    return row | {name: paise / 100 for name, paise in margins.items()}


async def order_margins(call: Call) -> web.Response:
    """Serve `POST /margins/orders`: each order by itself."""
    asked = [Asked(call, item, "price") for item in await call.items()]
    return success([_margin_row(dict([each.margin()]), each.charges, each) for each in asked])


def _together(asked: list[Asked], consider_positions: bool) -> dict[str, int]:
    """Return the margin of all orders done: what offsets in one instrument and product is not counted twice."""
    margins: dict[str, int] = {}
    nets: dict[tuple[int, str], int] = {}
    rests: dict[tuple[int, str], Asked] = {}
    for each in asked:
        key = (each.instrument.token, each.product)
        if key not in nets:
            position = each.account.positions.get(key) if consider_positions else None
            nets[key] = position.quantity if position is not None else 0
        nets[key] += each.signed()
        rests[key] = each
    for key, each in rests.items():
        component, paise = each.margin()
        share = paise * abs(nets[key]) // each.quantity if each.quantity else 0
        margins[component] = margins.get(component, 0) + share
    return margins


async def basket_margins(call: Call) -> web.Response:
    """Serve `POST /margins/basket`: the orders one after another (`initial`) and all done (`final`)."""
    asked = [Asked(call, item, "price") for item in await call.items()]
    initial: dict[str, int] = {}
    for each in asked:
        component, paise = each.margin()
        initial[component] = initial.get(component, 0) + paise
    # The Python client spells the query `True`.
    final = _together(asked, call.request.query.get("consider_positions", "").lower() == "true")
    total = Charges(
        *(sum((getattr(each.charges, name) for each in asked), Decimal(0)) for name in Charges.__dataclass_fields__)
    )
    answer: dict[str, object] = {
        "initial": _margin_row(initial, Charges()),
        "final": _margin_row(final, Charges()),
        "charges": total.row(),
    }
    if call.request.query.get("mode") != "compact":
        answer["orders"] = [_margin_row(dict([each.margin()]), each.charges, each) for each in asked]
    return success(answer)


async def contract_note(call: Call) -> web.Response:
    """Serve `POST /charges/orders`: the charges of executed orders, by quantity and average price."""
    asked = [Asked(call, item, "average_price") for item in await call.items()]
    return success(
        [
            {
                "transaction_type": each.transaction_type,
                "tradingsymbol": each.instrument.symbol,
                "exchange": each.instrument.exchange,
                "variety": each.variety,
                "product": each.product,
                "order_type": each.order_type,
                "quantity": each.quantity,
                "price": each.price / 100,
                "charges": each.charges.row(),
            }
            for each in asked
        ]
    )


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_post("/margins/orders", route(order_margins, RequestClass.OTHER))
    router.add_post("/margins/basket", route(basket_margins, RequestClass.OTHER))
    router.add_post("/charges/orders", route(contract_note, RequestClass.OTHER))
