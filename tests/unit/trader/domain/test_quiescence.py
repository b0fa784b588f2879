"""A state rests only when time alone brings nothing that cannot wait for half a second."""

from tests.unit.trader.domain.test_protection import entering, fill_entry, protected
from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.events import FeedChanged
from trader.domain.quiescence import is_quiescent
from trader.domain.values import Leg


def test_a_live_engine_with_nothing_open_rests() -> None:
    """And so does one whose position stands between its stop and its target."""
    assert is_quiescent(World().start().state)
    assert is_quiescent(protected().state)


def test_whatever_is_on_its_way_ends_the_rest() -> None:
    """A working entry, a stop that triggered, a stream that is down, a kill until flat is proved."""
    world = entering()
    assert not is_quiescent(world.state)
    fill_entry(world, 65)
    assert not is_quiescent(world.state)

    world = protected()
    world.exchange.liquidity = False
    world.quote(world.order(Leg.STOP).trigger_price - 10)
    assert not is_quiescent(world.state)

    world = protected()
    world.feed(FeedChanged(world.now, world.market_time, up=False))
    assert not is_quiescent(world.state)

    world = protected()
    world.kill()
    assert not is_quiescent(world.state)
    world.run(3)
    assert is_quiescent(world.state)


def test_a_rest_is_never_longer_than_what_waits_for_a_tick() -> None:
    """A bracket without its target, refused for good, goes on being looked at."""
    world = World().start()
    world.fate = lambda call: "refused" if getattr(call, "leg", None) is Leg.TARGET else "ok"
    world.enter(NIFTY)
    world.run(5)
    assert not is_quiescent(world.state)
