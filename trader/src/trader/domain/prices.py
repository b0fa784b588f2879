"""Prices that an exchange accepts: on the tick, inside the circuit, near enough to the reference price.

Circuit limits come with each instrument (`lower_circuit_limit`, `upper_circuit_limit` of /quote). Limit price protection refuses a
BUY far above and a SELL far below a reference price, and cancels a stop whose limit is out there when it triggers
(support.zerodha.com, "price out of LPP range"). Integer paise throughout.
"""

from trader.domain.instruments import Instrument
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.values import Paise, Side

# Futures: Zerodha says 3 % of the reference, Geojit's table 2 % for index futures; the tighter holds for us.
_FUTURE_PPM = 20_000
# Options: 40 % of a premium above 50 rupees, else 20 rupees (support.zerodha.com, price out of LPP range).
_OPTION_PPM, _SMALL_PREMIUM, _SMALL_REACH = 400_000, 5_000, 2_000
# Cash has circuits only; so near to the last price no limit of ours needs to be further.
_CASH_PPM = 25_000


def round_down(price: int, tick: int) -> Paise:
    """The nearest tick at or below."""
    return Paise(price // tick * tick)


def round_up(price: int, tick: int) -> Paise:
    """The nearest tick at or above."""
    return Paise(-(-price // tick) * tick)


def within_band(price: int, instrument: Instrument) -> bool:
    """Whether the circuit limits are known and hold this price."""
    return 0 < instrument.lower_circuit <= price <= instrument.upper_circuit


def protection_reach(kind: str, reference: int) -> int:
    """How far from the reference price a limit may stand on its own side, in paise; 0 for an unknown reference."""
    if kind in ("CE", "PE"):
        return _SMALL_REACH if 0 < reference <= _SMALL_PREMIUM else reference * _OPTION_PPM // PARTS_PER_UNIT
    return reference * (_FUTURE_PPM if kind == "FUT" else _CASH_PPM) // PARTS_PER_UNIT


def within_protection(side: Side, price: int, instrument: Instrument, reference: int) -> bool:
    """Whether limit price protection lets this limit pass: only what pays too much is refused. An unknown reference lets none."""
    return (price - reference) * side.sign <= protection_reach(instrument.kind, reference) and reference > 0


def validate_order_price(price: int, instrument: Instrument, side: Side | None = None, reference: int = 0) -> str:
    """Why the exchange would refuse this price; empty when it would not.

    Tick and circuit always; with a side also the limit price protection around the reference, which unknown (0) lets nothing pass.
    """
    if price <= 0:
        return f"price must be above 0, was {price}"
    if price % instrument.tick_size:
        return f"price must be a multiple of the tick {instrument.tick_size}, was {price}"
    if not instrument.lower_circuit or not instrument.upper_circuit:
        return "the circuit limits of the day are unknown"
    if not within_band(price, instrument):
        return f"price must be within {instrument.lower_circuit}..{instrument.upper_circuit}, was {price}"
    if side is not None and not within_protection(side, price, instrument, reference):
        return f"{side} {price} is beyond the price protection around the reference {reference}"
    return ""


def clamp_price(price: int, instrument: Instrument, reference: int = 0) -> Paise:
    """The nearest price on the tick that the circuit, and the protection around a reference price, allow.

    Unknown limits (0) do not bind: an exit goes out at its best price rather than not at all.
    """
    tick = instrument.tick_size
    lowest, highest = int(tick), 0
    if instrument.lower_circuit:
        lowest = max(lowest, round_up(instrument.lower_circuit, tick))
    if instrument.upper_circuit:
        highest = round_down(instrument.upper_circuit, tick)
    if reference:
        reach = protection_reach(instrument.kind, reference)
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
    """The limit of a stop order: far enough beyond its trigger to trade through a fast market, inside the circuit.

    It is checked when the stop triggers: then the market is at the trigger, so protection is reckoned from there.
    """
    reach = max(ticks * instrument.tick_size, trigger * ppm // PARTS_PER_UNIT)
    wanted = trigger + reach if side is Side.BUY else trigger - reach
    return clamp_price(wanted, instrument, trigger)
