"""The binary frames of Kite's stream, decoded with precompiled structs into integers.

Layout (kite.trade/docs/connect/v3/websocket, and what the official KiteTicker 5.2.2 reads; all big-endian, unsigned):
a frame is a packet count (2 bytes), then each packet's length (2 bytes) and body. The length alone says what a packet is:
8 last price, 28 index quote, 32 index full, 44 quote, 184 full with five levels of depth on each side.
Frames of one byte are heartbeats. Prices are integers of the segment's unit: paise for shares and derivatives on them.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from trader.domain.values import Paise

HEARTBEAT_BYTES: Final = 1
LAST_PRICE, INDEX_QUOTE, INDEX_FULL, QUOTE, FULL = 8, 28, 32, 44, 184

# token & 0xff (kiteconnect.KiteTicker.EXCHANGE_MAP): cds 3, bcd 6, nco 12. Units of a price a rupee.
_UNITS_PER_RUPEE: Final = {3: 10_000_000, 6: 10_000, 12: 10_000}

_COUNT: Final = struct.Struct(">H")
_LENGTH: Final = _COUNT
_TWO: Final = struct.Struct(">2I")
# Of a full packet only what a decision needs: token, last price, best bid (of the first level at 64), best ask (at 124).
_TOUCH: Final = struct.Struct(">2I60xI56xI52x")
_TOUCH_RUN: Final = struct.Struct(">2x2I60xI56xI52x")
_FULL_RUN: Final = struct.Struct(">2x16I" + "2IH2x" * 10)
_FULL: Final = struct.Struct(">16I" + "2IH2x" * 10)
_QUOTE: Final = struct.Struct(">11I")
_INDEX_FULL: Final = struct.Struct(">8I")
_INDEX_QUOTE: Final = struct.Struct(">7I")
_FULL_STRIDE: Final = _LENGTH.size + FULL
_ONE_FULL: Final = _COUNT.pack(1) + _LENGTH.pack(FULL)
_LOW_OF_FULL: Final = bytes([FULL])


class Touch(NamedTuple):
    """What a decision needs of a packet; bid and ask are 0 where it carries no depth."""

    token: int
    last_price: Paise
    bid: Paise
    ask: Paise


class Level(NamedTuple):
    """One level of depth."""

    quantity: int
    price: Paise
    orders: int


class Packet(tuple[int, ...]):
    """All fields of a packet; derived ones are computed when they are asked for.

    It is the packet's numbers in their order on the wire, depth flattened to triples: nothing but C runs to make one.
    """

    __slots__ = ()

    @property
    def token(self) -> int:
        return self[0]

    @property
    def is_index(self) -> bool:
        """Indices are not tradable and say high, low, open, close where others say open, high, low, close."""
        return len(self) in {7, 8}

    @property
    def last_price(self) -> Paise:
        return self._price(1)

    @property
    def last_traded_quantity(self) -> int:
        return self[2]

    @property
    def average_traded_price(self) -> Paise:
        return self._price(3)

    @property
    def volume(self) -> int:
        return self[4]

    @property
    def total_buy_quantity(self) -> int:
        return self[5]

    @property
    def total_sell_quantity(self) -> int:
        return self[6]

    @property
    def open(self) -> Paise:
        return self._price(4 if self.is_index else 7)

    @property
    def high(self) -> Paise:
        return self._price(2 if self.is_index else 8)

    @property
    def low(self) -> Paise:
        return self._price(3 if self.is_index else 9)

    @property
    def close(self) -> Paise:
        """The previous day's close."""
        return self._price(5 if self.is_index else 10)

    @property
    def last_trade_time(self) -> int:
        """Seconds since the Unix epoch."""
        return self[11]

    @property
    def open_interest(self) -> int:
        return self[12]

    @property
    def open_interest_high(self) -> int:
        return self[13]

    @property
    def open_interest_low(self) -> int:
        return self[14]

    @property
    def exchange_time(self) -> int:
        """Seconds since the Unix epoch."""
        return self[7 if self.is_index else 15]

    @property
    def bids(self) -> tuple[Level, ...]:
        """Five levels, best first."""
        return self._levels(16)

    @property
    def asks(self) -> tuple[Level, ...]:
        """Five levels, best first."""
        return self._levels(31)

    def _price(self, position: int) -> Paise:
        return price_in_paise(self[position], self[0])

    def _levels(self, start: int) -> tuple[Level, ...]:
        return tuple(Level(self[each], self._price(each + 1), self[each + 2]) for each in range(start, start + 15, 3))


