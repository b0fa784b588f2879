"""Everything the domain can ask for, as one closed union. Effects are data; the engine makes them durable and performs them."""

from dataclasses import dataclass

from trader.domain.evolving import quick
from trader.domain.profiles import RiskProfile
from trader.domain.records import Record
from trader.domain.values import (
    BrokerOrderId,
    ConfigRefusal,
    ConfigVerdict,
    GuardCode,
    InstrumentKey,
    IntentId,
    KillReason,
    Leg,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalVerdict,
    Tag,
)


@dataclass(frozen=True, slots=True)
class Persist:
    """Append these facts to the journal, in this order, in the same commit as the orders of the same step."""

    records: tuple[Record, ...]


@quick
@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Write to the outbox, then send. `adds_risk` decides which proofs of leadership the store and the gate ask for."""

    tag: Tag
    intent: IntentId
    leg: Leg
    attempt: int
    adds_risk: bool
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    product: Product
    quantity: Quantity
    price: Paise
    trigger_price: Paise
    risk_generation: int
    """Rises with each kill, fence or loss of LIVE; the gate refuses an order of an older generation that adds risk."""


@quick
@dataclass(frozen=True, slots=True)
class ModifyOrder:
    """Change a working order. Modifications here never add risk. Fields left None stay as they are."""

    tag: Tag
    order_id: BrokerOrderId
    order_type: OrderType | None = None
    quantity: Quantity | None = None
    price: Paise | None = None
    trigger_price: Paise | None = None


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel a working order; ours, found by its tag or its id."""

    tag: Tag
    order_id: BrokerOrderId


@dataclass(frozen=True, slots=True)
class ReadBook:
    """Read the broker's order book; its answer comes as BookRead or ReadFailed."""


@dataclass(frozen=True, slots=True)
class ReadPositions:
    """Read the account's positions; its answer comes as PositionsRead or ReadFailed."""


@dataclass(frozen=True, slots=True)
class ReadFunds:
    """Read net liquidation; its answer comes as FundsRead or ReadFailed."""


@dataclass(frozen=True, slots=True)
class EngageKill:
    """The domain itself pulls the switch (daily loss, naked position): durable, and told to everybody."""

    reason: KillReason
    note: str


@dataclass(frozen=True, slots=True)
class GuardTripped:
    """An intent was denied; counted, logged and shown, never sent."""

    code: GuardCode
    instrument: InstrumentKey
    detail: str


@dataclass(frozen=True, slots=True)
class ConfigJudged:
    """The answer to an offered configuration, for whoever asked."""

    request: str
    config_hash: str
    verdict: ConfigVerdict
    refusal: ConfigRefusal | None
    detail: str


@dataclass(frozen=True, slots=True)
class SignalJudged:
    """The answer to a signal, for whoever brought it."""

    request: str
    verdict: SignalVerdict
    intent: IntentId
    """What it is called in brackets and tags."""
    code: GuardCode | None
    detail: str


@dataclass(frozen=True, slots=True)
class LoadInstruments:
    """Other underlyings or kinds may be traded, and nothing is open: load their instruments and listen to them."""

    profile: RiskProfile


@dataclass(frozen=True, slots=True)
class Announce:
    """A business fact for log and events: `name` in past-tense snake case, `fields` ready to print."""

    name: str
    fields: tuple[tuple[str, str | int], ...]


Effect = (
    Persist
    | PlaceOrder
    | ModifyOrder
    | CancelOrder
    | ReadBook
    | ReadPositions
    | ReadFunds
    | EngageKill
    | GuardTripped
    | ConfigJudged
    | SignalJudged
    | LoadInstruments
    | Announce
)
