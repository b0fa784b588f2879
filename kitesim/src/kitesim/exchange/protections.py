"""Limit price protection: limits far beyond the last price do not enter the book.

A buy above the range or a sale below it is refused by the exchange; so is a modification, and a stop whose limit is
outside when it triggers is cancelled. Ranges: support.zerodha.com, "price out of LPP range" (futures 3 %; options 40 %
of a premium above 50 rupees, else 20 rupees). The exchange's reference price is an average; here it is the last price.
Shares have none, their circuit limits do.
"""

from kitesim.config import PriceProtection
from kitesim.market.instruments import Instrument

REFUSAL = (
    "The order was cancelled by the exchange because the price is outside the current allowed limit price "
    "protection range"
)


def protected(instrument: Instrument, last: int, settings: PriceProtection) -> tuple[int | None, int | None]:
    """Return the lowest limit of a sale and the highest of a purchase in paise; None where there is no range."""
    if not settings.enabled or not instrument.is_derivative:
        return None, None
    if instrument.instrument_type not in ("CE", "PE"):
        width = last * settings.futures_percent / 100
    elif last > settings.options_from * 100:
        width = last * settings.options_percent / 100
    else:
        width = settings.options_rupees * 100
    tick = instrument.tick
    return -(int(width - last) // tick) * tick, int(last + width) // tick * tick
