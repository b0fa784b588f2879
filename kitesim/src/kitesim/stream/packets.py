"""Quotes as binary packets, bit for bit as Kite sends them.

Layout: https://kite.trade/docs/connect/v3/websocket/ and `_parse_binary` of kiteconnect 5.2.2. All integers are
big-endian and unsigned, prices in paise, times in Unix seconds. A client recognises a packet by its length alone and
drops any other length silently, so nothing is ever padded.
"""

import struct
from collections.abc import Sequence
from typing import Literal

from kitesim.clocks import SECOND
from kitesim.market.books import LEVELS, Level
from kitesim.market.quotes import Quote

Mode = Literal["ltp", "quote", "full"]
MODES: tuple[Mode, ...] = ("ltp", "quote", "full")
# "a 1 byte heartbeat": https://kite.trade/docs/connect/v3/websocket/#message-structure
HEARTBEAT = b"\x00"

# Each struct begins with the packet's own length, so that packets are joined without another step.
_LTP = struct.Struct(">H2I")
# Index packets carry high, low, open, close; tradable ones open, high, low, close.
_INDEX_QUOTE = struct.Struct(">H7I")
_INDEX_FULL = struct.Struct(">H8I")
_QUOTE = struct.Struct(">H11I")
_FULL = struct.Struct(">H16I" + "IIHxx" * 2 * LEVELS)
_COUNT = struct.Struct(">H")
_NO_LEVEL = (0, 0, 0)
_UINT32 = 0xFFFFFFFF


def packet(quote: Quote, mode: Mode) -> bytes:
    """Return the packet of this quote in this mode, with its length in front."""
    instrument = quote.instrument
    if mode == "ltp":
        return _LTP.pack(8, instrument.token, quote.last)
    if instrument.is_index:
        # Offset 24 is a price change that no client reads; as unsigned it wraps when negative.
        change = (quote.last - quote.close) & _UINT32
        head = (instrument.token, quote.last, quote.high, quote.low, quote.open, quote.close, change)
        if mode == "quote":
            return _INDEX_QUOTE.pack(28, *head)
        return _INDEX_FULL.pack(32, *head, quote.ticked_ns // SECOND)
    book = quote.book
    body = (
        instrument.token,
        quote.last,
        quote.last_quantity & _UINT32,
        quote.average,
        quote.volume & _UINT32,
        book.total_bid,
        book.total_asked,
        quote.open,
        quote.high,
        quote.low,
        quote.close,
    )
    if mode == "quote":
        return _QUOTE.pack(44, *body)
    return _FULL.pack(
        184,
        *body,
        quote.last_trade_ns // SECOND,
        quote.oi,
        quote.oi_high,
        quote.oi_low,
        quote.ticked_ns // SECOND,
        *_side(book.bids),
        *_side(book.asks),
    )


def _side(levels: list[Level]) -> list[int]:
    flat: list[int] = []
    shown = 0
    for level in levels:
        if level.quantity:
            flat += (level.quantity, level.price, level.orders)
            shown += 1
    for _ in range(LEVELS - shown):
        flat += _NO_LEVEL
    return flat


def frame(packets: Sequence[bytes]) -> bytes:
    """Return one message: the number of packets, then the packets."""
    return _COUNT.pack(len(packets)) + b"".join(packets)
