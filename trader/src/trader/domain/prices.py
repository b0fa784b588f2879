"""Prices that an exchange accepts: on the tick, inside the circuit, near enough to the last trade.

Circuit limits come with each instrument (`lower_circuit_limit`, `upper_circuit_limit` of /quote); the limit price protection of
index futures rejects beyond 3 % of a reference price (support.zerodha.com, "price out of LPP range"). Integer paise throughout.
"""

from trader.domain.instruments import Instrument
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.values import Paise, Side


def round_down(price: int, tick: int) -> Paise:
    """The nearest tick at or below."""
    return Paise(price // tick * tick)


def round_up(price: int, tick: int) -> Paise:
    """The nearest tick at or above."""
    return Paise(-(-price // tick) * tick)


def within_band(price: int, instrument: Instrument) -> bool:
    """Whether the circuit limits are known and hold this price."""
    return 0 < instrument.lower_circuit <= price <= instrument.upper_circuit


def validate_order_price(price: int, instrument: Instrument) -> str:
    """Why the exchange would refuse this price; empty when it would not."""
    if price <= 0:
        return f"price must be above 0, was {price}"
    if price % instrument.tick_size:
        return f"price must be a multiple of the tick {instrument.tick_size}, was {price}"
    if not instrument.lower_circuit or not instrument.upper_circuit:
        return "the circuit limits of the day are unknown"
    if not within_band(price, instrument):
        return f"price must be within {instrument.lower_circuit}..{instrument.upper_circuit}, was {price}"
    return ""


def clamp_price(price: int, instrument: Instrument, reference: int = 0, protection_ppm: int = 0) -> Paise:
    """The nearest price on the tick that the circuit, and the protection around a reference price, allow.

    Unknown limits (0) do not bind: an exit goes out at its best price rather than not at all.
    """
    tick = instrument.tick_size
    lowest, highest = int(tick), 0
    if instrument.lower_circuit:
        lowest = max(lowest, round_up(instrument.lower_circuit, tick))
    if instrument.upper_circuit:
        highest = round_down(instrument.upper_circuit, tick)
    if reference and protection_ppm:
        reach = reference * protection_ppm // PARTS_PER_UNIT
        lowest = max(lowest, round_up(reference - reach, tick))
        protected = round_down(reference + reach, tick)
        highest = min(highest, protected) if highest else protected
    clamped = max(round_down(price, tick), lowest)
    if highest:
        clamped = min(clamped, highest)
    return Paise(clamped)


def beyond(side: Side, price: int, ticks: int, tick: int) -> int:
    """So many ticks past a price, in the direction that makes the order trade sooner."""
    return round_up(price, tick) + ticks * tick if side is Side.BUY else round_down(price, tick) - ticks * tick


def stop_limit_price(side: Side, trigger: int, instrument: Instrument, ticks: int, ppm: int) -> Paise:
    """The limit of a stop order: far enough beyond its trigger to trade through a fast market, inside the circuit."""
    reach = max(ticks * instrument.tick_size, trigger * ppm // PARTS_PER_UNIT)
    wanted = trigger + reach if side is Side.BUY else trigger - reach
    return clamp_price(wanted, instrument)
