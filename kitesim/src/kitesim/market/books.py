"""The synthetic depth around a last price: five levels a side, a pure function of seed, instrument and tick number.

Nothing is drawn from a generator, so a book that nobody looks at costs nothing and one that is looked at twice is
the same. Orders consume a materialised book until the next tick makes a new one.
"""

import struct
from hashlib import blake2b

from kitesim.market.instruments import Instrument

LEVELS = 5
# Half the distance between best bid and best ask, and between levels: a share of the price, at least one tick.
_HALF_SPREAD = 0.00002
_LEVEL_GAP = 0.00002
# Options are quoted wider, as a share of their small price.
_OPTION_SPREAD = 0.001
_MOST_LOTS = 24
_SHARES_A_LOT = 25
_DRAWS = struct.Struct("<12H")


class Level:
    """One price of one side."""

    __slots__ = ("orders", "price", "quantity")

    def __init__(self, price: int, quantity: int, orders: int) -> None:
        self.price = price
        self.quantity = quantity
        self.orders = orders

    def __repr__(self) -> str:
        return f"Level({self.price}, {self.quantity}, {self.orders})"


class Book:
    """Bids from the highest down, asks from the lowest up, and the sums that quotes show."""

    __slots__ = ("asks", "bids", "total_asked", "total_bid")

    def __init__(self, bids: list[Level], asks: list[Level], total_bid: int, total_asked: int) -> None:
        self.bids = bids
        self.asks = asks
        self.total_bid = total_bid
        self.total_asked = total_asked


def synthesize(instrument: Instrument, key: bytes, tick_number: int, last: int, limits: tuple[int, int]) -> Book:
    """Return the book of this tick; no level stands outside the circuit limits."""
    draws = _DRAWS.unpack(blake2b(tick_number.to_bytes(8, "little"), digest_size=24, key=key).digest())
    tick, (lower, upper) = instrument.tick, limits
    spread, distance = (_OPTION_SPREAD, _OPTION_SPREAD) if instrument.is_option else (_HALF_SPREAD, _LEVEL_GAP)
    half = max(round(last * spread / tick), 1)
    gap = max(round(last * distance / tick), 1)
    # The last trade happened at one of the two sides; which one is the draw's lowest bit.
    bid = last - (0 if draws[10] & 1 else half + draws[10] % 2) * tick
    ask = last + (half if draws[10] & 1 else 0) * tick
    ask = max(ask, bid + tick)
    unit = instrument.lot if instrument.lot > 1 else _SHARES_A_LOT
    bids: list[Level] = []
    asks: list[Level] = []
    for number in range(LEVELS):
        down, up = bid - number * gap * tick, ask + number * gap * tick
        draw = draws[number]
        if down >= lower and down > 0:
            bids.append(Level(down, unit * (1 + draw % _MOST_LOTS), 1 + (draw >> 8) % 12))
        draw = draws[LEVELS + number]
        if up <= upper:
            asks.append(Level(up, unit * (1 + draw % _MOST_LOTS), 1 + (draw >> 8) % 12))
    beyond = unit * (200 + draws[11] % 400)
    return Book(
        bids,
        asks,
        beyond + sum(level.quantity for level in bids) if bids else 0,
        beyond + sum(level.quantity for level in asks) if asks else 0,
    )
