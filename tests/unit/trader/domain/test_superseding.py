"""An attempt at a leg does not leave when an earlier one turned out to stand while it was made durable."""

from dataclasses import replace

import pytest

from tests.unit.trader.domain.test_protection import entering, protected
from tests.unit.trader.domain.world import World
from trader.domain.effects import PlaceOrder
from trader.domain.state import EngineState
from trader.domain.superseding import is_superseded
from trader.domain.tags import TagParts, decode_tag, encode_tag
from trader.domain.values import Leg, OrderStatus


def again(world: World, leg: Leg) -> PlaceOrder:
    """The next attempt of a leg, as it was decided when the last one was in doubt."""
    order = world.placed(leg)[-1]
    parts = decode_tag(order.tag)
    assert parts is not None
    attempt = order.attempt + 1
    return replace(
        order, tag=encode_tag(TagParts(parts.epoch, parts.intent, parts.leg, parts.attempt + 1)), attempt=attempt
    )


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.TARGET])
def test_beside_one_that_works_there_is_no_other(leg: Leg) -> None:
    """And none supersedes itself."""
    world = protected()
    assert is_superseded(world.state, again(world, leg))
    assert not is_superseded(world.state, world.placed(leg)[-1])


def test_entries_and_brackets_that_are_over_are_none_of_its_business() -> None:
    """An entry has one attempt, and guards of its own."""
    world = protected()
    assert not is_superseded(world.state, again(world, Leg.ENTRY))
    assert not is_superseded(initial(world), again(world, Leg.STOP))


def initial(world: World) -> EngineState:
    """The state of one that knows of no bracket."""
    return World(settings=world.settings).start().state


def test_one_in_doubt_holds_nothing_back_until_it_is_heard_of() -> None:
    """It may never have been: the next attempt is what protects."""
    world = entering()
    world.fate = lambda call: "unanswered" if getattr(call, "leg", None) is Leg.STOP else "ok"
    world.answers_reads = False
    order_id = world.order(Leg.ENTRY).order_id
    assert order_id is not None
    world.exchange.fill(order_id, 65)
    world.pushes = False
    world.deliver(world.exchange.updates.pop(0))
    while world.calls:
        world.perform(world.calls.popleft())
    assert world.order(Leg.STOP).status is OrderStatus.IN_DOUBT
    assert not is_superseded(world.state, again(world, Leg.STOP))

    world.answers_reads = True
    world.run(2)

    assert world.order(Leg.STOP).status is OrderStatus.WORKING
    assert is_superseded(world.state, again(world, Leg.STOP))
