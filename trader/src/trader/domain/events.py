"""Everything that can happen to the engine, as one closed union.

Each event carries `at`, the machine time at which this process learned of it, and `market_time`, what the exchange's clock
showed then: the domain reads time from nowhere else.
"""

from dataclasses import dataclass

from trader.domain.evolving import quick
from trader.domain.instruments import Instrument
from trader.domain.profiles import Config, RiskProfile
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    KillReason,
    MachineTime,
    MarketTime,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
    Standing,
    Tag,
)

_NOTHING = Paise(0)


@quick
@dataclass(frozen=True, slots=True)
class Quote:
    """A tick of one instrument. Bid and ask are 0 when the packet carried no depth (indices)."""

    at: MachineTime
    market_time: MarketTime
    instrument: InstrumentKey
    last_price: Paise
    bid: Paise
    ask: Paise


@dataclass(frozen=True, slots=True)
class ClockTick:
    """Time has passed; the engine sends one every 100 ms or so, and deadlines are judged by it."""

    at: MachineTime
    market_time: MarketTime


@quick
@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One row of the broker's order book, or one order update, in our words.

    `status` is Kite's own text (`OPEN`, `TRIGGER PENDING`, `COMPLETE`, …): the set is documented as open-ended.
    """

    order_id: BrokerOrderId
    tag: Tag | None
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    product: Product
    status: str
    status_message: str
    quantity: Quantity
    filled_quantity: Quantity
    pending_quantity: Quantity
    price: Paise
    trigger_price: Paise
    average_price: Paise


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """The account's net position in one instrument and product; quantity is signed."""

    instrument: InstrumentKey
    product: Product
    quantity: Quantity
    average_price: Paise


@quick
@dataclass(frozen=True, slots=True)
class PlaceAccepted:
    """The broker answered a placement with an order id: received, not yet accepted by the exchange."""

    at: MachineTime
    market_time: MarketTime
    tag: Tag
    order_id: BrokerOrderId


@quick
@dataclass(frozen=True, slots=True)
class PlaceRefused:
    """The broker (or our own gate, before any byte left) refused for certain: no order exists."""

    at: MachineTime
    market_time: MarketTime
    tag: Tag
    message: str
    by_gate: bool = False
    kind: str = "refused"
    """`refused`: the broker or the exchange does not want this order. `rate_limited`, `token_dead`, `gate_closed`: it was not
    even looked at, which says nothing about the next attempt."""


@quick
@dataclass(frozen=True, slots=True)
class PlaceUnknown:
    """Time-out, reset, 5xx or an ambiguous 400: an order may exist. Only the book resolves it."""

    at: MachineTime
    market_time: MarketTime
    tag: Tag
    message: str


@quick
@dataclass(frozen=True, slots=True)
class MutationReply:
    """The answer to a modify or cancel of the order with this tag."""

    at: MachineTime
    market_time: MarketTime
    tag: Tag
    operation: str
    """`modify` or `cancel`."""
    outcome: str
    """`accepted`, `refused` or `unknown`."""
    message: str
    kind: str = "refused"
    """Of a refusal, as in `PlaceRefused`."""


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """The stream or a poll told of one order; may be late, repeated or out of order."""

    at: MachineTime
    market_time: MarketTime
    order: BrokerOrder


@quick
@dataclass(frozen=True, slots=True)
class BookRead:
    """The broker's whole order book. Judges only orders whose last local event is older than `requested_at`."""

    at: MachineTime
    market_time: MarketTime
    requested_at: MachineTime
    orders: tuple[BrokerOrder, ...]


@quick
@dataclass(frozen=True, slots=True)
class PositionsRead:
    """The account's positions; a difference counts when two successive reads agree."""

    at: MachineTime
    market_time: MarketTime
    requested_at: MachineTime
    positions: tuple[BrokerPosition, ...]


