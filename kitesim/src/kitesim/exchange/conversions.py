"""Position conversion: a quantity moves to another product with what it cost.

Values move as they are, so that bought and sold quantities and values over both products stay what the trades say.
https://kite.trade/docs/connect/v3/portfolio/#position-conversion
"""

from dataclasses import dataclass, replace

from kitesim.errors import InputRefused, MarginRefused
from kitesim.exchange import checks
from kitesim.exchange.accounts import Account
from kitesim.exchange.positions import Position
from kitesim.market.instruments import Instrument
from kitesim.market.market import Market


@dataclass(frozen=True, slots=True)
class Conversion:
    """A checked conversion."""

    account: Account
    instrument: Instrument
    is_buy: bool
    is_overnight: bool
    quantity: int
    old_product: str
    new_product: str

    def fields(self) -> dict[str, object]:
        """Return what the truth log says of it."""
        return {
            "instrument": self.instrument.key,
            "transaction_type": "BUY" if self.is_buy else "SELL",
            "position_type": "overnight" if self.is_overnight else "day",
            "quantity": self.quantity,
            "old_product": self.old_product,
            "new_product": self.new_product,
        }

    def apply(self) -> None:
        """Move the quantity.

        Raises:
            MarginRefused: the money does not carry it in the new product; nothing has changed then.
        """
        account, token = self.account, self.instrument.token
        before = {key: replace(account.positions[key]) for key in self._keys() if key in account.positions}
        net = account.net()
        old = account.positions[token, self.old_product]
        new = account.positions.setdefault((token, self.new_product), Position(self.instrument, self.new_product))
        if self.is_overnight:
            _move_overnight(old, new, self.quantity if self.is_buy else -self.quantity)
        else:
            _move_day(old, new, self.quantity, self.is_buy)
        self._reckon()
        short = -account.net()
        if short > 0 and account.net() < net:
            for key in self._keys():
                account.positions.pop(key)
            account.positions |= before
            self._reckon()
            raise MarginRefused(
                f"Insufficient funds. Required margin is {(account.net() + short) / 100:.2f} "
                f"but available margin is {account.net() / 100:.2f}."
            )

    def _keys(self) -> tuple[tuple[int, str], tuple[int, str]]:
        return (self.instrument.token, self.old_product), (self.instrument.token, self.new_product)

    def _reckon(self) -> None:
        for product in (self.old_product, self.new_product):
            self.account.reckon(self.instrument, product)


def _move_day(old: Position, new: Position, quantity: int, is_buy: bool) -> None:
    if is_buy:
        value = old.day_buy_value * quantity // old.day_buy_quantity
        old.day_buy_quantity, old.day_buy_value = old.day_buy_quantity - quantity, old.day_buy_value - value
        new.day_buy_quantity, new.day_buy_value = new.day_buy_quantity + quantity, new.day_buy_value + value
    else:
        value = old.day_sell_value * quantity // old.day_sell_quantity
        old.day_sell_quantity, old.day_sell_value = old.day_sell_quantity - quantity, old.day_sell_value - value
        new.day_sell_quantity, new.day_sell_value = new.day_sell_quantity + quantity, new.day_sell_value + value


def _move_overnight(old: Position, new: Position, signed: int) -> None:
    value = old.overnight_value * signed // old.overnight_quantity
    old.overnight_quantity, old.overnight_value = old.overnight_quantity - signed, old.overnight_value - value
    new.overnight_quantity, new.overnight_value = new.overnight_quantity + signed, new.overnight_value + value
    new.close = old.close


def convert(account: Account, form: checks.Form, market: Market) -> Conversion:
    """Return the conversion that a form of `PUT /portfolio/positions` asks for.

    Raises:
        InputRefused: a field is wrong, or the position does not hold so much of that kind.
    """
    exchange, symbol = checks.required(form, "exchange"), checks.required(form, "tradingsymbol")
    quote = market.find(f"{exchange}:{symbol}")
    if quote is None or exchange not in checks.PRODUCTS:
        raise InputRefused("The instrument has either expired or does not exist.")
    instrument, products = quote.instrument, checks.PRODUCTS[exchange]
    is_buy = checks.chosen(form, "transaction_type", checks.TRANSACTION_TYPES) == "BUY"
    is_overnight = checks.chosen(form, "position_type", ("day", "overnight")) == "overnight"
    old_product, new_product = (checks.chosen(form, field, products) for field in ("old_product", "new_product"))
    quantity = checks.whole(form, "quantity")
    if old_product == new_product:
        raise InputRefused(f"Invalid `new_product`. Expected another than {old_product}, was the same.")
    if not quantity or quantity % instrument.lot:
        raise InputRefused(f"Quantity should be a multiple of the lot size {instrument.lot}, was {quantity}.")
    position = account.positions.get((instrument.token, old_product), Position(instrument, old_product))
    held = max(position.quantity, 0) if is_buy else max(-position.quantity, 0)
    if is_overnight:
        kind = max(position.overnight_quantity if is_buy else -position.overnight_quantity, 0)
    else:
        kind = position.day_buy_quantity if is_buy else position.day_sell_quantity
    if quantity > min(held, kind):
        raise InputRefused(f"Invalid `quantity`. Expected at most {min(held, kind)} to convert, was {quantity}.")
    if new_product == "CNC" and not is_buy and quantity > account.sellable(instrument):
        raise InputRefused(f"Insufficient holdings. {quantity} to sell, {account.sellable(instrument)} available.")
    return Conversion(account, instrument, is_buy, is_overnight, quantity, old_product, new_product)
