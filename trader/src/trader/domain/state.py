"""The engine's whole state, as one frozen value in three parts.

* `durable`: a fold over the journal's records and nothing else, so that `replay(journal) == durable`.
* `market`: quotes, the session and what strategies remember of it; changes with every tick, never journalled.
* `control`: what this process holds and has heard (standing, feed, reads, orders in flight); a restart begins it anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trader.domain.calendars import Calendar, Session
from trader.domain.charges import ChargeTable
from trader.domain.events import BrokerOrder, KillEngaged, PositionsRead, Quote
from trader.domain.evolving import quick
from trader.domain.instruments import Instrument
from trader.domain.profiles import Config, RiskProfile
from trader.domain.records import BracketPlanned, ConfigTaken, KillStood
from trader.domain.samples import Reference, SpreadNormal
from trader.domain.strategies import Memory, Strategy
from trader.domain.tactics import Tactics, Timing
from trader.domain.throttle import Sends
from trader.domain.values import (
    AccountId,
    BrokerOrderId,
    Epoch,
    InstrumentKey,
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
    Standing,
    Tag,
    TradingState,
)

_NOTHING = Paise(0)
_NO_TIME = MachineTime(0)
_NO_EPOCH = Epoch(0)
_REJECTED, _ABSENT = OrderStatus.REJECTED, OrderStatus.ABSENT


class ForeignPolicy(StrEnum):
    """What orders and positions that are not ours do to new risk (rule 8)."""

    REFUSE = "Refuse"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What one engine is built with; a change of it is a new engine."""

    account: AccountId
    calendar: Calendar
    strategies: tuple[Strategy, ...] = ()
    foreign: ForeignPolicy = ForeignPolicy.REFUSE
    product: Product = Product.MIS
    timing: Timing = field(default_factory=Timing)
    tactics: Tactics = field(default_factory=Tactics)
    charges: ChargeTable = field(default_factory=ChargeTable)


@quick
@dataclass(frozen=True, slots=True)
class Order:
    """One order of ours. Fills only grow; a terminal status from the broker stays."""

    tag: Tag
    intent: IntentId
    leg: Leg
    attempt: int
    epoch: Epoch
    instrument: InstrumentKey
    side: Side
    order_type: OrderType
    product: Product
    status: OrderStatus
    order_id: BrokerOrderId | None
    quantity: Quantity
    filled_quantity: Quantity
    average_price: Paise
    price: Paise
    trigger_price: Paise
    modifications: int
    message: str
    charges: Paise = _NOTHING
    """What its fills cost beside their price."""
    reprices: int = 0
    """How many of its modifications priced it as an exit."""

    @property
    def remaining(self) -> int:
        """What may still fill; nothing once the order is over."""
        return 0 if self.status.is_terminal else max(0, self.quantity - self.filled_quantity)

    @property
    def is_settled(self) -> bool:
        """Whether the broker itself ended it, and told what its fills cost: nothing but a late fill can still arrive."""
        is_ended = self.status.is_terminal and self.status is not _ABSENT and self.order_id is not None
        return is_ended and (self.average_price != 0 or not self.filled_quantity)


class Orders(dict[Tag, Order]):
    """The orders of one bracket, by tag. Never changed once made, so that what every step asks of them is counted once: when it is
    first asked for, since most of them are replaced before anybody asks.
    """

    net: int
    """Signed quantity of all fills."""
    cash_flow: int
    charges: int
    entry_filled: int
    entry_value: int
    exits_filled: int
    has_failed: bool
    """Whether one was refused, or never was."""
    duplicates: int
    """Orders beyond the first that the broker accepted for one leg and attempt, whatever the epoch."""
    live: tuple[Order, ...]
    """Orders that may still fill."""
    live_of: dict[Leg, tuple[Order, ...]]
    settled: dict[Tag, tuple[BrokerOrderId | None, int]]
    """Of each order that is settled, its id and its fills: a row of the broker's that says just this tells nothing."""
    __slots__ = tuple(__annotations__)

    def with_order(self, order: Order) -> "Orders":
        """These and one more, or one of them as it is now."""
        changed = Orders(self)
        changed[order.tag] = order
        return changed

    def __getattr__(self, name: str) -> Any:
        """A slot that is still empty: count them all."""
        if name not in Orders.__slots__:
            raise AttributeError(name)
        self._count()
        return getattr(self, name)

    def _count(self) -> None:
        self.net = self.cash_flow = self.charges = self.entry_filled = self.entry_value = self.exits_filled = 0
        self.has_failed, self.settled, live, accepted = False, {}, [], []
        for order in self.values():
            status = order.status
            if not status.is_terminal:
                live.append(order)
            elif status is _REJECTED or status is _ABSENT:
                self.has_failed = True
            if order.filled_quantity:
                self._count_fills(order, order.filled_quantity)
            if order.is_settled:
                self.settled[order.tag] = order.order_id, order.filled_quantity
            if order.order_id is not None and status is not _REJECTED:
                accepted.append((order.leg, order.attempt))
        self.duplicates = len(accepted) - len(set(accepted))
        self.live, self.live_of = tuple(live), {}
        for order in live:
            self.live_of[order.leg] = (*self.live_of.get(order.leg, ()), order)

    def _count_fills(self, order: Order, filled: int) -> None:
        signed = order.side.sign * filled
        self.net += signed
        self.cash_flow -= signed * order.average_price + order.charges
        self.charges += order.charges
        if order.leg is Leg.ENTRY:
            self.entry_filled += filled
            self.entry_value += filled * order.average_price
        else:
            self.exits_filled += filled


