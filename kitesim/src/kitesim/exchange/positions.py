"""Positions: signed quantities and exact values in paise, and the 29 fields of their rows.

Nothing is averaged while trading: bought and sold quantities and values are kept apart, and every figure of a row is
computed from them, so all of them add up. Row: zerodha/kiteconnect-mocks positions.json.
"""

from dataclasses import dataclass

from kitesim.market.instruments import Instrument


@dataclass(slots=True)
class Position:
    """One instrument in one product, today and carried over. Values are paise."""

    instrument: Instrument
    product: str
    day_buy_quantity: int = 0
    day_buy_value: int = 0
    day_sell_quantity: int = 0
    day_sell_value: int = 0
    overnight_quantity: int = 0
    overnight_value: int = 0
    """What the carried quantity cost; negative when it was sold."""
    close: int = 0
    """The close that the carried quantity was settled at."""

    @property
    def quantity(self) -> int:
        """What is held now; below zero when short."""
        return self.overnight_quantity + self.day_buy_quantity - self.day_sell_quantity

    def fill(self, is_buy: bool, quantity: int, price: int) -> None:
        """Take one trade."""
        if is_buy:
            self.day_buy_quantity += quantity
            self.day_buy_value += quantity * price
        else:
            self.day_sell_quantity += quantity
            self.day_sell_value += quantity * price

    def profit(self, last: int) -> int:
        """Return realised and unrealised profit in paise at this last price, since the position was opened."""
        return self.day_sell_value - self.day_buy_value - self.overnight_value + self.quantity * last

    def day_profit(self, last: int) -> int:
        """Return the profit in paise since yesterday's close."""
        carried = self.overnight_quantity * self.close
        return self.day_sell_value - self.day_buy_value - carried + self.quantity * last

    def carry_over(self, close: int) -> None:
        """Close the day: what is held becomes the overnight quantity, at what it cost."""
        quantity = self.quantity
        value = cost(self) if quantity else 0
        self.day_buy_quantity = self.day_buy_value = self.day_sell_quantity = self.day_sell_value = 0
        self.overnight_quantity, self.overnight_value, self.close = quantity, value, close

    def row(self, last: int, day_only: bool = False) -> dict[str, object]:
        """Return the row of `net`, or of `day` without the carried quantity."""
        carried = 0 if day_only else self.overnight_quantity
        carried_value = 0 if day_only else self.overnight_value
        close = self.close
        buy_quantity = self.day_buy_quantity + max(carried, 0)
        sell_quantity = self.day_sell_quantity + max(-carried, 0)
        buy_value = self.day_buy_value + max(carried_value, 0)
        sell_value = self.day_sell_value + max(-carried_value, 0)
        buy_m2m = self.day_buy_value + max(carried, 0) * close
        sell_m2m = self.day_sell_value + max(-carried, 0) * close
        quantity = buy_quantity - sell_quantity
        profit = sell_value - buy_value + quantity * last
        average = (
            0.0
            if not quantity
            else _price(buy_value, buy_quantity)
            if quantity > 0
            else _price(sell_value, sell_quantity)
        )
        return {
            "tradingsymbol": self.instrument.symbol,
            "exchange": self.instrument.exchange,
            "instrument_token": self.instrument.token,
            "product": self.product,
            "quantity": quantity,
            "overnight_quantity": carried,
            "multiplier": 1,
            "average_price": average,
            "close_price": close / 100 if carried else 0,
            "last_price": last / 100,
            "value": (sell_value - buy_value) / 100,
            "pnl": profit / 100,
            "m2m": (sell_m2m - buy_m2m + quantity * last) / 100,
            "unrealised": profit / 100,
            "realised": 0,
            "buy_quantity": buy_quantity,
            "buy_price": _price(buy_value, buy_quantity),
            "buy_value": buy_value / 100,
            "buy_m2m": buy_m2m / 100,
            "sell_quantity": sell_quantity,
            "sell_price": _price(sell_value, sell_quantity),
            "sell_value": sell_value / 100,
            "sell_m2m": sell_m2m / 100,
            "day_buy_quantity": self.day_buy_quantity,
            "day_buy_price": _price(self.day_buy_value, self.day_buy_quantity),
            "day_buy_value": self.day_buy_value / 100,
            "day_sell_quantity": self.day_sell_quantity,
            "day_sell_price": _price(self.day_sell_value, self.day_sell_quantity),
            "day_sell_value": self.day_sell_value / 100,
        }


def _price(value: int, quantity: int) -> float:
    return value / quantity / 100 if quantity else 0.0


def cost(position: Position) -> int:
    """Return what the held quantity cost at the average of its side; negative when short."""
    quantity = position.quantity
    if quantity > 0:
        bought = position.day_buy_quantity + max(position.overnight_quantity, 0)
        value = position.day_buy_value + max(position.overnight_value, 0)
        return value * quantity // bought
    sold = position.day_sell_quantity + max(-position.overnight_quantity, 0)
    value = position.day_sell_value + max(-position.overnight_value, 0)
    return value * quantity // sold
