"""How fast whole frames of full-mode packets become typed records, against the official KiteTicker's parser.

Both are given the same frames and both deliver every field that the official dictionary has; that they are equal is a test's
business (`tests/unit/trader/adapters`), not this module's. Derived fields are lazy in ours.
"""

import logging
import random
import struct
import time
from collections.abc import Callable
from functools import partial

from kiteconnect import KiteTicker

from ops.bench.figures import Figure, side_by_side
from trader.adapters.kite.packets import packets

_FULL = struct.Struct(">H16I" + "2IH2x" * 10)
SIZES = {"decode_full_ratio": (200, 20), "decode_full_ratio_1": (1, 10), "decode_full_ratio_3000": (3000, 15)}
"""Figure -> (packets in a frame, target ratio)."""
PACKETS = 20_000
"""How many packets each measurement decodes, at least one frame."""


def measure() -> dict[str, Figure]:
    """Packets decoded per second, ours over the official client's, for frames of 200, 1 and 3,000."""
    logging.disable(logging.CRITICAL)
    ticker = KiteTicker("key", "token")
    figures = {}
    for name, (count, target) in SIZES.items():
        frame = _frame(count)
        ours, peer, ratios = side_by_side(
            partial(_rate, packets, frame),
            partial(_rate, ticker._parse_binary, frame),
        )
        figures[name] = Figure(ours / peer, "ratio", round(peer), [round(each, 2) for each in ratios], f">= {target}")
    return figures


def _frame(count: int) -> bytes:
    """A frame of full packets with random but plausible numbers; seeded, so that every run decodes the same."""
    draw = random.Random(count)  # noqa: S311 - test data
    bodies = [
        _FULL.pack(184, 408065 + 256 * number, *(draw.randrange(1, 2**31) for _ in range(15)), *_depth(draw))
        for number in range(count)
    ]
    return struct.pack(">H", count) + b"".join(bodies)


def _depth(draw: random.Random) -> list[int]:
    return [value for _ in range(10) for value in (draw.randrange(5000), draw.randrange(10**7), draw.randrange(99))]


def _rate(decode: Callable[[bytes], object], frame: bytes) -> float:
    """Packets per second."""
    (count,) = struct.unpack_from(">H", frame)
    rounds = max(1, PACKETS // count)
    begin = time.perf_counter()
    for _ in range(rounds):
        decode(frame)
    elapsed: float = time.perf_counter() - begin
    return float(rounds * count) / elapsed
