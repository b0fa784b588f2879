"""The desk is told: fills, kills, leader changes, what keeps it from trading, the missing token, the day's result.

Never on the order path: a task looks at the engine's snapshot twice a second, and what it finds waits in a short queue for
another task that sends. Too much is summed up, not sent one by one; what cannot be sent is tried three times and then dropped,
with a line in the log.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from trader.adapters.desk_messages import DeskAway
from trader.domain.values import MarketTime, TradingState
from trader.domain.views import StateView
from trader.engine.settings import Snapshot

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5
QUEUED_AT_MOST: Final = 100
GATHER_SECONDS: Final = 2.0
"""Notices of this time make one message: five fills of one second are one buzz of the phone."""
MESSAGES_A_MINUTE: Final = 10
TRIES: Final = 3
RETRY_SECONDS: Final = 5.0
_MINUTE: Final = 60_000_000_000
_INDIA: Final = (5 * 60 + 30) * _MINUTE
_HALF_PAST_EIGHT: Final = (8 * 60 + 30) * _MINUTE
_DAY: Final = 24 * 60 * _MINUTE


@dataclass(frozen=True, slots=True)
class Picture:
    """What a look at the process found."""

    snapshot: Snapshot
    market_time: MarketTime
    is_trading_day: bool
    token_problem: str
    """What is wrong with the broker's token; empty when it is accepted, or nobody has asked yet."""
    red: tuple[str, ...]
    """Red lines of preflight."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell."""

    title: str
    text: str
    is_urgent: bool = False
    """Goes out even when the minute's messages are spent."""


def news(before: Picture | None, after: Picture) -> tuple[Notice, ...]:
    """What the desk should hear of a change; only a leader speaks, so that two pods do not say everything twice."""
    now, then = after.snapshot, before.snapshot if before is not None else None
    if not now.is_leader:
        return ()
    notices = list(_of_kill(before if then is not None and then.is_leader else None, after))
    if now.view is not None:
        if then is None or then.epoch != now.epoch:
            notices.append(Notice("new leader", f"epoch {now.epoch} leads"))
        elif then.view is not None:
            notices.extend(_of_view(then.view, now.view))
    if before is not None:
        notices.extend(_of_gates(before, after))
    return tuple(replace(each, title=f"on paper: {each.title}") for each in notices) if now.on_paper else tuple(notices)


def _of_kill(before: Picture | None, after: Picture) -> Sequence[Notice]:
    kill = after.snapshot.kill
    known = before.snapshot.kill if before is not None else None
    if kill is not None and (known is None or known.kill_id != kill.kill_id):
        told = f"{kill.kill_id} by {kill.by}: {kill.reason.value}, {kill.note}"
        return (Notice("KILL", told, is_urgent=True),)
    if kill is None and known is not None:
        return (Notice("kill released", known.kill_id, is_urgent=True),)
    return ()


def _of_view(before: StateView, after: StateView) -> Sequence[Notice]:
    notices = []
    if after.flat_at is not None and before.flat_at is None and after.kill is not None:
        notices.append(Notice("flat", f"kill {after.kill.kill_id}: the broker's book proves it", is_urgent=True))
    held = {each.intent: each for each in before.brackets}
    for each in after.brackets:
        was = held[each.intent].held if each.intent in held else 0
        if each.held != was:
            what = "holds" if abs(each.held) > abs(was) else "closed to" if each.held else "closed, was"
            notices.append(Notice("fill", f"{each.instrument} {each.side.value}: {what} {each.held or was}"))
    gone = {each.intent for each in before.brackets} - {each.intent for each in after.brackets}
    notices.extend(
        Notice("fill", f"{held[each].instrument} {held[each].side.value}: closed, was {held[each].held}")
        for each in sorted(gone)
        if held[each].held
    )
    if after.trading_state is not before.trading_state:
        is_urgent = after.trading_state in {TradingState.REDUCING, TradingState.HALTED}
        notices.append(Notice(f"{after.trading_state.value}", after.message or "as wanted", is_urgent))
        if after.trading_state is TradingState.CLOSED:
            notices.append(_report(after))
    return notices


