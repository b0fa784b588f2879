"""The account is shared: with its owner's own trades, with the day's order count, with the broker's patience."""

from dataclasses import replace

import pytest

from tests.unit.trader.domain.world import NIFTY, World, nifty, profile, settings
from trader.domain.brackets import held_quantity
from trader.domain.effects import ModifyOrder, PlaceOrder
from trader.domain.guards import judge, make_case
from trader.domain.instruments import Instrument
from trader.domain.sending import send_wants
from trader.domain.state import ForeignPolicy
from trader.domain.strategies import Intent
from trader.domain.turn import Turn
from trader.domain.values import (
    MILLISECOND,
    GuardCode,
    InstrumentKey,
    Leg,
    OrderType,
    Paise,
    Quantity,
    Side,
    SignalKey,
)
from trader.domain.views import view
from trader.domain.wants import PlaceWant, Urgency


def held(foreign: int = 0) -> World:
    """A protected long bracket, beside a position of the account's owner."""
    world = World(settings=settings(foreign=ForeignPolicy.IGNORE))
    world.exchange.outside[NIFTY] = foreign
    world.start()
    world.run(5)
    world.enter()
    world.pump()
    world.run(5)
    assert world.state.durable.foreign.get(NIFTY, 0) == foreign
    return world


def trade(world: World, side: Side, lots: int) -> None:
    """The owner trades in the Kite app, and the books are read."""
    world.exchange.place_foreign(NIFTY, side, lots * 65, fills=True)
    world.pump()
    world.run(8, step_ms=250)


def test_who_sells_his_own_closes_nothing_of_ours() -> None:
    """He holds ten lots beside ours and sells six: our bracket and its stop stay as they are."""
    world = held(foreign=650)
    ours = held_quantity(world.bracket)

    trade(world, Side.SELL, 6)

    assert held_quantity(world.bracket) == ours == world.order(Leg.STOP).remaining
    assert world.state.durable.foreign == {NIFTY: 4 * 65}


def test_who_sells_more_than_his_own_closes_the_rest_of_ours() -> None:
    """Ten lots were his: of twelve sold, two were ours, and our legs shrink by them."""
    world = held(foreign=650)
    ours = held_quantity(world.bracket)

    trade(world, Side.SELL, 12)

    assert held_quantity(world.bracket) == ours - 2 * 65 == world.order(Leg.STOP).remaining
    assert world.state.durable.foreign == {}


def test_who_adds_to_his_short_closes_nothing_of_ours() -> None:
    """His short against our long is his, and so is what he adds to it."""
    world = held(foreign=-650)
    ours = held_quantity(world.bracket)

    trade(world, Side.SELL, 3)

    assert held_quantity(world.bracket) == ours
    assert world.state.durable.foreign == {NIFTY: -13 * 65}


def test_who_holds_nothing_and_sells_closes_ours() -> None:
    """As before: a human who closes our position has our legs reduced within seconds."""
    world = held()
    ours = held_quantity(world.bracket)

    trade(world, Side.SELL, 5)

    assert held_quantity(world.bracket) == ours - 5 * 65 == world.order(Leg.STOP).remaining
    assert world.state.durable.foreign == {}


def test_orders_of_others_count_towards_the_account_s_day() -> None:
    """Kite counts the account: with other people's orders the day's budget runs out sooner, and entries stop."""
    world = World(settings=settings(foreign=ForeignPolicy.IGNORE), profile=profile(orders_per_day=12)).start()
    world.run(1)
    world.quote(2_400_000)
    intent = Intent("s", SignalKey("k"), NIFTY, Side.BUY, Paise(2_400_100), Paise(2_396_000), Paise(2_410_000))
    assert judge(make_case(Turn(world.state, world.now, world.market_time), intent)) is None

    for _ in range(9):
        world.exchange.place_foreign(NIFTY, Side.BUY, 65, fills=False).status = "REJECTED"
    world.exchange.updates.clear()
    world.run(12, step_ms=500)
    world.quote(2_400_000)

    found = judge(make_case(Turn(world.state, world.now, world.market_time), intent))
    assert found is not None
    assert (found.code, "3 today" in found.detail) == (GuardCode.FLATTEN_BUDGET, True)


def test_a_rate_limited_modify_is_sent_again_soon() -> None:
    """It was not looked at, for certain: 200 ms later it goes out again, not after the two seconds of an unknown answer."""
    world = held()
    limited = iter(["rate_limited"])
    world.fate = lambda call: next(limited, "ok") if isinstance(call, ModifyOrder) else "ok"
    world.kill()
    world.run(1, step_ms=50)

    sent = [at for at, call in world.sent if isinstance(call, ModifyOrder)]
    assert 200 * MILLISECOND <= sent[1] - sent[0] <= 400 * MILLISECOND
    assert view(world.state).is_flat


def test_a_broker_that_hears_nothing_is_not_hammered() -> None:
    """Each further refusal to listen doubles the rest."""
    world = held()
    world.fate = lambda call: "rate_limited" if isinstance(call, ModifyOrder) else "ok"
    before = len(world.sent)
    world.kill()
    world.run(6, step_ms=50)

    assert 3 <= len([call for _, call in world.sent[before:] if isinstance(call, ModifyOrder)]) <= 6


def option(symbol: str, token: int) -> Instrument:
    return nifty(key=InstrumentKey(f"NFO:{symbol}"), token=token, kind=symbol[-2:], tick_size=Paise(5))


@pytest.mark.parametrize("calls", [1, 2])
def test_short_options_are_bought_back_before_longs_are_sold(calls: int) -> None:
    """With few calls left the buy-backs go first: sold the other way round, margin would run out in between."""
    world = held()
    turn = Turn(world.state, world.now, world.market_time)
    turn.change_control(sends=turn.control.sends.noted(world.now, turn.budget().second - calls))
    bracket = world.bracket
    wants = []
    for number, (symbol, side) in enumerate(
        [("NIFTY26DEC24000CE", Side.SELL), ("NIFTY26DECFUT", Side.BUY), ("NIFTY26DEC24500CE", Side.BUY)]
    ):
        plan = replace(bracket.plan, instrument=option(symbol, number).key)
        each = replace(bracket, plan=plan)
        wants.append(
            PlaceWant(Urgency.PROTECT, each, Leg.EXIT, side, OrderType.LIMIT, Quantity(65), Paise(100), Paise(0))
        )

    send_wants(turn, wants)

    assert [order.instrument for order in turn.orders if isinstance(order, PlaceOrder)] == [
        "NFO:NIFTY26DEC24500CE",
        "NFO:NIFTY26DEC24000CE",
    ][:calls]
