"""A small trading day as the journal has it."""

from trader.domain.records import (
    BracketClosed,
    BracketExiting,
    BracketPlanned,
    DayOpened,
    KillEnded,
    KillStood,
    OrderChanged,
    OrderPlanned,
    Record,
)
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    KillReason,
    Leg,
    MarketTime,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
    Tag,
)

DATE = "2026-11-23"
INTENT, OTHER = IntentId("B4EHRNY1"), IntentId("Z28EHKEP")
FUTURE = InstrumentKey("NFO:NIFTY26DECFUT")
NINE_THIRTY = 1_795_406_400_000_000_000
"""2026-11-23 09:30 in India."""


def at(minute: int) -> MarketTime:
    """So many minutes after half past nine."""
    return MarketTime(NINE_THIRTY + minute * 60_000_000_000)


def tag(intent: IntentId, leg: Leg, epoch: int = 1) -> Tag:
    """Of the first attempt."""
    return encode_tag(TagParts(Epoch(epoch), intent, leg, 0))


def planned(intent: IntentId, minute: int) -> BracketPlanned:
    """65 to buy at 24,000, stop at 23,900, target at 24,200."""
    return BracketPlanned(
        at(minute),
        intent,
        DATE,
        "opening-range-breakout",
        SignalKey(intent),
        FUTURE,
        Side.BUY,
        Quantity(65),
        Product.MIS,
        Paise(2_400_000),
        Paise(2_390_000),
        Paise(2_420_000),
    )


def ordered(intent: IntentId, leg: Leg, minute: int, epoch: int = 1) -> OrderPlanned:
    """An order of it."""
    side = Side.BUY if leg is Leg.ENTRY else Side.SELL
    return OrderPlanned(
        at(minute),
        tag(intent, leg, epoch),
        intent,
        leg,
        0,
        Epoch(epoch),
        FUTURE,
        side,
        OrderType.LIMIT,
        Product.MIS,
        Quantity(65),
        Paise(2_400_000),
        Paise(0),
    )


def changed(  # noqa: PLR0917 - one for each thing that changes
    intent: IntentId,
    leg: Leg,
    minute: int,
    status: OrderStatus,
    filled: int = 0,
    average: int = 0,
    charges: int = 0,
    message: str = "",
    epoch: int = 1,
) -> OrderChanged:
    """What became of it."""
    return OrderChanged(
        at(minute),
        tag(intent, leg, epoch),
        status,
        BrokerOrderId("1"),
        Quantity(65),
        Quantity(filled),
        Paise(average),
        Paise(2_400_000),
        Paise(0),
        0,
        message,
        charges=Paise(charges),
    )


def won(intent: IntentId, minute: int, epoch: int = 1) -> list[Record]:
    """Bought at 24,000, sold at its target of 24,200: 13,000 rupees less 100 of charges."""
    return [
        planned(intent, minute),
        ordered(intent, Leg.ENTRY, minute, epoch),
        changed(intent, Leg.ENTRY, minute, OrderStatus.COMPLETE, 65, 2_400_000, 5_000, epoch=epoch),
        ordered(intent, Leg.TARGET, minute, epoch),
        changed(intent, Leg.TARGET, minute + 1, OrderStatus.COMPLETE, 65, 2_420_000, 5_000, epoch=epoch),
        BracketClosed(at(minute + 1), intent, "target", Paise(1_290_000)),
    ]


OPENED = DayOpened(at(-15), DATE, Paise(500_000_000))
NEXT_DAY = DayOpened(at(1440), "2026-11-24", Paise(501_290_000))
KILL = KillStood(at(30), "kill-1a2b", KillReason.MANUAL, "broker looks odd", "api desk")
RELEASED = KillEnded(at(40), "kill-1a2b")
EXITING = BracketExiting(at(30), INTENT, "killed")
