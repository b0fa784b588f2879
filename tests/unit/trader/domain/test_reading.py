"""The broker is asked often while something is unsettled, and left alone otherwise: reads are limited too (10 a second)."""

import pytest

from tests.unit.trader.domain.test_doubt import doubtful
from tests.unit.trader.domain.test_protection import protected
from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.effects import ReadBook, ReadFunds, ReadPositions
from trader.domain.events import StandingChanged
from trader.domain.values import Epoch, Side, Standing


def reads_of(world: World, seconds: float) -> int:
    before = len(world.effects)
    world.run(seconds)
    return sum(isinstance(each, ReadBook | ReadPositions | ReadFunds) for each in world.effects[before:])


def resting() -> World:
    return World().start()


def foreign() -> World:
    """Somebody else's completed orders stand in the book all day."""
    world = protected()
    for side in (Side.BUY, Side.SELL):
        world.exchange.place_foreign(NIFTY, side, 65, fills=True)
    world.run(10)
    return world


def halted() -> World:
    world = protected()
    world.kill()
    world.run(3)
    return world


def reducing() -> World:
    world = protected()
    world.feed(StandingChanged(world.now, world.market_time, Standing.EPOCH_ONLY, Epoch(1)))
    world.run(3)
    return world


@pytest.mark.parametrize("begin", [resting, protected, foreign, halted, reducing])
def test_a_settled_state_reads_at_most_twice_a_second(begin: object) -> None:
    """Whatever it rests in, the engine does not hammer the broker."""
    assert callable(begin)
    world = begin()
    world.run(6)
    assert reads_of(world, 20) <= 40


def test_doubt_is_looked_at_within_a_quarter_of_a_second_then_ever_less() -> None:
    """250 ms at first, two seconds at last."""
    world = doubtful()
    assert reads_of(world, 1) >= 2
    world.run(20)
    assert reads_of(world, 20) <= 40


def test_no_second_holds_more_than_ten_reads() -> None:
    """Also in the worst second: a kill, a recovery, a suspicion."""
    world = protected()
    world.run(5)
    world.exchange.place_foreign(NIFTY, Side.SELL, 1755, fills=True)
    world.pump()
    for _ in range(5):
        assert reads_of(world, 1) <= 10


def test_a_difference_that_a_young_fill_may_explain_is_looked_at_again_as_soon_as_it_cannot() -> None:
    """Somebody else trades within three seconds of our own fill: known once the fill has settled, not an idle period later."""
    world = protected()
    world.exchange.move(NIFTY, world.bracket.plan.target_price + 10)
    world.pump()
    assert not world.state.durable.open
    world.exchange.place_foreign(NIFTY, Side.BUY, 65, fills=True)
    world.pump()
    world.run(5)
    assert world.state.durable.foreign == {NIFTY: 65}
