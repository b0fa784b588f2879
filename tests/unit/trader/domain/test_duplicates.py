"""Somebody used one of our tags a second time: seen, counted, and never taken for our own order."""

from tests.unit.trader.domain.exchange import BookOrder
from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.brackets import held_quantity
from trader.domain.values import Leg, Side
from trader.domain.views import view


def protected() -> World:
    """LIVE, a bracket filled, its stop and target working."""
    world = World().start()
    world.enter()
    world.pump()
    world.run(3)
    return world


def copied(world: World, leg: Leg, *, fills: bool = False, working_price: int = 2_300_000) -> BookOrder:
    """A second client sends an order under the tag of this leg."""
    copy = world.exchange.place_foreign(NIFTY, Side.BUY, 65, fills=False)
    copy.tag = world.order(leg).tag
    copy.price = working_price
    if fills:
        world.exchange.fill(copy.order_id, copy.quantity, 2_402_500)
    world.exchange.updates[:] = [copy.row()]
    world.pump()
    world.run(12)
    return copy


def test_the_copy_of_a_live_tag_is_counted_while_it_works() -> None:
    """By the broker's book, at each look; over once it is cancelled unfilled."""
    world = protected()
    ours = world.order(Leg.STOP)
    assert view(world.state).duplicates == 0

    copy = copied(world, Leg.STOP)
    assert view(world.state).duplicates == 1
    assert world.announced("duplicate_client_id_seen")
    assert world.order(Leg.STOP) == ours, "the row of the copy was taken for our own order"

    copy.status = "CANCELLED"
    world.run(12)
    assert view(world.state).duplicates == 0


def test_the_copy_takes_no_new_risk_and_no_part_of_our_bracket() -> None:
    """Its fills are somebody else's position; ours keeps what it holds, and its stop."""
    world = protected()
    held = held_quantity(world.bracket)
    copied(world, Leg.ENTRY, fills=True)
    assert view(world.state).duplicates == 1
    assert held_quantity(world.bracket) == held
    assert view(world.state).naked == 0
    assert world.state.durable.foreign.get(NIFTY) == 65


def test_a_working_copy_counts_as_an_order_of_somebody_else() -> None:
    """So `foreign: Refuse` denies new entries while it works."""
    world = protected()
    copy = copied(world, Leg.STOP)
    assert set(world.state.control.foreign_orders) == {copy.order_id}


def test_a_copy_that_was_rejected_is_none() -> None:
    """The broker accepted one order."""
    world = protected()
    copy = copied(world, Leg.STOP)
    copy.status = "REJECTED"
    world.run(12)
    assert view(world.state).duplicates == 0
