"""Brackets and orders put together by hand, for tests of one decision at a time."""

from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.evolving import evolve
from trader.domain.records import BracketPlanned
from trader.domain.state import Bracket, EngineState, Order, Orders, Track
from trader.domain.tags import TagParts, encode_tag
from trader.domain.turn import Turn
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    IntentId,
    Leg,
    MachineTime,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)

INTENT = IntentId("ABCDEFGH")
PLAN = BracketPlanned(
    market_time=MarketTime(1),
    intent=INTENT,
    trading_date="2026-11-23",
    strategy="test",
    signal_key=SignalKey("key"),
    instrument=NIFTY,
    side=Side.BUY,
    quantity=Quantity(130),
    product=Product.MIS,
    entry_price=Paise(2_400_000),
    stop_price=Paise(2_395_000),
    target_price=Paise(2_407_500),
)
_TYPES = {Leg.STOP: OrderType.STOP_LIMIT}
_PRICES = {Leg.ENTRY: 2_400_000, Leg.STOP: 2_390_000, Leg.TARGET: 2_407_500, Leg.EXIT: 2_399_900}


def order(leg: Leg, **changes: object) -> Order:
    """A working order of a long bracket's leg, known to the broker, nothing filled."""
    epoch, attempt = Epoch(changes.get("epoch", 1)), changes.get("attempt", 0)  # type: ignore[arg-type]
    fields: dict[str, object] = {
        "tag": encode_tag(TagParts(epoch, INTENT, leg, attempt)),  # type: ignore[arg-type]
        "intent": INTENT,
        "leg": leg,
        "attempt": attempt,
        "epoch": epoch,
        "instrument": NIFTY,
        "side": Side.BUY if leg is Leg.ENTRY else Side.SELL,
        "order_type": _TYPES.get(leg, OrderType.LIMIT),
        "product": Product.MIS,
        "status": OrderStatus.WORKING,
        "order_id": BrokerOrderId(f"{leg.value}{epoch}{attempt}"),
        "quantity": Quantity(130),
        "filled_quantity": Quantity(0),
        "average_price": Paise(0),
        "price": Paise(_PRICES[leg]),
        "trigger_price": Paise(2_395_000 if leg is Leg.STOP else 0),
        "modifications": 0,
        "message": "",
    }
    return Order(**{**fields, **changes})  # type: ignore[arg-type]


def filled(leg: Leg, quantity: int = 130, price: int = 2_400_000, **changes: object) -> Order:
    """One that filled so much; complete when that is all of it."""
    status = OrderStatus.COMPLETE if quantity == changes.get("quantity", 130) else OrderStatus.WORKING
    fields = {"status": status, "filled_quantity": Quantity(quantity), "average_price": Paise(price), **changes}
    return order(leg, **fields)


def over(leg: Leg, status: OrderStatus, attempt: int = 0, **changes: object) -> Order:
    """One that ended without a fill."""
    return order(leg, status=status, attempt=attempt, **changes)


def bracket(*orders: Order, exiting: str = "", **plan: object) -> Bracket:
    """A bracket of these orders; `plan` changes its plan."""
    return Bracket(plan=evolve(PLAN, **plan), orders=Orders({each.tag: each for each in orders}), exiting=exiting)


def turn_of(world: World, which: Bracket, tracks: dict[Order, Track] | None = None, **control: object) -> Turn:
    """A turn of this world's state in which only this bracket is open."""
    state: EngineState = world.state
    known = {each.tag: track for each, track in (tracks or {}).items()}
    durable = evolve(state.durable, open={which.plan.intent: which})
    state = evolve(state, durable=durable, control=evolve(state.control, tracks=known, **control))
    return Turn(state, world.now, world.market_time)


def track(world: World, **changes: object) -> Track:
    """A road that began long ago."""
    long_ago = MachineTime(world.now - 60_000_000_000)
    return evolve(Track(changed_at=long_ago, planned_at=long_ago), **changes)
