"""What the outside may see of the state: `/v1/state`, metrics and the Lease's report are derived from `view(state)`."""

from dataclasses import dataclass

from trader.domain.records import KillStood
from trader.domain.state import EngineState
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    MarketTime,
    OrderStatus,
    Paise,
    Side,
    Standing,
    Tag,
    TradingState,
)


@dataclass(frozen=True, slots=True)
class PositionView:
    """Our own position in one instrument."""

    instrument: InstrumentKey
    quantity: int
    average_price: Paise
    last_price: Paise
    profit: Paise


@dataclass(frozen=True, slots=True)
class OrderView:
    """The latest order of one leg."""

    tag: Tag
    order_id: BrokerOrderId | None
    status: OrderStatus
    attempt: int
    quantity: int
    filled_quantity: int
    price: Paise
    trigger_price: Paise
    average_price: Paise
    message: str


@dataclass(frozen=True, slots=True)
class BracketView:
    """One open bracket. `state` is entering, protected, unprotected, exiting or reversed."""

    intent: IntentId
    instrument: InstrumentKey
    side: Side
    quantity: int
    held: int
    state: str
    exiting: str
    entry: OrderView | None
    stop: OrderView | None
    target: OrderView | None
    exit: OrderView | None


@dataclass(frozen=True, slots=True)
class StateView:
    """One consistent picture."""

    trading_state: TradingState
    message: str
    """What keeps it from LIVE; empty in LIVE."""
    standing: Standing
    epoch: Epoch
    risk_generation: int
    config_hash: str
    market_time: MarketTime
    trading_date: str
    kill: KillStood | None
    flat_at: MarketTime | None
    is_flat: bool
    """Proved by the broker's book and positions (rule 5)."""
    is_provisional: bool
    """Flat but for orders in doubt."""
    positions: tuple[PositionView, ...]
    brackets: tuple[BracketView, ...]
    orders_placed: int
    working_orders: int
    in_doubt_orders: int
    duplicates: int
    """Pairs of orders that the broker accepted for the same intent, leg and attempt; must be 0."""
    orphans: int
    """Working exits of brackets that hold nothing."""
    naked: int
    """Brackets that hold a quantity without a stop or exit for all of it."""
    heat: Paise
    day_profit: Paise
    net_liquidation: Paise


def view(state: EngineState) -> StateView:
    """The picture of this state; pure, cheap enough for every scrape."""
    raise NotImplementedError