def price_in_paise(units: int, token: int) -> Paise:
    """A price on the wire in paise. Currency segments have finer units: rounded half to even, for paise is what we keep."""
    per_rupee = _UNITS_PER_RUPEE.get(token & 0xFF)
    if per_rupee is None:
        return Paise(units)
    divisor = per_rupee // 100
    whole, rest = divmod(units, divisor)
    return Paise(whole + (rest * 2 > divisor or (rest * 2 == divisor and whole % 2 == 1)))


def touches(frame: bytes) -> Iterator[Touch]:
    """The decisive fields of each packet; unknown lengths are passed over, as the official client does.

    Raises:
        struct.error: the frame ends in the middle of a packet.
    """
    if _is_run_of_full(frame):
        for token, last, bid, ask in _TOUCH_RUN.iter_unpack(memoryview(frame)[_COUNT.size :]):
            if token & 0xFF in _UNITS_PER_RUPEE:
                yield Touch(token, *(price_in_paise(each, token) for each in (last, bid, ask)))
            else:
                yield Touch(token, Paise(last), Paise(bid), Paise(ask))
        return
    for start, length in _bodies(frame):
        if length == FULL:
            token, last, bid, ask = _TOUCH.unpack_from(frame, start)
        elif length in {LAST_PRICE, INDEX_QUOTE, INDEX_FULL, QUOTE}:
            token, last = _TWO.unpack_from(frame, start)
            bid = ask = 0
        else:
            continue
        yield Touch(token, *(price_in_paise(each, token) for each in (last, bid, ask)))


def packets(frame: bytes) -> list[Packet]:
    """Every packet with every field.

    Raises:
        struct.error: the frame ends in the middle of a packet.
    """
    if len(frame) == _COUNT.size + _FULL_STRIDE and frame.startswith(_ONE_FULL):
        return [Packet(_FULL.unpack_from(frame, _COUNT.size + _LENGTH.size))]
    if _is_run_of_full(frame):
        return list(map(Packet, _FULL_RUN.iter_unpack(memoryview(frame)[_COUNT.size :])))
    layouts = {LAST_PRICE: _TWO, INDEX_QUOTE: _INDEX_QUOTE, INDEX_FULL: _INDEX_FULL, QUOTE: _QUOTE, FULL: _FULL}
    return [Packet(layouts[length].unpack_from(frame, start)) for start, length in _bodies(frame) if length in layouts]


def _is_run_of_full(frame: bytes) -> bool:
    """Whether all packets are full ones: then the frame is an array, which `iter_unpack` walks without our help."""
    count, rest = divmod(len(frame) - _COUNT.size, _FULL_STRIDE)
    if rest or not 0 < count <= 0xFFFF:
        return False
    return (
        frame.startswith(_COUNT.pack(count))
        and frame[3::_FULL_STRIDE] == _LOW_OF_FULL * count
        and not any(frame[2::_FULL_STRIDE])
    )


def _bodies(frame: bytes) -> Iterator[tuple[int, int]]:
    """Start and length of each packet's body."""
    if len(frame) < _COUNT.size:
        return
    (count,) = _COUNT.unpack_from(frame)
    position = _COUNT.size
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(frame, position)
        position += _LENGTH.size
        yield position, length
        position += length
