"""The first strategy: only whole ranges, each signal once."""

from dataclasses import replace

import pytest

from tests.unit.trader.domain.calendar_times import SESSION
from tests.unit.trader.domain.world import NIFTY, World, nifty, settings
from trader.app.strategies import build_strategy
from trader.domain.calendars import AlwaysOpen
from trader.domain.events import Quote
from trader.domain.opening_range import NAME, OpeningRangeBreakout, RangeMemory
from trader.domain.strategies import Intent, Memory, ParameterError, StrategyView
from trader.domain.values import SECOND, GuardCode, Leg, MachineTime, MarketTime, Paise, Side

STRATEGY = OpeningRangeBreakout(range_minutes=5, buffer_ticks=2)
START = SESSION.start


def look(seconds: float, price: int, *, is_whole: bool = True, kind: str = "FUT") -> StrategyView:
    at = MarketTime(START + round(seconds * SECOND))
    quote = Quote(MachineTime(at), at, NIFTY, Paise(price), Paise(price - 10), Paise(price + 10))
    return StrategyView(quote, nifty(kind=kind), SESSION, is_whole)


def watch(*views: StrategyView, strategy: OpeningRangeBreakout = STRATEGY) -> tuple[Memory | None, list[Intent]]:
    memory: Memory | None = None
    found: list[Intent] = []
    for each in views:
        memory, intents = strategy.decide(each, memory)
        found += intents
    return memory, found


def whole_range() -> list[StrategyView]:
    prices = [2_400_000, 2_402_000, 2_398_000, *[2_400_000] * 7]
    return [look(index * 30, price) for index, price in enumerate(prices)]


def test_a_break_of_the_high_is_bought_with_a_stop_below_the_range() -> None:
    """Above the high by the buffer: BUY at the touch and a little, stop at the other side, target at one and a half risks."""
    _, intents = watch(*whole_range(), look(301, 2_402_030))

    (intent,) = intents
    assert (intent.side, intent.entry_price, intent.stop_price) == (Side.BUY, 2_402_080, 2_398_000)
    assert intent.target_price == 2_402_080 + 6_120


def test_a_break_of_the_low_is_sold() -> None:
    """The mirror image."""
    _, intents = watch(*whole_range(), look(301, 2_397_970))

    (intent,) = intents
    assert (intent.side, intent.entry_price, intent.stop_price) == (Side.SELL, 2_397_920, 2_402_000)


def test_at_the_buffer_nothing_happens() -> None:
    """The break must be beyond the buffer, not on it."""
    _, intents = watch(*whole_range(), look(301, 2_402_020), look(302, 2_397_980))
    assert intents == []


def test_each_direction_fires_once() -> None:
    """At most one entry per instrument, direction and session."""
    _, intents = watch(
        *whole_range(), look(301, 2_402_030), look(302, 2_403_000), look(303, 2_397_000), look(304, 2_396_000)
    )
    assert [intent.side for intent in intents] == [Side.BUY, Side.SELL]


def test_the_signal_key_is_a_function_of_session_instrument_and_direction() -> None:
    """The same signal is the same intent, in whatever process sees it."""
    _, first = watch(*whole_range(), look(301, 2_402_030))
    _, second = watch(*whole_range(), look(325, 2_405_000))
    assert first[0].signal_key == second[0].signal_key == f"{START}:{NIFTY}:BUY"


def test_a_late_joiner_does_not_trade_the_range() -> None:
    """Whoever comes after a fifth of the range cannot know its extremes."""
    _, intents = watch(
        *[view for view in whole_range() if view.quote.market_time > START + 70 * SECOND], look(301, 2_410_000)
    )
    assert intents == []


@pytest.mark.parametrize("lost", [1, 4, 9])
def test_a_range_with_a_gap_is_not_traded(lost: int) -> None:
    """The stream was away during the range: what it missed may have been the high."""
    views = whole_range()
    views[lost] = replace(views[lost], is_feed_whole=False)
    _, intents = watch(*views, look(301, 2_410_000))
    assert intents == []