@quick
@dataclass(frozen=True, slots=True)
class Bracket:
    """An intent and every order that ever served it."""

    plan: BracketPlanned
    orders: Orders
    exiting: str = ""
    """Why it is being closed; empty while it may run to its stop or target."""
    closed_outside: int = 0
    """Signed quantity that somebody else closed for us."""
    outside_value: int = 0
    """Signed quantity closed outside x the price it was valued at, in paise."""


@quick
@dataclass(frozen=True, slots=True)
class Durable:
    """The fold over the journal."""

    trading_date: str = ""
    opening_net_liquidation: Paise = _NOTHING
    open: Mapping[IntentId, Bracket] = field(default_factory=dict)
    closed: Mapping[IntentId, Bracket] = field(default_factory=dict)
    profit_booked: Mapping[IntentId, Paise] = field(default_factory=dict)
    """Profit of each closed bracket of the day."""
    day_booked: Paise = _NOTHING
    """Their sum."""
    orders_planned: int = 0
    kill: KillStood | None = None
    flat_at: MarketTime | None = None
    """When the broker's book proved us flat under the kill that stands."""
    foreign: Mapping[InstrumentKey, int] = field(default_factory=dict)
    """Signed quantity of each instrument that is in the account and not ours."""
    config: ConfigTaken | None = None
    """The limits that were last in force."""


@quick
@dataclass(frozen=True, slots=True)
class Mutation:
    """The one modify or cancel of an order that is in flight."""

    operation: str
    sent_at: MachineTime
    order_type: OrderType
    quantity: Quantity
    price: Paise
    trigger_price: Paise


@quick
@dataclass(frozen=True, slots=True)
class Track:
    """What this process knows of an order's road, beyond what the journal keeps."""

    changed_at: MachineTime
    """The last local event: a snapshot asked for earlier says nothing about the order."""
    planned_at: MachineTime
    doubt_since: MachineTime | None = None
    is_committed: bool = False
    seen_at: MachineTime | None = None
    """When the broker first showed it."""
    broker_status: str = ""
    triggered_since: MachineTime | None = None
    mutation: Mutation | None = None
    mutated_at: MachineTime = _NO_TIME
    """When the last mutation was sent."""
    mutation_refusals: int = 0
    unheard: int = 0
    """Modifies and cancels in a row that the broker did not look at (rate limit, dead token, closed gate)."""
    reprices: int = 0
    absent_reads: int = 0


@quick
@dataclass(frozen=True, slots=True)
class ReadTrack:
    """One kind of read: when it was last asked for and last answered."""

    asked_at: MachineTime | None = None
    answered_at: MachineTime | None = None
    requested_at: MachineTime | None = None
    """When the request of the last answer was sent."""
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What one positions read showed that our fills do not explain, per instrument, and when that read arrived."""

    noticed_at: MachineTime
    quantities: Mapping[InstrumentKey, int]
    """The account's quantity of each instrument that differs."""


@quick
@dataclass(frozen=True, slots=True)
class Market:
    """What changes with every tick."""

    now: MachineTime
    market_time: MarketTime
    session: Session | None
    quotes: Mapping[InstrumentKey, Quote]
    memory: Mapping[tuple[str, InstrumentKey], Memory]
    """What each strategy remembers of each instrument."""
    spreads: Mapping[InstrumentKey, SpreadNormal]
    references: Mapping[InstrumentKey, Reference]


