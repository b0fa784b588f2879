"""The market is a function of its seed."""

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitesim.calendars import load_calendar
from kitesim.clocks import MINUTE, SECOND, at
from kitesim.errors import ControlRefused
from kitesim.market.candles import minutes
from kitesim.market.content import load_instruments, shapes
from kitesim.market.paths import LivePath, Paths
from kitesim.seeds import stream

from .conftest import FUTURE, Floor

CALENDAR = load_calendar("nse")
CONTENT = load_instruments()
MONDAY = date(2026, 11, 23)


@given(seed=st.integers(0, 1000), steps=st.lists(st.integers(1, 90), min_size=1, max_size=20))
def test_a_minute_ends_where_the_day_says_however_often_it_ticked(seed: int, steps: list[int]) -> None:
    """The bridge between two minutes bends with the ticks and never moves its ends."""
    paths = _paths(seed)
    start = at(MONDAY, time(9, 15))
    live = LivePath(paths, "INFY", stream(seed, "live", "INFY"), start)
    now = start
    for step in steps:
        now += step * SECOND
        live.advance(now)
    end = (now // MINUTE + 1) * MINUTE
    live.advance(end)
    again = LivePath(paths, "INFY", stream(seed, "another"), end)
    assert live.price == pytest.approx(again.price, rel=1e-12)


def _paths(seed: int) -> Paths:
    return Paths(seed, MONDAY, shapes(CONTENT), sleeps=True)


def test_the_day_has_the_shape_of_a_real_one() -> None:
    """The open is several times as lively as noon, the last minutes livelier than noon, the night is still."""
    paths = _paths(1)
    noon = paths.sigma("NIFTY 50", 12 * 60 + 30)
    assert paths.sigma("NIFTY 50", 9 * 60 + 15) > 3 * noon
    assert paths.sigma("NIFTY 50", 15 * 60 + 38) > 1.5 * noon
    assert paths.sigma("NIFTY 50", 3 * 60) == 0


def test_another_instrument_moves_no_path() -> None:
    """Streams are named: what one instrument draws, no other notices."""
    few = Paths(3, MONDAY, [shape for shape in shapes(CONTENT) if shape.name in ("NIFTY 50", "INFY")], sleeps=True)
    moment = at(MONDAY, time(11, 11))
    assert few.minute_ends("INFY", moment) == _paths(3).minute_ends("INFY", moment)


def test_days_follow_each_other_without_a_seam() -> None:
    """A day starts where the one before ended, forward and backward."""
    paths = _paths(5)
    midnight = at(date(2026, 11, 20), time(0))
    assert paths.minute_ends("INFY", midnight - MINUTE)[1] == pytest.approx(paths.minute_ends("INFY", midnight)[0])
    assert paths.close_before("INFY", MONDAY) == pytest.approx(1520)


def test_futures_follow_their_index(floor: Floor) -> None:
    """A future stays within a small distance of its index and its carry."""
    for _ in range(10):
        floor.let_pass(30)
        index, future = floor.quote("NSE:NIFTY 50").last, floor.quote().last
        assert 1.005 < future / index < 1.008


def test_prices_stay_on_their_tick_and_in_their_band(floor: Floor) -> None:
    """Every last price and every level is a multiple of the tick inside the circuit limits."""
    floor.let_pass(60)
    for quote in floor.simulator.market.quotes.values():
        levels = [*quote.book.bids, *quote.book.asks]
        for price in (quote.last, *(level.price for level in levels)):
            assert price % quote.instrument.tick == 0
            assert quote.lower_circuit <= price <= quote.upper_circuit
        if quote.book.bids and quote.book.asks:
            assert quote.book.bids[0].price < quote.book.asks[0].price
            assert quote.book.bids[0].price <= quote.last <= quote.book.asks[0].price


def test_a_forced_price_moves_the_family_and_stays_while_held() -> None:
    """A future takes its index and its sisters along; while held nothing of them moves; then the walk goes on."""
    floor = Floor()
    floor.simulator.force_price(FUTURE, 24000.0, hold_seconds=3)
    assert floor.quote().last == 24_000_00
    assert 23_800_00 < floor.quote("NSE:NIFTY 50").last < 23_900_00
    index = floor.quote("NSE:NIFTY 50").last
    floor.let_pass(2.5)
    assert (floor.quote().last, floor.quote("NSE:NIFTY 50").last) == (24_000_00, index)
    floor.let_pass(2)
    assert floor.quote().last != 24_000_00
    assert abs(floor.quote().last - 24_000_00) < 24_000


def test_a_forced_price_outside_the_band_flexes_it(floor: Floor) -> None:
    """The circuit limits widen in steps until they hold the price."""
    lower, last = floor.quote().lower_circuit, floor.quote().last
    floor.simulator.force_price(FUTURE, round(last * 0.8 / 10) * 10 / 100, 0)
    assert floor.quote().lower_circuit < floor.quote().last < lower


@pytest.mark.parametrize(("key", "price"), [("NFO:NOSUCH", 1.0), (FUTURE, 0.0), (FUTURE, float("nan"))])
def test_nonsense_prices_are_refused(floor: Floor, key: str, price: float) -> None:
    """An unknown instrument or a price that is none changes nothing."""
    with pytest.raises(ControlRefused):
        floor.simulator.force_price(key, price, 0)


def test_candles_tell_what_was_seen(floor: Floor) -> None:
    """The candle of a minute that ran holds its first, highest, lowest and last price, and its volume."""
    quote = floor.quote()
    seen: list[int] = []
    for _ in range(100):
        floor.let_pass(0.5)
        seen.append(quote.last)
    market, start = floor.simulator.market, at(MONDAY, time(9, 15))
    (candle,) = minutes(quote.instrument, market.paths, market.candles, floor.simulator.calendar, (start, start))
    assert candle[1:5] == (seen[0], max(seen), min(seen), seen[-1])
    assert candle[5] == quote.volume


def test_candles_of_the_past_come_from_the_path(floor: Floor) -> None:
    """A trading day before the run has a candle for each minute until the closing auction, the same at every asking."""
    nse = Floor(market="nse")
    market = nse.simulator.market
    day = date(2026, 11, 20)
    span = (at(day, time(0)), at(day, time(23, 59)))
    instrument = nse.quote("NSE:INFY").instrument
    candles = list(minutes(instrument, market.paths, market.candles, nse.simulator.calendar, span))
    assert len(candles) == 360
    assert candles == list(minutes(instrument, market.paths, market.candles, nse.simulator.calendar, span))
    assert all(low <= min(first, last) and high >= max(first, last) for _, first, high, low, last, _ in candles)