def test_silence_during_the_range_spoils_it() -> None:
    """Without quotes for more than a fifth of the range, nothing is known of it."""
    views = [each for each in whole_range() if not 60 <= (each.quote.market_time - START) // SECOND < 150]
    _, intents = watch(*views, look(301, 2_410_000))
    assert intents == []


def test_a_new_session_forgets_the_old_range() -> None:
    """Each session has a range of its own."""
    memory, _ = watch(*whole_range())
    later = replace(look(1, 2_500_000), session=replace(SESSION, start=MarketTime(START + SECOND)))
    renewed, _ = STRATEGY.decide(later, memory)
    assert isinstance(renewed, RangeMemory)
    assert (renewed.high, renewed.low) == (2_500_000, 2_500_000)


def test_other_kinds_are_left_alone() -> None:
    """Index futures only: an index cannot be bought."""
    assert watch(look(0, 2_400_000, kind="INDEX")) == (None, [])


def test_the_stop_is_bounded() -> None:
    """Never further than the fraction of the price, never nearer than the least distance."""
    wide = OpeningRangeBreakout(max_stop_ppm=500)
    _, intents = watch(*whole_range(), look(301, 2_402_030), strategy=wide)
    assert intents[0].entry_price - intents[0].stop_price == 1_200
    tight = OpeningRangeBreakout(stop_ticks=1, min_stop_ticks=4)
    _, intents = watch(*whole_range(), look(301, 2_402_030), strategy=tight)
    assert intents[0].entry_price - intents[0].stop_price == 40


def test_an_unfilled_entry_is_cancelled_in_time() -> None:
    """After `entry_timeout_seconds` an entry that nobody took is withdrawn."""
    world = World().start()
    world.open_range()
    world.exchange.liquidity = False
    world.quote(2_402_500)
    world.pump()
    world.run(9.5)
    assert world.exchange.working()

    world.run(1.5)

    assert not world.exchange.working()
    assert not world.state.durable.open


def test_a_session_ends_flat() -> None:
    """At square-off positions are closed; the next session trades anew."""
    world = World().start()
    world.enter()
    world.run(1)
    session = world.state.market.session
    assert session is not None
    world.pass_time(session.square_off - world.market_time)
    world.run(2)
    assert world.exchange.quantity(NIFTY) == 0

    world.enter()

    assert len(world.placed(Leg.ENTRY)) == 2


def test_a_denied_signal_is_denied_once() -> None:
    """A breakout that was denied does not come back with every quote."""
    world = World(settings=settings(AlwaysOpen())).start()
    world.kill()
    world.open_range()
    for price in range(2_402_500, 2_402_600, 10):
        world.quote(price)
    assert [trip.code for trip in world.guard_trips()] == [GuardCode.KILLED]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"range_minuts": 5}, "unknown parameter 'range_minuts'"),
        ({"range_minutes": 0}, "range_minutes must be a whole number within 1..360, was 0"),
        ({"range_minutes": "5"}, "was '5'"),
        ({"buffer_ticks": True}, "was True"),
        ({"reward_ratio": "much"}, "reward_ratio must be a number within 0.1..20, was 'much'"),
        ({"reward_ratio": 50}, "was 50"),
    ],
)
def test_wrong_parameters_say_what_would_be_right(parameters: dict[str, object], message: str) -> None:
    """Field, value, and what is right, in one line."""
    with pytest.raises(ParameterError, match=message):
        build_strategy(NAME, parameters)


def test_parameters_build_the_strategy() -> None:
    """A manifest's words become integers."""
    built = build_strategy(NAME, {"range_minutes": 3, "reward_ratio": 2.5})
    assert isinstance(built, OpeningRangeBreakout)
    assert (built.range_minutes, built.reward_permille, built.name) == (3, 2_500, NAME)
    with pytest.raises(ParameterError, match="known are opening-range-breakout"):
        build_strategy("martingale", {})
