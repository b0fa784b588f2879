"""A trading day in figures, from the facts of the journal alone: they were written down before anything was sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trader.domain.brackets import entry_price, position_of
from trader.domain.journal import fold
from trader.domain.positions import bracket_profit
from trader.domain.records import (
    BracketExiting,
    ClosedOutside,
    DayOpened,
    ForeignPosition,
    KillEnded,
    KillStood,
    OrderChanged,
    OrderPlanned,
    Record,
)
from trader.domain.state import Bracket, Durable
from trader.domain.values import IntentId, KillReason, Leg, MarketTime, OrderStatus, Paise, Tag

_PLANNED_ENDS = frozenset({"session_end", "end_of_day", "paper_wanted"})
"""Why a bracket is closed on purpose; anything else that closes one is worth a look."""
_WILLED_ENDS = frozenset({"killed", "suspended"})
"""Closed early because somebody said so: told in the report, and no fault of the day."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One bracket of the day: what was meant, and what came of it. Money in paise."""

    at: MarketTime
    intent: IntentId
    instrument: str
    side: str
    quantity: int
    filled: int
    entry: int
    """Average price of the entry; 0 when nothing was filled."""
    exit: int
    """Average price of all exits; 0 while it is open."""
    how: str
    profit: int
    charges: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that a person should know of."""

    at: MarketTime
    what: str
    is_willed: bool = False
    """Somebody's word, or what followed from it: a kill, its release, positions closed by it."""


@dataclass(frozen=True, slots=True)
class Day:
    """The figures of a trading day; money in paise, after charges where it says profit."""

    date: str
    opening: Paise
    orders: int
    fills: int
    rejected: int
    profit: int
    charges: int
    trades: tuple[Trade, ...]
    epochs: tuple[int, ...]
    kills: tuple[KillStood, ...]
    standing_kill: KillStood | None
    incidents: tuple[Incident, ...]
    denials: Mapping[str, int] = field(default_factory=dict)
    """By guard, from the metrics of the processes that still ran."""
    is_opened: bool = True
    """Whether anybody traded that day, or was ready to."""
    is_on_paper: bool = False

    @property
    def leader_changes(self) -> int:
        """How often another process took over."""
        return max(0, len(self.epochs) - 1)

    @property
    def risk_kills(self) -> int:
        """Kills that no person asked for: a limit was reached."""
        return sum(1 for each in self.kills if each.reason is KillReason.RISK)

    @property
    def unplanned(self) -> int:
        """Incidents that nobody willed: a burn-in day has none (docs/explanation/gates.md)."""
        return sum(1 for each in self.incidents if not each.is_willed)

    @property
    def open_positions(self) -> int:
        """Brackets that still hold something: none, after a day that ended as it should."""
        return sum(1 for each in self.trades if each.is_open)


def of_date(records: Iterable[Record], date: str) -> Day:
    """The day's figures; a day that the journal never opened is an empty one."""
    state, facts = _days(records, date)
    brackets: dict[IntentId, Bracket] = {**state.closed, **state.open} if state.trading_date == date else {}
    orders = [order for bracket in brackets.values() for order in bracket.orders.values()]
    trades = sorted((_trade(bracket, state) for bracket in brackets.values()), key=lambda each: each.at)
    return Day(
        date=date,
        opening=state.opening_net_liquidation if state.trading_date == date else Paise(0),
        orders=sum(1 for each in orders if each.status is not OrderStatus.UNSENT),
        fills=sum(1 for each in orders if each.filled_quantity),
        rejected=sum(1 for each in orders if each.status is OrderStatus.REJECTED),
        profit=sum(each.profit for each in trades),
        charges=sum(each.charges for each in trades),
        trades=tuple(trades),
        epochs=tuple(dict.fromkeys(int(each.epoch) for each in facts if isinstance(each, OrderPlanned))),
        kills=tuple(each for each in facts if isinstance(each, KillStood)),
        standing_kill=state.kill,
        incidents=tuple(_incidents(facts)),
        is_opened=bool(facts),
    )


