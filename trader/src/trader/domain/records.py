"""The facts that the journal keeps: the durable part of the state is a fold over them, `replay(journal) == state`.

Quotes and clock ticks are not facts; the prices that led to a decision stand in the record of the decision.
"""

from dataclasses import dataclass

from trader.domain.evolving import quick
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

_NOTHING = Paise(0)


@quick
@dataclass(frozen=True, slots=True)
class BracketPlanned:
    """A signal became an intent: its key is burned for the day, whatever happens next."""

    market_time: MarketTime
    intent: IntentId
    trading_date: str
    strategy: str
    signal_key: SignalKey
    instrument: InstrumentKey
    side: Side
    quantity: Quantity
    product: Product
    entry_price: Paise
    stop_price: Paise
    target_price: Paise
    trail_distance: Paise = _NOTHING
    """How far behind the price the stop follows; 0 leaves it where it is."""
    trail_step: Paise = _NOTHING
    """The least gain that is worth a modification."""


@quick
@dataclass(frozen=True, slots=True)
class OrderPlanned:
    """An order exists in our book from here on; its tag is never used again."""

    market_time: MarketTime
    tag: Tag
    intent: IntentId
    leg: Leg
    attempt: int
    epoch: Epoch
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    product: Product
    quantity: Quantity
    price: Paise
    trigger_price: Paise


@quick
@dataclass(frozen=True, slots=True)
class OrderChanged:
    """What we know of an order changed; fills only grow, a terminal status is terminal."""

    market_time: MarketTime
    tag: Tag
    status: OrderStatus
    order_id: BrokerOrderId | None
    quantity: Quantity
    filled_quantity: Quantity
    average_price: Paise
    price: Paise
    trigger_price: Paise
    modifications: int
    message: str
    order_type: OrderType | None = None
    """The type after a modification; None leaves it (a stop becomes a LIMIT when it is turned into the exit)."""
    charges: Paise = _NOTHING
    """What all its fills cost beside their price, by the table of that day."""
    reprices: int = 0
    """How many of its modifications priced it as an exit."""


@quick
@dataclass(frozen=True, slots=True)
class BracketClosed:
    """Every order of the bracket is terminal and its position is zero (or was closed by somebody else)."""

    market_time: MarketTime
    intent: IntentId
    reason: str
    profit: Paise
    """After charges."""


@dataclass(frozen=True, slots=True)
class KillStood:
    """A kill stands from here on."""

    market_time: MarketTime
    kill_id: str
    reason: KillReason
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class KillEnded:
    """That kill was released."""

    market_time: MarketTime
    kill_id: str


@dataclass(frozen=True, slots=True)
class DayOpened:
    """A new trading date: burned signals, profit of the day and opening net liquidation start anew."""

    market_time: MarketTime
    trading_date: str
    net_liquidation: Paise


@dataclass(frozen=True, slots=True)
class BracketExiting:
    """From here on the bracket is only closed: its entry is cancelled, what it holds is sold or bought back."""

    market_time: MarketTime
    intent: IntentId
    reason: str


@quick
@dataclass(frozen=True, slots=True)
class ClosedOutside:
    """Somebody else closed part of what the bracket held; `quantity` is signed as the closing trade was."""

    market_time: MarketTime
    intent: IntentId
    quantity: int
    price: Paise
    """The last price when it was noticed: what the trade really paid is not ours to know."""


@dataclass(frozen=True, slots=True)
class ForeignPosition:
    """This much of the account's position in the instrument is not ours; 0 when it is gone."""

    market_time: MarketTime
    instrument: InstrumentKey
    quantity: int


@dataclass(frozen=True, slots=True)
class FlatProven:
    """The broker's book and positions proved us flat under the kill that stands."""

    market_time: MarketTime
    kill_id: str


@dataclass(frozen=True, slots=True)
class ConfigTaken:
    """These limits hold from here on. Lists are joined by commas: a record holds plain values only."""

    market_time: MarketTime
    started_with: str
    """The hash of the files that the process was started with."""
    config_hash: str
    stage: str
    name: str
    per_trade_risk_ppm: int
    max_heat_ppm: int
    max_daily_loss_ppm: int
    underlyings: str
    kinds: str
    orders_per_second: int
    orders_per_minute: int
    orders_per_day: int
    market_data_stale_after: int
    order_stream_stale_after: int
    entry_slices: int = 1


Record = (
    BracketPlanned
    | OrderPlanned
    | OrderChanged
    | BracketClosed
    | KillStood
    | KillEnded
    | DayOpened
    | BracketExiting
    | ClosedOutside
    | ForeignPosition
    | FlatProven
    | ConfigTaken
)
