"""Our decoder and the official KiteTicker read the same numbers from the same bytes."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from trader.adapters.kite.packets import Packet, packets, touches

word = st.integers(min_value=0, max_value=2**32 - 1)
half = st.integers(min_value=0, max_value=2**16 - 1)
paise_token = st.integers(min_value=0, max_value=2**24 - 1).flatmap(
    lambda number: st.sampled_from([1, 2, 4, 5, 7, 8, 9]).map(lambda segment: number << 8 | segment)
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """One packet of any kind, on a segment that is priced in paise."""
    numbers = {8: 1, 28: 6, 32: 7, 44: 10, 184: 15}
    length = draw(st.sampled_from(sorted(numbers)))
    body = struct.pack(">I", draw(paise_token))
    body += b"".join(struct.pack(">I", draw(word)) for _ in range(numbers[length]))
    if length == 184:
        body += b"".join(struct.pack(">IIHxx", draw(word), draw(word), draw(half)) for _ in range(10))
    assert len(body) == length
    return body


def frame_of(each: list[bytes]) -> bytes:
    """A frame as the server sends it."""
    return struct.pack(">H", len(each)) + b"".join(struct.pack(">H", len(body)) + body for body in each)


def official(frame: bytes) -> list[dict[str, Any]]:
    """What the official client makes of a frame."""
    ticks: list[dict[str, Any]] = KiteTicker("key", "token")._parse_binary(frame)
    return ticks


@given(st.lists(bodies(), max_size=4))
def test_the_decisive_fields_are_the_official_ones(each: list[bytes]) -> None:
    """Token, last price, best bid and best ask, in paise instead of floats."""
    frame = frame_of(each)
    expected = []
    for tick in official(frame):
        depth = tick.get("depth", {"buy": [{"price": 0.0}], "sell": [{"price": 0.0}]})
        prices = (tick["last_price"], depth["buy"][0]["price"], depth["sell"][0]["price"])
        expected.append((tick["instrument_token"], *(round(price * 100) for price in prices)))
    assert [tuple(touch) for touch in touches(frame)] == expected


@given(st.lists(bodies(), max_size=3))
def test_every_field_is_the_official_one(each: list[bytes]) -> None:
    """All that the official dictionaries say, our records say."""
    frame = frame_of(each)
    ours, theirs = packets(frame), official(frame)
    assert len(ours) == len(theirs)
    for packet, tick in zip(ours, theirs, strict=True):
        assert fields_of(packet, tick) == {name: value for name, value in flat(tick).items() if name in WORDS}


WORDS = {
    "instrument_token": "token",
    "last_price": "last_price",
    "last_traded_quantity": "last_traded_quantity",
    "average_traded_price": "average_traded_price",
    "volume_traded": "volume",
    "total_buy_quantity": "total_buy_quantity",
    "total_sell_quantity": "total_sell_quantity",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "oi": "open_interest",
    "oi_day_high": "open_interest_high",
    "oi_day_low": "open_interest_low",
    "last_trade_time": "last_trade_time",
    "exchange_timestamp": "exchange_time",
    "buy": "bids",
    "sell": "asks",
}


def fields_of(packet: Packet, tick: dict[str, Any]) -> dict[str, Any]:
    """Our fields under the official names."""
    return {name: getattr(packet, ours) for name, ours in WORDS.items() if name in flat(tick)}


def flat(tick: dict[str, Any]) -> dict[str, Any]:
    """An official tick with nested parts lifted, prices in paise and times in seconds."""
    found = {**tick, **tick.get("ohlc", {})}
    for side, levels in tick.get("depth", {}).items():
        found[side] = tuple((level["quantity"], round(level["price"] * 100), level["orders"]) for level in levels)
    for name in ("last_price", "average_traded_price", "open", "high", "low", "close"):
        if name in found:
            found[name] = round(found[name] * 100)
    for name in ("last_trade_time", "exchange_timestamp"):
        if name in found:
            found[name] = int(found[name].timestamp())
    return found


def test_a_run_of_full_packets_decodes_as_one_by_one() -> None:
    """The quick road for frames of full packets only says what the slow one says."""
    body = struct.pack(">16I", 11 << 8 | 2, *range(100, 115)) + b"".join(
        struct.pack(">IIHxx", 10 + each, 2000 + each, each) for each in range(10)
    )
    last_price_only = struct.pack(">2I", 11 << 8 | 2, 7)
    run, mixed = frame_of([body] * 3), frame_of([body] * 3 + [last_price_only])
    assert list(touches(mixed))[:3] == list(touches(run))
    assert [tuple(each) for each in packets(mixed)][:3] == [tuple(each) for each in packets(run)]


@pytest.mark.parametrize(
    ("segment", "units", "expected"), [(3, 835_250_000, 8352), (6, 835_250, 8352), (12, 835_350, 8354)]
)
def test_currencies_have_finer_units(segment: int, units: int, expected: int) -> None:
    """83.525 rupees is 8352 paise (half to even) on CDS at 1e7 and on BCD and NCO at 1e4."""
    frame = frame_of([struct.pack(">2I", 1 << 8 | segment, units)])
    assert [touch.last_price for touch in touches(frame)] == [expected]


def test_unknown_lengths_are_passed_over() -> None:
    """A packet of a length that nobody documented hides none of its neighbours."""
    known = struct.pack(">2I", 1 << 8 | 2, 5)
    assert [touch.last_price for touch in touches(frame_of([b"x" * 20, known, b""]))] == [5]


def test_a_torn_frame_raises() -> None:
    """A frame that ends in the middle of a packet is not half believed."""
    with pytest.raises(struct.error):
        list(touches(frame_of([struct.pack(">2I", 1, 5)])[:-3]))
