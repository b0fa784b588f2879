"""A stop that follows the price: towards the profit only, within what an order may be changed, and never at the exit's cost."""

from dataclasses import replace

from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tests.unit.trader.domain.world import NIFTY, World, nifty, settings
from trader.domain.effects import ModifyOrder
from trader.domain.opening_range import OpeningRangeBreakout
from trader.domain.positions import bracket_heat
from trader.domain.prices import validate_order_price
from trader.domain.values import Leg, OrderType
from trader.domain.views import view

TRAILING = OpeningRangeBreakout(trail_permille=1_000, trail_step_ticks=10, reward_permille=20_000)


def trailing() -> World:
    """Long, protected, its stop trailing by one risk."""
    world = World(settings=settings(strategies=(TRAILING,))).start()
    world.enter()
    world.run(1)
    return world


def rise(world: World, by: int) -> None:
    """The price moves, and everybody answers."""
    world.quote(world.exchange.last[NIFTY] + by)
    world.pump()
    world.run(1)


def test_the_stop_follows_the_price_up() -> None:
    """Its trigger stands one risk behind the price, on the tick, its limit beyond it as before."""
    world = trailing()
    before = world.order(Leg.STOP)

    rise(world, 6_000)

    after = world.order(Leg.STOP)
    assert after.tag == before.tag
    assert after.trigger_price == world.exchange.last[NIFTY] - world.bracket.plan.trail_distance
    assert abs((after.trigger_price - after.price) - (before.trigger_price - before.price)) < 100
    assert validate_order_price(after.price, nifty()) == ""
    assert len(world.placed(Leg.STOP)) == 1


def test_the_stop_never_follows_the_price_down() -> None:
    """A ratchet: a fall after a rise leaves it at its best."""
    world = trailing()
    rise(world, 6_000)
    best = world.order(Leg.STOP).trigger_price

    rise(world, -3_000)

    assert world.order(Leg.STOP).trigger_price == best
    assert view(world.state).brackets[0].state == "protected"


def test_small_gains_are_not_worth_a_modification() -> None:
    """Below the step nothing is sent."""
    world = trailing()
    rise(world, 6_000)
    sent = len(world.sent)

    rise(world, TRAILING.trail_step_ticks * 10 - 10)

    assert len(world.sent) == sent


def test_the_exit_keeps_its_modifications() -> None:
    """However long the price rises, the trail uses its part only, and the stop can still become the exit."""
    world = trailing()

    for _ in range(80):
        rise(world, 1_000)

    stop = world.order(Leg.STOP)
    assert stop.modifications <= world.settings.tactics.trail_modifications
    assert stop.trigger_price > world.bracket.plan.entry_price
    world.kill()
    world.run(2)
    assert view(world.state).is_flat
    assert len(world.placed(Leg.EXIT)) == 0
    assert stop.tag in {call.tag for _, call in world.sent if isinstance(call, ModifyOrder)}


def test_the_first_exit_after_a_trail_is_priced_as_a_first_try() -> None:
    """Modifications of the trail are no tries of the exit: its limit stands one step beyond the touch."""
    world = trailing()
    for _ in range(10):
        rise(world, 2_000)
    quote = world.state.market.quotes[NIFTY]

    world.kill()

    (change,) = [call for call in world.calls if isinstance(call, ModifyOrder)]
    assert change.price == quote.bid - world.settings.tactics.exit_step_ticks * 10


def test_a_trail_waits_for_calls_that_exits_may_need() -> None:
    """With only the exits' reserve left in the second, the stop stays where it is until there is more."""
    world = trailing()
    reserve = world.settings.tactics.entry_reserve_per_second
    sends = world.state.control.sends
    for _ in range(10 - reserve):
        sends = sends.noted(world.now, 1)
    world.state = replace(world.state, control=replace(world.state.control, sends=sends))
    world.replays_always = False

    world.quote(world.exchange.last[NIFTY] + 6_000)
    assert not world.calls
    world.run(2)
    rise(world, 0)

    assert world.order(Leg.STOP).trigger_price > world.bracket.plan.stop_price


def test_a_restart_keeps_what_was_reached() -> None:
    """The level is the stop's own trigger: a successor neither loosens it nor places a looser stop after a loss of it."""
    world = trailing()
    rise(world, 6_000)
    reached = world.order(Leg.STOP).trigger_price

    world.restart(2)
    world.run(2)
    stop = world.exchange.orders[world.order(Leg.STOP).order_id or ""]  # type: ignore[index]
    stop.status = "CANCELLED"
    world.exchange.updates.append(stop.row())
    world.pump()
    world.run(2)

    assert world.order(Leg.STOP).tag != stop.tag
    assert world.order(Leg.STOP).trigger_price == reached


def test_heat_falls_with_the_trail() -> None:
    """What is lost at the stop is what the account can lose: once it stands beyond the entry, nothing."""
    world = trailing()
    planned = bracket_heat(world.bracket)

    rise(world, 4_000)
    assert 0 < bracket_heat(world.bracket) < planned
    rise(world, 20_000)

    assert bracket_heat(world.bracket) == 0


def test_a_triggered_stop_is_left_alone() -> None:
    """Once it runs it is repriced as an exit, not trailed."""
    world = trailing()
    world.exchange.liquidity = False
    stop = world.exchange.orders[world.order(Leg.STOP).order_id or ""]  # type: ignore[index]
    stop.status = "OPEN"
    world.exchange.updates.append(stop.row())
    world.pump()
    sent = len(world.sent)

    world.quote(world.exchange.last[NIFTY] + 9_000)

    assert not [call for _, call in world.sent[sent:] if isinstance(call, ModifyOrder) and call.trigger_price]


@bounds(max_examples=25, deadline=None)
@given(moves=st.lists(st.integers(-120, 160).map(lambda ticks: ticks * 10), max_size=40))
def test_i18_a_trail_only_tightens_and_stays_within_its_budget(moves: list[int]) -> None:
    """Whatever the price does: triggers rise, on the tick, below the price when sent, at most 25 changes of an order."""
    world = trailing()
    world.replays_always = False
    level = world.order(Leg.STOP).trigger_price
    for move in moves:
        if not world.state.durable.open or world.bracket.exiting:
            break
        price = world.exchange.last[NIFTY] + move
        sent = len(world.sent)
        world.quote(price)
        for _, call in world.sent[sent:]:
            if isinstance(call, ModifyOrder) and call.trigger_price and call.order_type is None:
                assert level < call.trigger_price < price
                assert call.trigger_price % 10 == 0
                level = call.trigger_price
        world.pump()
        world.run(1, step_ms=500)
    brackets = (*world.state.durable.open.values(), *world.state.durable.closed.values())
    for bracket in brackets:
        for order in bracket.orders.values():
            assert order.modifications <= 25
            assert order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