@quick
@dataclass(frozen=True, slots=True)
class Control:
    """What this process holds, has been told, and has on its way."""

    standing: Standing = Standing.NONE
    epoch: Epoch = _NO_EPOCH
    is_fenced: bool = False
    """The store refused our epoch: nothing more until the standing changes."""
    trading_state: TradingState = TradingState.PAPER
    message: str = "does not lead"
    """What keeps it from LIVE; empty in LIVE."""
    was_live: bool = False
    risk_generation: int = 0
    is_feed_up: bool = False
    feed_lost_at: MachineTime = _NO_TIME
    instruments: Mapping[InstrumentKey, Instrument] = field(default_factory=dict)
    started_with: Config | None = None
    """The configuration of the process's files."""
    profile: RiskProfile | None = None
    """The limits in force: the only ones that guards, sizing and budget look at."""
    config: Config | None = None
    """The last configuration that came into force whole."""
    config_noted: bool = False
    """Whether the journal has what is in force."""
    config_waiting: Config | None = None
    """What was promoted, and loosens something once nothing is open; what it tightens is in force already."""
    loaded_for: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """The underlyings and kinds that the instruments were last asked for."""
    wants_live: bool | None = None
    """None until the desk's wish is known: then nothing new is risked, and nothing is closed for it either."""
    is_suspended: bool = False
    preflight_passed: bool = False
    preflight_message: str = "preflight has not run yet"
    muted: tuple[str, ...] = ()
    """Strategies that failed: they are asked for nothing more."""
    heard_kill: KillEngaged | None = None
    """A kill that came while this process led nothing: its first fact once it leads."""
    kill_asked_at: MachineTime | None = None
    """When the engine itself asked for a kill that is not confirmed yet."""
    net_liquidation: Paise | None = None
    tracks: Mapping[Tag, Track] = field(default_factory=dict)
    book: ReadTrack = field(default_factory=ReadTrack)
    positions: ReadTrack = field(default_factory=ReadTrack)
    funds: ReadTrack = field(default_factory=ReadTrack)
    gained_at: MachineTime = _NO_TIME
    """When leadership was gained: only reads asked for later count."""
    agreements: int = 0
    """Book reads in a row that changed nothing."""
    agreements_needed: int = 2
    position_agreements: int = 0
    """Position reads in a row, asked for after our last order event, that showed what our fills say."""
    touched_at: MachineTime = _NO_TIME
    """When we last sent an order call or heard of an order of ours."""
    last_positions: PositionsRead | None = None
    suspicion: Suspicion | None = None
    """Position differences that one read showed; a book and a second read make them count."""
    copies: int = 0
    """Orders of the broker's book under a tag that another order of ours has: somebody used it a second time."""
    told: Mapping[BrokerOrderId, Quantity] = field(default_factory=dict)
    """Of the rows of the broker's book that say no more than that a settled order is settled: their fills."""
    foreign_orders: Mapping[BrokerOrderId, BrokerOrder] = field(default_factory=dict)
    """Working orders of the account that are not ours."""
    foreign_fills: Mapping[BrokerOrderId, int] = field(default_factory=dict)
    """What each order that is not ours has traded, so that the same fill in every book is news once."""
    foreign_flow: Mapping[InstrumentKey, int] = field(default_factory=dict)
    """Signed quantity of fills that are not ours and that no read of the positions has settled yet: what they must have moved."""
    foreign_moved_at: MachineTime = _NO_TIME
    """When a fill that is not ours was last told: the positions are read until they say what it did."""
    filled_at: Mapping[InstrumentKey, MachineTime] = field(default_factory=dict)
    """When we last learned of a fill of ours."""
    reduced_at: Mapping[InstrumentKey, MachineTime] = field(default_factory=dict)
    """When we last learned of a fill of ours that was no entry's."""
    orders_elsewhere: int = 0
    """Orders of the account's day that our journal does not know: other people's, and what an older journal held."""
    limited_at: MachineTime = _NO_TIME
    """When the broker last counted too many calls: it goes on refusing until its minute is over."""
    sends: Sends = field(default_factory=Sends)


@quick
@dataclass(frozen=True, slots=True)
class EngineState:
    """All of it."""

    settings: EngineSettings
    durable: Durable
    market: Market
    control: Control


def initial_state(settings: EngineSettings) -> EngineState:
    """The state of a process that has heard nothing yet: PAPER, no standing, no book."""
    market = Market(
        now=MachineTime(0), market_time=MarketTime(0), session=None, quotes={}, memory={}, spreads={}, references={}
    )
    return EngineState(settings=settings, durable=Durable(), market=market, control=Control())
