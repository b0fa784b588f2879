"""Orders and facts to fill stores with."""

from trader.domain.effects import CancelOrder, PlaceOrder
from trader.domain.records import BracketClosed, BracketPlanned, DayOpened, OrderPlanned
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    Leg,
    MarketTime,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)

INSTRUMENT = InstrumentKey("NFO:NIFTY26DECFUT")
INTENT = IntentId("0000000A")


def place(
    epoch: int, *, leg: Leg = Leg.ENTRY, attempt: int = 1, intent: IntentId = INTENT, adds_risk: bool | None = None
) -> PlaceOrder:
    """A placement; entries add risk, everything else does not."""
    return PlaceOrder(
        tag=encode_tag(TagParts(Epoch(epoch), intent, leg, attempt)),
        intent=intent,
        leg=leg,
        attempt=attempt,
        adds_risk=leg is Leg.ENTRY if adds_risk is None else adds_risk,
        instrument=INSTRUMENT,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        quantity=Quantity(75),
        price=Paise(2_400_000),
        trigger_price=Paise(0),
        risk_generation=0,
    )


def cancel(of: PlaceOrder) -> CancelOrder:
    """The cancellation of a placed order."""
    return CancelOrder(of.tag, BrokerOrderId("1"))


def planned(order: PlaceOrder, epoch: int) -> OrderPlanned:
    """The fact of a placement."""
    return OrderPlanned(
        market_time=MarketTime(1),
        tag=order.tag,
        intent=order.intent,
        leg=order.leg,
        attempt=order.attempt,
        epoch=Epoch(epoch),
        instrument=order.instrument,
        side=order.side,
        order_type=order.order_type,
        product=order.product,
        quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
    )


def bracket(intent: IntentId = INTENT) -> BracketPlanned:
    """The fact of an intent."""
    return BracketPlanned(
        market_time=MarketTime(1),
        intent=intent,
        trading_date="2026-11-23",
        strategy="opening-range-breakout",
        signal_key=SignalKey(f"key-{intent}"),
        instrument=INSTRUMENT,
        side=Side.BUY,
        quantity=Quantity(75),
        product=Product.MIS,
        entry_price=Paise(2_400_000),
        stop_price=Paise(2_390_000),
        target_price=Paise(2_420_000),
    )


def closed(intent: IntentId = INTENT) -> BracketClosed:
    """The fact of its end."""
    return BracketClosed(MarketTime(2), intent, "target", Paise(1))


def day(date: str) -> DayOpened:
    """The fact of a new trading date."""
    return DayOpened(MarketTime(0), date, Paise(100_000_000))