def _report(view: StateView) -> Notice:
    result = f"{view.day_profit / 100:,.2f}"
    return Notice(
        f"day {view.trading_date}",
        f"profit {result} rupees, {view.orders_placed} orders, net liquidation {view.net_liquidation / 100:,.2f}, "
        f"{'flat' if view.is_flat else 'NOT FLAT'}, duplicates {view.duplicates}, orphans {view.orphans}",
        is_urgent=True,
    )


def _of_gates(before: Picture, after: Picture) -> Sequence[Notice]:
    notices = []
    if after.snapshot.is_leader and after.is_trading_day and after.token_problem:
        was_due = before.token_problem and _is_past_half_past_eight(before.market_time)
        same_day = _day(before.market_time) == _day(after.market_time)
        if _is_past_half_past_eight(after.market_time) and not (was_due and same_day):
            told = f"{after.token_problem}; log in on the session's login page"
            notices.append(Notice("no broker token", told, is_urgent=True))
    fresh = [each for each in after.red if each not in before.red]
    if after.snapshot.is_leader and fresh:
        notices.append(Notice("preflight", f"red: {'; '.join(fresh)}"))
    return notices


def _day(at: MarketTime) -> int:
    return (at + _INDIA) // _DAY


def _is_past_half_past_eight(at: MarketTime) -> bool:
    return (at + _INDIA) % _DAY >= _HALF_PAST_EIGHT


class Desk(Protocol):
    """Whoever carries a message to people."""

    async def send(self, title: str, text: str) -> None:
        """Raises `DeskAway`."""
        ...


class Notifier:
    """Gathers notices and sends them, a few messages a minute at most."""

    def __init__(self, desk: Desk, session: str, now: Callable[[], float]) -> None:
        self._desk = desk
        self._session = session
        self._now = now
        self._waiting: deque[Notice] = deque()
        self._dropped = 0
        self._sent: deque[float] = deque()
        self._arrived = asyncio.Event()

    def tell(self, notice: Notice) -> None:
        """Queue it; waits for nothing. When there are too many, what is not urgent is counted instead."""
        if len(self._waiting) >= QUEUED_AT_MOST:
            plain = next((each for each in self._waiting if not each.is_urgent), None)
            self._dropped += 1
            if plain is None:
                return
            self._waiting.remove(plain)
        self._waiting.append(notice)
        self._arrived.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._arrived.wait()
            if not any(each.is_urgent for each in self._waiting):
                await asyncio.sleep(GATHER_SECONDS)
            if self._is_spent() and not any(each.is_urgent for each in self._waiting):
                await asyncio.sleep(GATHER_SECONDS)
                continue
            batch, dropped = tuple(self._waiting), self._dropped
            self._waiting.clear()
            self._dropped = 0
            self._arrived.clear()
            if batch:
                await self._send(batch, dropped)

    def _is_spent(self) -> bool:
        while self._sent and self._sent[0] <= self._now() - 60:
            self._sent.popleft()
        return len(self._sent) >= MESSAGES_A_MINUTE

    async def _send(self, batch: Sequence[Notice], dropped: int) -> None:
        urgent = [each.title for each in batch if each.is_urgent]
        titles = dict.fromkeys(urgent or (each.title for each in batch))
        lines = [f"{each.title}: {each.text}" for each in batch]
        if dropped:
            lines.append(f"and {dropped} more")
        for attempt in range(1, TRIES + 1):
            self._sent.append(self._now())
            try:
                await self._desk.send(f"{self._session}: {', '.join(titles)}", "\n".join(lines))
            except DeskAway as away:
                log.warning("desk_not_told", reason=str(away), attempt=attempt, notices=len(batch))
                await asyncio.sleep(RETRY_SECONDS * attempt)
            else:
                return


async def watch(look: Callable[[], Picture | None], tell: Callable[[Notice], None]) -> None:
    """Look again and again, and tell what changed, until cancelled."""
    before: Picture | None = None
    while True:
        after = look()
        if after is not None:
            for notice in news(before, after):
                tell(notice)
            before = after
        await asyncio.sleep(LOOK_SECONDS)
