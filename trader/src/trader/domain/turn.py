"""One step in the making: collects records and commands, and keeps the state that they lead to.

A Turn lives inside one call of `step` and never leaves it, so that the step stays pure however the turn is written. A record is
folded at the moment it is made: what follows in the same step already sees it.
"""

from typing import Any

from trader.domain.effects import (
    Announce,
    CancelOrder,
    Effect,
    ModifyOrder,
    Persist,
    PlaceOrder,
)
from trader.domain.evolving import evolve
from trader.domain.instruments import Instrument
from trader.domain.journal import fold, with_entry
from trader.domain.records import Record
from trader.domain.state import Control, EngineState, Market, Order, Track
from trader.domain.throttle import Budget, budget_left
from trader.domain.values import InstrumentKey, MachineTime, MarketTime, Standing, Tag

# Kite's own limits (kite.trade/docs/connect/v3/exceptions, read 2026-07-14): what holds until a profile says less.
_PER_SECOND, _PER_MINUTE, _PER_DAY = 10, 400, 5_000


class Turn:
    """The state so far and what leaves with it."""

    __slots__ = ("control", "durable", "market", "market_time", "now", "orders", "others", "records", "settings")

    def __init__(self, state: EngineState, now: MachineTime, market_time: MarketTime) -> None:
        self.settings = state.settings
        self.durable = state.durable
        self.market: Market = state.market
        self.control: Control = state.control
        self.now = now
        self.market_time = market_time
        self.records: list[Record] = []
        self.orders: list[PlaceOrder | ModifyOrder | CancelOrder] = []
        self.others: list[Effect] = []

    def record(self, record: Record) -> None:
        """Make a fact: folded now, persisted with this step."""
        self.durable = fold(self.durable, record)
        self.records.append(record)

    def announce(self, name: str, **fields: str | int) -> None:
        """Tell a business fact to log and events."""
        self.others.append(Announce(name, tuple(fields.items())))

    def change_control(self, **changes: Any) -> None:
        """Replace fields of the control part."""
        self.control = evolve(self.control, **changes)

    def track(self, order: Order) -> Track:
        """What is known of the order's road; an order that this process never saw begins its road now."""
        track = self.control.tracks.get(order.tag)
        return track if track is not None else Track(changed_at=self.now, planned_at=self.now)

    def set_track(self, tag: Tag, track: Track) -> None:
        """Remember the road of an order."""
        self.change_control(tracks=with_entry(self.control.tracks, tag, track))

    def instrument(self, key: InstrumentKey) -> Instrument | None:
        """The instrument, when the day's master has it."""
        return self.control.instruments.get(key)

    @property
    def may_touch_broker(self) -> bool:
        """Whether any order call may leave: some proof of leadership, and the book read once since it was gained (rule 1)."""
        control = self.control
        return (
            control.standing is not Standing.NONE
            and not control.is_fenced
            and control.book.requested_at is not None
            and control.book.requested_at >= control.gained_at
        )

    @property
    def is_market_open(self) -> bool:
        """Whether the exchange takes orders: outside its hours it refuses even exits."""
        session = self.market.session
        return session is not None and session.phase.is_continuous

    @property
    def is_killed(self) -> bool:
        """Whether a kill stands, or the engine has asked for one that is not confirmed yet."""
        return self.durable.kill is not None or self.control.kill_asked_at is not None

    def budget(self) -> Budget:
        """Order calls that are left at this moment, less those already in this turn (they are counted when emitted).

        The day's count is the account's: orders of other people and of older journals are counted from the broker's book.
        """
        profile = self.control.profile
        return budget_left(
            self.control.sends,
            self.now,
            profile.orders_per_second if profile else _PER_SECOND,
            profile.orders_per_minute if profile else _PER_MINUTE,
            (profile.orders_per_day if profile else _PER_DAY)
            - self.durable.orders_planned
            - self.control.orders_elsewhere,
        )

    def emit(self, order: PlaceOrder | ModifyOrder | CancelOrder, track: Track) -> None:
        """Send an order call: counted as an attempt, whatever becomes of it, and remembered on the order's road."""
        self.orders.append(order)
        control = self.control
        self.control = evolve(
            control,
            sends=control.sends.noted(self.now, 1),
            touched_at=self.now,
            tracks=with_entry(control.tracks, order.tag, track),
        )

    def finish(self) -> tuple[EngineState, tuple[Effect, ...]]:
        """The next state, and its effects: facts first, then orders, then the rest."""
        state = EngineState(self.settings, self.durable, self.market, self.control)
        facts: tuple[Effect, ...] = (Persist(tuple(self.records)),) if self.records else ()
        return state, (*facts, *self.orders, *self.others)
