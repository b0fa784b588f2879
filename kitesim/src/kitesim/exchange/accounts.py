"""A user's money and book: orders, trades, positions, holdings, and the margin that they block.

Margin is an approximation and named so in `/user/margins`: a share of notional, not SPAN. Its reference price is
yesterday's close, so that it moves only when the user trades and not with every tick. All money is integer paise.

The identities that always hold: net = cash + profit of all positions - blocked margin, and within a day
cash = opening cash - charges of the day's orders - fees.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kitesim.exchange.holdings import Authorised, Holding, QuoteOf, holding_row
from kitesim.exchange.orders import Order, Place, Status, Trade
from kitesim.exchange.positions import Position, cost
from kitesim.market.instruments import Instrument

ExerciseChargeOf = Callable[[Position, int], int]
"""What the exercise of a position at this final price costs, in paise."""
ChargeOf = Callable[[Order], int]
"""What an order has cost so far, in paise."""
PositionKey = tuple[int, str]
# Kite has no such field; every official client passes over what it does not know.
APPROXIMATION = "kitesim: margin is a share of notional, SPAN is not modelled"


@dataclass(frozen=True, slots=True)
class MarginRates:
    """Shares of notional that a position or an order blocks."""

    derivatives: float
    intraday_equity: float

    def of(self, instrument: Instrument, product: str) -> float:
        """Return the rate; delivery is paid in full."""
        if instrument.is_derivative:
            return self.derivatives
        return self.intraday_equity if product == "MIS" else 1.0


@dataclass(slots=True)
class _Pending:
    """Quantities and values of live orders in one instrument and product."""

    buy: int = 0
    sell: int = 0
    buy_value: int = 0


@dataclass(slots=True)
class Account:
    """One client of the broker."""

    user_id: str
    cash: int
    rates: MarginRates
    quote_of: QuoteOf
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    order_trades: dict[str, list[Trade]] = field(default_factory=dict)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    holdings: dict[int, Holding] = field(default_factory=dict)
    blocked: int = 0
    opening_cash: int = 0
    paid_in: int = 0
    paid_out: int = 0
    """What came in and what was withdrawn since the day began, in paise."""
    charge_of: ChargeOf = lambda order: 0
    exercise_charge_of: ExerciseChargeOf = lambda position, final: 0
    charges: dict[str, int] = field(default_factory=dict)
    """What each of the day's orders has cost, in paise."""
    fees: int = 0
    authorised: Authorised = field(default_factory=Authorised)
    _pending: dict[PositionKey, _Pending] = field(default_factory=dict)
    _margins: dict[PositionKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.opening_cash = self.cash

    def move_funds(self, amount: int) -> None:
        """Pay paise in, or out when negative; nothing else of the account changes."""
        self.cash += amount
        if amount > 0:
            self.paid_in += amount
        else:
            self.paid_out -= amount

    def margin(self, instrument: Instrument, product: str, buy: int, sell: int, buy_value: int) -> int:
        """Return what a position and these pending orders block in paise: the worse of all buys or all sells."""
        position = self.positions.get((instrument.token, product))
        held = position.quantity if position is not None else 0
        if product == "CNC":
            bought = position.day_buy_value - position.day_sell_value if position is not None else 0
            return max(bought, 0) + buy_value
        if instrument.instrument_type in ("CE", "PE"):
            return self._option_margin(instrument, position, buy, sell, buy_value)
        worst = max(abs(held + buy), abs(held - sell))
        return round(worst * self.quote_of(instrument.token).close * self.rates.of(instrument, product))

    def _option_margin(
        self, instrument: Instrument, position: Position | None, buy: int, sell: int, buy_value: int
    ) -> int:
        """Return the worse of premium paid in full and the share of the strike's notional that a sold option blocks."""
        held = position.quantity if position is not None else 0
        paid = cost(position) if position is not None and held > 0 else 0
        bought = buy_value * max(min(held + buy, buy), 0) // buy if buy else 0
        short = max(sell - held, -held, 0)
        return max(paid + bought, round(short * instrument.strike * self.rates.derivatives))

    def required(self, order: Order, quantity: int, limit: int) -> int:
        """Return the further margin that this order needs with this quantity still to fill; below zero frees some."""
        key = (order.instrument.token, order.request.product)
        pending = self._pending.get(key, _Pending())
        buy, sell, buy_value = pending.buy, pending.sell, pending.buy_value
        if order.is_buy:
            buy += quantity - order.blocked_quantity
            buy_value += quantity * limit - order.blocked_value
        else:
            sell += quantity - order.blocked_quantity
        after = self.margin(order.instrument, order.request.product, buy, sell, buy_value)
        return after - self._margins.get(key, 0)

    def block(self, order: Order) -> None:
        """Set what this order blocks to what it can still do; a finished order blocks nothing."""
        key = (order.instrument.token, order.request.product)
        pending = self._pending.setdefault(key, _Pending())
        quantity = 0 if order.place is Place.DONE else order.pending
        value = quantity * order.limit
        if order.is_buy:
            pending.buy += quantity - order.blocked_quantity
            pending.buy_value += value - order.blocked_value
        else:
            pending.sell += quantity - order.blocked_quantity
        order.blocked_quantity, order.blocked_value = quantity, value
        self.reckon(order.instrument, order.request.product)

    def reckon(self, instrument: Instrument, product: str) -> None:
        """Compute anew what a position and its pending orders block."""
        key = (instrument.token, product)
        pending = self._pending.get(key, _Pending())
        margin = self.margin(instrument, product, pending.buy, pending.sell, pending.buy_value)
        self.blocked += margin - self._margins.get(key, 0)
        self._margins[key] = margin

    def fill(self, trade: Trade) -> None:
        """Take one trade into trades, positions and the margin."""
        order = trade.order
        key = (order.instrument.token, order.request.product)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(order.instrument, order.request.product)
        position.fill(order.is_buy, trade.quantity, trade.price)
        self.trades.append(trade)
        self.order_trades.setdefault(order.order_id, []).append(trade)
        charged = self.charge_of(order)
        self.cash -= charged - self.charges.get(order.order_id, 0)
        self.charges[order.order_id] = charged
        self.block(order)

    def take_fee(self, paise: int) -> None:
        """Take a fee that is not a charge of a trade."""
        self.cash -= paise
        self.fees += paise

    def profit(self) -> int:
        """Return the profit of the positions in paise; delivery shares count at cost, they are paid and owned."""
        return sum(
            position.profit(self.quote_of(position.instrument.token).last)
            for position in self.positions.values()
            if position.product != "CNC"
        )

    def net(self) -> int:
        """Return what can be used for new orders, in paise."""
        return self.cash + self.profit() - self.blocked

    def sellable(self, instrument: Instrument) -> int:
        """Return how many shares a CNC sale may still take."""
        position = self.positions.get((instrument.token, "CNC"))
        pending = self._pending.get((instrument.token, "CNC"))
        holding = self.holdings.get(instrument.token)
        return (
            (holding.quantity if holding is not None else 0)
            + (position.quantity if position is not None else 0)
            - (pending.sell if pending is not None else 0)
        )

    def margins_row(self) -> dict[str, object]:
        """Return the equity segment of `/user/margins`; the sign of m2m is that of a profit."""
        unrealised = realised = 0
        for position in self.positions.values():
            if position.product == "CNC":
                continue
            profit = position.profit(self.quote_of(position.instrument.token).last)
            if position.quantity:
                unrealised += profit
            else:
                realised += profit
        delivery = sum(margin for (_, product), margin in self._margins.items() if product == "CNC")
        net = self.cash + unrealised + realised - self.blocked
        return {
            "enabled": True,
            "net": net / 100,
            "available": {
                "adhoc_margin": 0,
                "cash": self.cash / 100,
                "opening_balance": self.opening_cash / 100,
                "live_balance": net / 100,
                "collateral": 0,
                "intraday_payin": self.paid_in / 100,
            },
            "utilised": {
                "debits": (self.cash - net) / 100,
                "exposure": (self.blocked - delivery) / 100,
                "m2m_realised": realised / 100,
                "m2m_unrealised": unrealised / 100,
                "option_premium": 0,
                "payout": self.paid_out / 100,
                "span": 0,
                "holding_sales": 0,
                "turnover": 0,
                "liquid_collateral": 0,
                "stock_collateral": 0,
                "delivery": delivery / 100,
            },
            "approximation": APPROXIMATION,
        }

    def position_rows(self) -> dict[str, list[dict[str, object]]]:
        """Return `net` and `day` of `/portfolio/positions`; closed positions stay, with quantity 0."""
        net = [position.row(self.quote_of(position.instrument.token).last) for position in self.positions.values()]
        day = [
            position.row(self.quote_of(position.instrument.token).last, day_only=True)
            for position in self.positions.values()
            if position.day_buy_quantity or position.day_sell_quantity
        ]
        return {"net": net, "day": day}

    def close_day(self, settlement: Callable[[Instrument], int | None] = lambda instrument: None) -> None:
        """Settle and begin the next day: book and trades empty, delivery shares become holdings.

        `settlement` gives the final price of a contract that expired on this day, None for all others.

        Realised profit and paid or received delivery money move into the cash; held derivatives keep their cost.
        """
        for key, position in list(self.positions.items()):
            if position.product == "CNC":
                self._deliver(position)
                del self.positions[key]
                continue
            final = settlement(position.instrument)
            if final is not None:
                self.cash += position.profit(final) - self.exercise_charge_of(position, final)
                del self.positions[key]
                continue
            close = self.quote_of(position.instrument.token).last
            total = position.profit(close)
            position.carry_over(close)
            self.cash += total - position.profit(close)
            if not position.quantity:
                del self.positions[key]
        self.orders = {key: order for key, order in self.orders.items() if order.status is Status.AMO_RECEIVED}
        self.trades.clear()
        self.order_trades.clear()
        self.charges.clear()
        self.authorised = Authorised()
        self.fees = 0
        self._pending.clear()
        self._margins.clear()
        self.blocked = 0
        for instrument, product in [(position.instrument, position.product) for position in self.positions.values()]:
            margin = self.margin(instrument, product, 0, 0, 0)
            self._margins[instrument.token, product] = margin
            self.blocked += margin
        self.opening_cash = self.cash
        self.paid_in = self.paid_out = 0

    def _deliver(self, position: Position) -> None:
        self.cash += position.day_sell_value - position.day_buy_value
        holding = self.holdings.setdefault(position.instrument.token, Holding(position.instrument, 0, 0))
        quantity = holding.quantity + position.quantity
        if position.quantity < 0:
            holding.value = holding.value * quantity // holding.quantity
        elif position.day_buy_quantity:
            holding.value += position.day_buy_value * position.quantity // position.day_buy_quantity
        holding.quantity = quantity
        if not quantity:
            del self.holdings[position.instrument.token]

    def sold_holdings(self, token: int) -> int:
        """Return how many of the held shares were sold today."""
        position = self.positions.get((token, "CNC"))
        return max(-position.quantity, 0) if position is not None else 0

    def holding_rows(self) -> list[dict[str, object]]:
        """Return the rows of `/portfolio/holdings`."""
        return [
            holding_row(holding, self.quote_of(token), self.sold_holdings(token), self.authorised)
            for token, holding in self.holdings.items()
        ]
