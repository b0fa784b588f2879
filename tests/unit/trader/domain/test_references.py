"""The reference price of limit price protection, and what exits make of it."""

from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.effects import ModifyOrder, PlaceOrder
from trader.domain.guards import judge, make_case
from trader.domain.prices import within_protection
from trader.domain.references import reference_price
from trader.domain.strategies import Intent
from trader.domain.turn import Turn
from trader.domain.values import GuardCode, InstrumentKey, Leg, Paise, Side, SignalKey
from trader.domain.views import view


def reference(world: World) -> int:
    return reference_price(Turn(world.state, world.now, world.market_time), NIFTY)


def listening() -> World:
    world = World().start()
    world.run(1)
    return world


def test_the_reference_is_the_average_of_half_a_minute() -> None:
    """One price a second counts, older than thirty seconds none."""
    world = listening()
    for price in [2_300_000] * 10 + [2_400_000] * 20 + [2_402_000] * 10:
        world.quote(price)
        world.run(1, step_ms=1_000)

    assert reference(world) == (20 * 2_400_000 + 10 * 2_402_000) // 30


def test_before_anything_is_known_it_is_the_last_price() -> None:
    """And nothing at all without a quote; after a silence the average of long ago says nothing."""
    world = listening()
    assert reference(world) == 0
    world.quote(2_400_000)
    assert reference(world) == 2_400_000
    world.run(60, step_ms=1_000)
    world.quote(2_500_000)

    assert reference(world) == 2_500_000
    assert reference_price(Turn(world.state, world.now, world.market_time), InstrumentKey("NFO:X")) == 0


def test_an_exit_follows_the_market_until_the_exchange_refuses_it() -> None:
    """In a jump the first limit is priced where it trades; a refusal brings the next inside the reference's range."""
    world = World().start()
    world.enter()
    world.pump()
    world.run(5, step_ms=1_000)
    before = reference(world)
    world.exchange.liquidity = False
    world.fate = lambda call: "refused" if isinstance(call, ModifyOrder) else "ok"

    world.quote(before * 96 // 100, matches=False)
    world.kill()
    (first,) = [call for call in world.calls if isinstance(call, ModifyOrder)]
    assert first.price is not None
    assert not within_protection(Side.SELL, first.price, world.instruments[0], before)
    world.pump()
    world.run(3)

    later = [call for _, call in world.sent if isinstance(call, PlaceOrder) and call.leg is Leg.EXIT]
    assert within_protection(Side.SELL, later[0].price, world.instruments[0], reference(world))
    assert not view(world.state).orphans


def test_an_entry_beyond_the_protection_is_never_sent() -> None:
    """FREEZE_BAND names the reference: the exchange would refuse it, or a spike would fill it."""
    world = listening()
    world.quote(2_400_000)
    turn = Turn(world.state, world.now, world.market_time)
    intent = Intent("s", SignalKey("k"), NIFTY, Side.BUY, Paise(2_449_000), Paise(2_445_000), Paise(2_455_000))

    found = judge(make_case(turn, intent))

    assert found is not None
    assert (found.code, "2400000" in found.detail) == (GuardCode.FREEZE_BAND, True)
