"""Kite speaks of money in decimal rupees, we in integer paise; this is the only place where the two meet.

A float that came from JSON is the nearest double to a decimal text, and its shortest representation is that text again
(PEP 3101, repr since Python 3.1): going through `repr` is exact where multiplying by 100 is not (1.15 * 100 is 114.99…).
More than two decimals (an average price) are rounded half to even.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from trader.domain.values import Paise

_WHOLE: Final = Decimal(1)


def paise(value: object) -> Paise:
    """Rupees of a reply in paise; None and an empty text are 0, for Kite leaves out what does not apply.

    Raises:
        ValueError: it is not a number, or not a finite one.
    """
    if value is None or value == "":
        return Paise(0)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected an amount in rupees, was {value!r}")  # noqa: TRY004 - a reply is data, not a caller
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else value)
        return Paise(int((amount * 100).quantize(_WHOLE, rounding=ROUND_HALF_EVEN)))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"expected an amount in rupees, was {value!r}") from error


def rupees(amount: Paise) -> float:
    """Paise in rupees as the official client wants them: the double whose text has at most two decimals."""
    return amount / 100
