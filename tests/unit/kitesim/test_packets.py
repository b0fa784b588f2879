"""Packets are read back by the official client's own parser, field by field."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from kitesim.clocks import SECOND
from kitesim.market.instruments import Instrument
from kitesim.market.quotes import Quote
from kitesim.stream.packets import MODES, Mode, frame, packet

TICKER = KiteTicker("key", "token")
uint31 = st.integers(0, 2**31 - 1)


def instrument(token: int) -> Instrument:
    return Instrument(token, "X", "X", "NSE", "NSE", "EQ", 5, 1, 0, 100_00, "X", "NSE")


@st.composite
def quotes(draw: st.DrawFn, token: int) -> Quote:
    last = draw(st.integers(5, 400_000_000)) // 5 * 5
    close = draw(st.integers(5, 400_000_000)) // 5 * 5
    quote = Quote(instrument(token), draw(st.binary(min_size=16, max_size=16)), close, last, draw(uint31) * SECOND)
    quote.flex_band(last)
    for price, quantity in draw(st.lists(st.tuples(st.integers(5, 400_000_000), st.integers(0, 10_000)), max_size=3)):
        quote.trade(price // 5 * 5, quantity, draw(uint31) * SECOND)
        quote.flex_band(quote.last)
    quote.set_open_interest(draw(uint31))
    return quote


def parsed(payload: bytes) -> list[dict[str, object]]:
    ticks: list[dict[str, object]] = TICKER._parse_binary(payload)
    return ticks


@given(quote=quotes(token=408065), mode=st.sampled_from(MODES))
def test_a_tradable_packet_reads_back_as_it_was(quote: Quote, mode: Mode) -> None:
    """Every field of a share's packet survives the official parser, in all three modes."""
    (tick,) = parsed(frame([packet(quote, mode)]))
    assert (tick["instrument_token"], tick["mode"], tick["tradable"]) == (408065, mode, True)
    assert tick["last_price"] == quote.last / 100
    if mode == "ltp":
        return
    assert tick["ohlc"] == quote.ohlc_row()["ohlc"]
    assert tick["volume_traded"] == quote.volume
    assert tick["last_traded_quantity"] == quote.last_quantity
    assert tick["average_traded_price"] == quote.average / 100
    if mode == "full":
        row = quote.full_row()
        assert tick["depth"] == row["depth"]
        assert (tick["oi"], tick["oi_day_high"], tick["oi_day_low"]) == (quote.oi, quote.oi_high, quote.oi_low)
        assert (tick["total_buy_quantity"], tick["total_sell_quantity"]) == (row["buy_quantity"], row["sell_quantity"])
        assert tick["exchange_timestamp"] == datetime.fromtimestamp(quote.ticked_ns // SECOND)  # noqa: DTZ006
        assert tick["last_trade_time"] == datetime.fromtimestamp(quote.last_trade_ns // SECOND)  # noqa: DTZ006


@given(quote=quotes(token=256265), mode=st.sampled_from(MODES))
def test_an_index_packet_reads_back_as_it_was(quote: Quote, mode: Mode) -> None:
    """Index packets have their own order of prices (high, low, open, close) and no depth."""
    (tick,) = parsed(frame([packet(quote, mode)]))
    assert (tick["instrument_token"], tick["mode"], tick["tradable"]) == (256265, mode, False)
    assert tick["last_price"] == quote.last / 100
    if mode != "ltp":
        assert tick["ohlc"] == quote.ohlc_row()["ohlc"]
    if mode == "full":
        assert tick["exchange_timestamp"] == datetime.fromtimestamp(quote.ticked_ns // SECOND)  # noqa: DTZ006


@pytest.mark.parametrize(
    ("token", "mode", "length"),
    [
        (408065, "ltp", 8),
        (408065, "quote", 44),
        (408065, "full", 184),
        (256265, "ltp", 8),
        (256265, "quote", 28),
        (256265, "full", 32),
    ],
)
def test_packets_have_the_length_by_which_clients_know_them(token: int, mode: Mode, length: int) -> None:
    """A packet of any other length would be dropped in silence."""
    body = packet(Quote(instrument(token), bytes(16), 100_00, 101_00, 0), mode)
    assert int.from_bytes(body[:2]) == length == len(body) - 2


def test_a_frame_holds_many_packets() -> None:
    """Packets of different kinds travel in one frame and keep their order."""
    share, index = (Quote(instrument(token), bytes(16), 100_00, 101_00, 0) for token in (408065, 256265))
    ticks = parsed(frame([packet(share, "full"), packet(index, "quote"), packet(share, "ltp")]))
    assert [(tick["instrument_token"], tick["mode"]) for tick in ticks] == [
        (408065, "full"),
        (256265, "quote"),
        (408065, "ltp"),
    ]
