"""A human who closes our position has our legs cancelled within a second (rule 8), also right after a fill of our own;
what he did is his order's word, what the positions lack by themselves is still nobody's (rule 4).
"""

import pytest

from tests.unit.trader.domain.world import NIFTY, World, settings
from trader.domain.brackets import held_quantity
from trader.domain.state import ForeignPolicy
from trader.domain.values import MILLISECOND, InstrumentKey, Leg, Side


def just_filled(after_ms: int, policy: ForeignPolicy = ForeignPolicy.REFUSE) -> World:
    """A protected bracket whose entry was filled so many milliseconds ago."""
    world = World(settings=settings(foreign=policy)).start()
    world.run(1)
    world.enter()
    world.pump()
    assert held_quantity(world.bracket) > 0
    world.run(after_ms / 1000, step_ms=50)
    assert world.order(Leg.STOP).remaining == held_quantity(world.bracket)
    return world


def working(world: World) -> list[str]:
    """Our orders that work at the broker."""
    return [str(order.tag) for order in world.exchange.working() if order.tag is not None]


@pytest.mark.parametrize("policy", list(ForeignPolicy))
@pytest.mark.parametrize("after_ms", [100, 300, 1000, 2500, 4000])
def test_our_legs_are_gone_a_second_after_a_human_closed_what_we_hold(after_ms: int, policy: ForeignPolicy) -> None:
    """However young our own fill is: his filled order says what became of the position."""
    world = just_filled(after_ms, policy)
    assert len(working(world)) == 2

    world.exchange.place_foreign(NIFTY, Side.SELL, held_quantity(world.bracket), fills=True)
    world.pump()
    world.run(1.0)

    assert working(world) == []
    assert not world.state.durable.open
    assert world.exchange.quantity(NIFTY) == 0, "we sold nothing of what was sold already"
    assert not world.state.durable.foreign


def test_it_is_the_book_s_word_when_the_stream_has_lost_his_update() -> None:
    """The next book shows his order; from there on it takes as little."""
    world = just_filled(300)
    world.pushes = False
    world.exchange.place_foreign(NIFTY, Side.SELL, held_quantity(world.bracket), fills=True)
    world.exchange.updates.clear()
    world.pushes = True
    world.run(3)  # the pace of books while something works is two seconds
    assert working(world) == []
    assert not world.state.durable.open


def test_half_a_position_that_is_closed_halves_our_legs() -> None:
    """Once our own fill is old enough to tell how much: a part alone could be his order or positions that lag."""
    world = just_filled(300)
    held = held_quantity(world.bracket)
    part = held // 65 // 2 * 65
    assert part

    world.exchange.place_foreign(NIFTY, Side.SELL, part, fills=True)
    world.pump()
    world.run(4.5)

    assert held_quantity(world.bracket) == held - part == world.order(Leg.STOP).remaining


def lagging(world: World, missing: int) -> None:
    """The positions of the broker lack so many of our fill."""
    world.exchange.outside[NIFTY] = -missing


def test_positions_that_lag_behind_our_fill_close_nothing() -> None:
    """Without an order of anybody else they are believed only once the fill is old: as before."""
    world = just_filled(100)
    lagging(world, held_quantity(world.bracket))

    world.run(2)

    assert len(working(world)) == 2
    lagging(world, 0)
    world.run(5)
    assert len(working(world)) == 2
    assert not world.announced("position_closed_outside")


@pytest.mark.parametrize("side", list(Side))
def test_his_fill_explains_no_more_than_itself(side: Side) -> None:
    """He trades one lot while the positions lag behind our fill: what his order does not say waits until the fill is old."""
    world = just_filled(100, ForeignPolicy.IGNORE)
    held = held_quantity(world.bracket)
    lagging(world, held)
    world.exchange.place_foreign(NIFTY, side, 65, fills=True)
    world.pump()

    world.run(2)

    assert not world.announced("position_closed_outside")
    assert held_quantity(world.bracket) == held
    lagging(world, 0)
    world.run(5)
    sold = 65 if side is Side.SELL else 0
    assert held_quantity(world.bracket) == held - sold == world.order(Leg.STOP).remaining


def test_one_read_alone_closes_nothing() -> None:
    """Two positions, and a book between them, as rule 4 has it; his order only spares the wait for our fill's age."""
    world = just_filled(300)
    world.answers_reads = False
    world.exchange.place_foreign(NIFTY, Side.SELL, held_quantity(world.bracket), fills=True)
    world.pump()
    for _ in range(4):
        world.run(0.1)
        positions = [each for each in world.reads if each[0] == "positions"]
        if positions:
            break
    (read,) = positions
    world.answer(*read)
    assert world.state.control.suspicion is not None
    assert world.state.durable.open
    assert len(working(world)) == 2


def test_another_instrument_s_fill_explains_nothing_here() -> None:
    """His trade elsewhere is no word about what we hold."""
    world = just_filled(100, ForeignPolicy.IGNORE)
    lagging(world, held_quantity(world.bracket))
    other = InstrumentKey("NFO:BANKNIFTY26DECFUT")
    world.exchange.place_foreign(other, Side.SELL, held_quantity(world.bracket), fills=True)
    world.pump()

    world.run(2)

    assert len(working(world)) == 2
    assert not world.announced("position_closed_outside")


def test_what_his_earlier_fills_did_is_not_counted_twice() -> None:
    """He bought and keeps it, and sells as much later, when the positions lag behind a fill of ours: nothing of ours is closed."""
    world = World(settings=settings(foreign=ForeignPolicy.IGNORE)).start()
    world.exchange.place_foreign(NIFTY, Side.BUY, 650, fills=True)
    world.pump()
    world.run(5)
    assert world.state.durable.foreign == {NIFTY: 650}
    assert not world.state.control.foreign_flow
    world.enter()
    world.pump()
    held = held_quantity(world.bracket)
    world.exchange.place_foreign(NIFTY, Side.SELL, 650, fills=True)
    world.pump()
    world.run(4.5)
    assert world.state.durable.foreign == {}
    assert held_quantity(world.bracket) == held
    world.pass_time(50 * MILLISECOND)
    world.run(5)
    assert held_quantity(world.bracket) == held == world.order(Leg.STOP).remaining
