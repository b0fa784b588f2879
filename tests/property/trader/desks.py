"""A live world with one signal's entry, cheap enough to be made for every example."""

from tests.unit.trader.domain.world import NIFTY, World, profile, settings
from trader.domain.events import EntrySignal, SignalReceived
from trader.domain.signal_intake import SignalIntake
from trader.domain.state import ForeignPolicy
from trader.domain.strategies import Strategy
from trader.domain.values import BrokerOrderId, Leg, OrderStatus, Paise, Side, SignalKey

LOT, QUANTITY = 65, 1_755
LOTS = QUANTITY // LOT
ENTRY, STOP, TARGET = 2_400_050, 2_396_000, 2_408_000
PATIENT: tuple[Strategy, ...] = (SignalIntake(entry_timeout_seconds=3_600),)


def live(foreign: ForeignPolicy = ForeignPolicy.REFUSE, slices: int = 1, kind: type[World] = World) -> World:
    """LIVE, with a quote, an exchange that fills nothing by itself, and no replay after each step."""
    world = kind(settings=settings(foreign=foreign, strategies=PATIENT), replays_always=False)
    world.profile = profile(entry_slices=slices)
    world.exchange.liquidity = False
    world.start()
    world.quote(2_400_000)
    return world


def signal(world: World, key: str = "k", side: Side = Side.BUY) -> None:
    """Bring a signal: nothing is answered yet."""
    stop, target = (STOP, TARGET) if side is Side.BUY else (2_404_000, 2_392_000)
    what = EntrySignal(SignalKey(key), NIFTY, side, None, Paise(stop), Paise(target))
    world.feed(SignalReceived(world.now, world.market_time, "r", "signal-intake", what))


def entered(side: Side = Side.BUY, kind: type[World] = World) -> World:
    """One entry works at the exchange."""
    world = live(kind=kind)
    signal(world, side=side)
    world.pump()
    assert world.order(Leg.ENTRY).status is OrderStatus.WORKING or world.order(Leg.ENTRY).order_id is not None
    return world


def holding(lots: int = QUANTITY // LOT, kind: type[World] = World) -> World:
    """So many lots are held, with stop and target."""
    world = entered(kind=kind)
    order_id = world.order(Leg.ENTRY).order_id
    assert order_id is not None
    world.exchange.fill(order_id, lots * LOT)
    world.pump()
    return world


def working(world: World, leg: Leg) -> BrokerOrderId:
    """The exchange's id of the leg's latest order."""
    order_id = world.order(leg).order_id
    assert order_id is not None
    return order_id