@dataclass(frozen=True, slots=True)
class FundsRead:
    """Net liquidation value of the account: opening cash and collateral, plus realised and unrealised profit."""

    at: MachineTime
    market_time: MarketTime
    net_liquidation: Paise


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read of the book, positions or funds failed; the engine will ask again."""

    at: MachineTime
    market_time: MarketTime
    what: str
    """`book`, `positions` or `funds`."""
    message: str


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """Leadership gained, reduced or lost."""

    at: MachineTime
    market_time: MarketTime
    standing: Standing
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class FeedChanged:
    """The stream connected (`up`) or was lost. After each gap the book is read before any new risk."""

    at: MachineTime
    market_time: MarketTime
    up: bool


@dataclass(frozen=True, slots=True)
class InstrumentsLoaded:
    """The day's instrument master, cut to what the profile allows, with circuit limits and freeze quantities."""

    at: MachineTime
    market_time: MarketTime
    instruments: tuple[Instrument, ...]


@dataclass(frozen=True, slots=True)
class ProfileApplied:
    """The configuration that this process was started with: its files are the operator's word."""

    at: MachineTime
    market_time: MarketTime
    profile: RiskProfile
    config_hash: str
    stage: str = ""


@dataclass(frozen=True, slots=True)
class ConfigOffered:
    """Another configuration for the running engine: it tightens at once, and loosens by stage only (domain.configuring)."""

    at: MachineTime
    market_time: MarketTime
    request: str
    """Names the offer; its answer, `ConfigJudged`, carries it."""
    epoch: Epoch
    """The leadership that it is meant for."""
    replaces: str
    """The hash that is believed to be in force."""
    config: Config
    is_promoted: bool
    """The operator's word that this hash has earned this stage; nothing else lets a limit loosen."""


@quick
@dataclass(frozen=True, slots=True)
class EntrySignal:
    """What somebody else decided: enter here, be wrong there, be done there."""

    key: SignalKey
    """Its identity: the same key on the same day is the same signal."""
    instrument: InstrumentKey
    side: Side
    entry_price: Paise | None
    """The worst price that the entry may pay; None leaves it to the strategy."""
    stop_price: Paise
    target_price: Paise
    trail_distance: Paise = _NOTHING
    trail_step: Paise = _NOTHING


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """Somebody brought in a signal for one of the session's strategies."""

    at: MachineTime
    market_time: MarketTime
    request: str
    """Names the question; its answer, `SignalJudged`, carries it."""
    strategy: str
    signal: EntrySignal


@dataclass(frozen=True, slots=True)
class ModeWanted:
    """What the desk wants: `live` False or `suspended` True means reduce until flat, then rest in PAPER."""

    at: MachineTime
    market_time: MarketTime
    live: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class PreflightJudged:
    """Whether new risk may be taken at all (token, clock, tables of the day); `message` says what is missing."""

    at: MachineTime
    market_time: MarketTime
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class KillEngaged:
    """The kill switch: flatten and stay HALTED until this very kill is released."""

    at: MachineTime
    market_time: MarketTime
    kill_id: str
    reason: KillReason
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class KillReleased:
    """Releases the kill with this id, no other."""

    at: MachineTime
    market_time: MarketTime
    kill_id: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The store made these orders durable (outbox), so they may be on the wire from now on."""

    at: MachineTime
    market_time: MarketTime
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class CommitRefused:
    """The store refused the outbox rows (epoch, holder or kill): nothing of them was or will be sent."""

    at: MachineTime
    market_time: MarketTime
    tags: tuple[Tag, ...]
    message: str


Event = (
    Quote
    | ClockTick
    | PlaceAccepted
    | PlaceRefused
    | PlaceUnknown
    | MutationReply
    | OrderUpdated
    | BookRead
    | PositionsRead
    | FundsRead
    | ReadFailed
    | StandingChanged
    | FeedChanged
    | InstrumentsLoaded
    | ProfileApplied
    | ConfigOffered
    | SignalReceived
    | ModeWanted
    | PreflightJudged
    | KillEngaged
    | KillReleased
    | Committed
    | CommitRefused
)
