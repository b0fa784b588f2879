"""SPREAD_BLOWOUT against the instrument's own normal: learned, latched, opened again by calm, closed in doubt."""

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tests.unit.trader.domain.world import NIFTY, World, nifty
from trader.domain.events import Quote
from trader.domain.guards import judge, make_case
from trader.domain.samples import SpreadNormal
from trader.domain.spreads import limits_at, widest
from trader.domain.strategies import Intent
from trader.domain.tactics import Tactics
from trader.domain.turn import Turn
from trader.domain.values import GuardCode, MarketTime, Paise, Side, SignalKey

TACTICS = Tactics()
NORMAL, OUTERMOST = 60, 4_800
"""Six ticks of 10 paise; 0.2 % of 24,000 rupees."""


def watched(samples: int = 30) -> World:
    """Live, with so many samples of the same spread."""
    world = World().start()
    world.run(1)
    watch(world, NORMAL, samples)
    return world


def watch(world: World, spread: int, samples: int) -> None:
    """So many samples, five seconds of market time apart."""
    for _ in range(samples):
        world.run(5, step_ms=5_000)
        world.quote(2_400_000, spread=spread)
        world.run(0.1)


def denial(world: World) -> GuardCode | None:
    """What the guards say to an entry now; None when they let it pass."""
    turn = Turn(world.state, world.now, world.market_time)
    key = SignalKey(f"s{world.now}")
    intent = Intent("s", key, NIFTY, Side.BUY, Paise(2_400_100), Paise(2_396_000), Paise(2_410_000))
    found = judge(make_case(turn, intent))
    return found.code if found else None


def test_what_is_wide_is_measured_by_the_instruments_own_normal() -> None:
    """Thrice its usual spread denies, long before the outer limit; up to there it passes."""
    world = watched()

    world.quote(2_400_000, spread=3 * NORMAL)
    assert denial(world) is None
    world.quote(2_400_000, spread=3 * NORMAL + 20)

    assert denial(world) is GuardCode.SPREAD_BLOWOUT
    assert 3 * NORMAL + 20 < OUTERMOST


def test_a_blowout_is_latched_until_several_calm_samples() -> None:
    """One narrow quote after a wide one opens nothing: three samples in a row near the normal do."""
    world = watched()
    world.quote(2_400_000, spread=10 * NORMAL)
    world.quote(2_400_000, spread=NORMAL)
    assert denial(world) is GuardCode.SPREAD_BLOWOUT

    watch(world, NORMAL, 2)
    assert denial(world) is GuardCode.SPREAD_BLOWOUT
    watch(world, NORMAL, 1)

    assert denial(world) is None


def test_calm_is_nearer_than_wide() -> None:
    """Hysteresis: between twice and thrice the normal a latched guard stays shut, an open one stays open."""
    open_world, latched = watched(), watched()
    latched.quote(2_400_000, spread=10 * NORMAL)

    for world in (open_world, latched):
        watch(world, NORMAL * 5 // 2 // 20 * 20, 6)

    assert denial(open_world) is None
    assert denial(latched) is GuardCode.SPREAD_BLOWOUT


def test_a_side_without_offers_is_no_market() -> None:
    """No bid, or bid above ask: closed in doubt, and latched when the bid is gone."""
    world = watched()
    world.feed(Quote(world.now, world.market_time, NIFTY, Paise(2_400_000), Paise(0), Paise(0)))
    assert denial(world) is GuardCode.SPREAD_BLOWOUT
    world.quote(2_400_000, spread=NORMAL)
    assert denial(world) is GuardCode.SPREAD_BLOWOUT

    crossed = watched()
    crossed.feed(Quote(crossed.now, crossed.market_time, NIFTY, Paise(2_400_000), Paise(2_400_100), Paise(2_400_000)))
    assert denial(crossed) is GuardCode.SPREAD_BLOWOUT


def test_a_new_normal_is_learned() -> None:
    """When most of the window is wider, wider is normal."""
    world = watched(12)
    watch(world, 5 * NORMAL, 13)

    world.quote(2_400_000, spread=5 * NORMAL)
    watch(world, 5 * NORMAL, 3)

    assert denial(world) is None


@pytest.mark.parametrize(("spread", "code"), [(2_300, None), (2_500, GuardCode.SPREAD_BLOWOUT)])
def test_until_a_normal_is_known_half_of_the_outer_limit_holds(spread: int, code: GuardCode | None) -> None:
    """A process that has just begun to listen is not blind, and not generous."""
    world = World().start()
    world.quote(2_400_000, spread=spread)

    assert denial(world) is code


def test_the_day_begins_with_nothing_learned() -> None:
    """Yesterday's close says nothing of this morning's open."""
    world = watched()
    world.run(24 * 3600, step_ms=600_000)
    world.quote(2_400_000, spread=NORMAL)
    world.run(0.1)

    assert len(world.state.market.spreads[NIFTY].samples) == 1


def test_quotes_that_do_not_change_are_sampled_once() -> None:
    """Silence teaches nothing: a stale quote is one sample, however long it stands."""
    world = watched(5)
    before = world.state.market.spreads[NIFTY]
    world.run(60, step_ms=1_000)

    assert world.state.market.spreads[NIFTY] == before


@bounds(max_examples=200, deadline=None)
@given(
    median=st.integers(0, 10_000),
    count=st.integers(0, 130),
    price=st.integers(100, 5_000_000),
    kind=st.sampled_from(["FUT", "CE"]),
)
def test_no_normal_ever_allows_more_than_the_outer_limit(median: int, count: int, price: int, kind: str) -> None:
    """However wide an instrument's habit, there is a spread beyond which nobody enters; and never less than the floor."""
    quote = Quote(0, MarketTime(0), NIFTY, Paise(price), Paise(1), Paise(1))  # type: ignore[arg-type]
    limits = limits_at(quote, nifty(kind=kind), TACTICS)
    normal = SpreadNormal("2026-11-23", MarketTime(0), (median,) * count, median, 0)

    assert limits.floor <= widest(limits, normal, TACTICS) <= limits.outermost