def denials(pages: Iterable[str]) -> dict[str, int]:
    """What the guards denied, by code, summed over the `/metrics` pages of the processes."""
    found: dict[str, int] = {}
    for page in pages:
        for code, count in re.findall(r'^trader_guard_trips_total\{guard="([A-Z_]+)"\} (\S+)$', page, re.MULTILINE):
            if float(count):
                found[code] = found.get(code, 0) + int(float(count))
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _days(records: Iterable[Record], date: str) -> tuple[Durable, Sequence[Record]]:
    """The state at the end of the date, and its facts: a later day's are not folded."""
    state, facts = Durable(), list[Record]()
    is_today = False
    for record in records:
        if isinstance(record, DayOpened):
            if is_today and record.trading_date != date:
                break
            is_today = record.trading_date == date
        state = fold(state, record)
        if is_today:
            facts.append(record)
    return state, facts


def _trade(bracket: Bracket, state: Durable) -> Trade:
    orders = bracket.orders.values()
    entered = sum(each.filled_quantity for each in orders if each.leg is Leg.ENTRY)
    exits = [each for each in orders if each.leg is not Leg.ENTRY and each.filled_quantity]
    left = sum(each.filled_quantity for each in exits)
    is_open = position_of(bracket) != 0
    return Trade(
        at=bracket.plan.market_time,
        intent=bracket.plan.intent,
        instrument=bracket.plan.instrument,
        side=bracket.plan.side.value,
        quantity=bracket.plan.quantity,
        filled=entered,
        entry=entry_price(bracket) if entered else 0,
        exit=sum(each.filled_quantity * each.average_price for each in exits) // left if left else 0,
        how=_how(bracket, is_open=is_open, is_entered=entered > 0),
        profit=state.profit_booked.get(bracket.plan.intent, bracket_profit(bracket, None)),
        charges=sum(each.charges for each in orders),
        is_open=is_open,
    )


def _how(bracket: Bracket, *, is_open: bool, is_entered: bool) -> str:
    if is_open:
        return "STILL OPEN"
    if not is_entered:
        return "not filled"
    if bracket.closed_outside:
        return "closed by somebody else"
    if bracket.exiting:
        return bracket.exiting
    legs = {each.leg for each in bracket.orders.values() if each.filled_quantity and each.leg is not Leg.ENTRY}
    return (
        " and ".join(sorted({Leg.STOP: "stop", Leg.TARGET: "target", Leg.EXIT: "exit"}[each] for each in legs))
        or "closed"
    )


def _incidents(facts: Iterable[Record]) -> Iterable[Incident]:
    """What was not in the plan, oldest first; an order's doubt and refusal are told once."""
    told: set[tuple[Tag, OrderStatus]] = set()
    for fact in facts:
        match fact:
            case OrderChanged(status=OrderStatus.REJECTED | OrderStatus.IN_DOUBT) if (
                fact.tag,
                fact.status,
            ) not in told:
                told.add((fact.tag, fact.status))
                what = "was refused" if fact.status is OrderStatus.REJECTED else "was in doubt"
                yield Incident(fact.market_time, f"order {fact.tag} {what}: {fact.message or 'no reason was given'}")
            case KillStood():
                note = f": {fact.note}" if fact.note else ""
                yield Incident(
                    fact.market_time, f"kill {fact.kill_id} ({fact.reason}) by {fact.by}{note}", is_willed=True
                )
            case KillEnded():
                yield Incident(fact.market_time, f"kill {fact.kill_id} was released", is_willed=True)
            case ForeignPosition() if fact.quantity:
                yield Incident(fact.market_time, f"{fact.quantity:+d} {fact.instrument} in the account is not ours")
            case ClosedOutside():
                yield Incident(fact.market_time, f"somebody else closed {fact.quantity:+d} of intent {fact.intent}")
            case BracketExiting() if fact.reason not in _PLANNED_ENDS:
                what = f"intent {fact.intent} was closed early: {fact.reason}"
                yield Incident(fact.market_time, what, is_willed=fact.reason in _WILLED_ENDS)
            case _:
                continue
