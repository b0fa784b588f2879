"""What a configuration has shown since it came into force: the figures that its rollout is judged by (docs/seams.md §5).

One set of figures at a time, for one configuration, one leadership and one run (the operator's name for an attempt at a
stage); whatever of the three changes, counting begins anew, so that no figure is ever shown under another's name.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from trader.domain.calendars import Calendar, Phase, Session
from trader.domain.values import SECOND, Epoch, GuardCode, MachineTime, MarketTime, TradingState
from trader.domain.views import StateView
from trader.engine.ports import Clock
from trader.engine.settings import Snapshot

LOOK_SECONDS: Final = 0.25
ORPHAN_SECONDS: Final = 5
"""A sibling is cancelled a round trip after its bracket is over; one that works for longer is an orphan."""
SAMPLES_KEPT: Final = 20_000
# Whatever the broker let us wait for: its yes, its no, and no answer at all.
_ACKNOWLEDGED: Final = frozenset({"accepted", "refused", "unknown"})


@dataclass(slots=True)
class _Figures:
    """Since one configuration came into force, under one leadership, in one run."""

    config: str
    epoch: Epoch
    run: str
    market_time: int = 0
    """Nanoseconds of market time."""
    orders: int = 0
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    duplicates: int = 0
    orphans: int = 0
    heat_ppm: int = 0
    denials: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the last look saw, for what happened since."""

    market_time: MarketTime
    session: Session
    is_trading: bool
    duplicates: int


class Ledger:
    """Listens to what the engine tells, looks at its picture now and then, and sums up; belongs to the event loop."""

    def __init__(self) -> None:
        self.run = ""
        """The operator's name for what it last told this trader."""
        self._figures: _Figures | None = None
        self._last: _Look | None = None
        self._orphaned_at: MachineTime | None = None
        self._kills: dict[str, list[float]] = {}
        self._date = ""
        self._phase = ""
        self._is_on_paper = False

    # --- what the engine tells ---

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the broker ended."""
        if self._figures is None or operation != "place":
            return
        if outcome in _ACKNOWLEDGED:
            self._figures.waits.append(seconds)
        self._figures.orders += outcome == "accepted"

    def denied(self, code: GuardCode) -> None:
        """A guard denied an intent."""
        if self._figures is not None:
            self._figures.denials[code.value] += 1

    def flattened(self, seconds: float) -> None:
        """A kill reached flat."""
        if not self._is_on_paper:  # how long the broker takes is not seen there
            self._kills.setdefault(self._date, []).append(seconds)

    # --- what is seen ---

    def look(self, snapshot: Snapshot, session: Session, now: MachineTime, market_time: MarketTime) -> None:
        """Look at what is now."""
        self._date, self._is_on_paper = session.trading_date, snapshot.on_paper
        self._phase = session.phase.value
        view = snapshot.view
        if view is None or not snapshot.is_leader:
            self._figures, self._last, self._orphaned_at = None, None, None
            return
        key = (view.config_hash, snapshot.epoch, self.run)
        figures = self._figures
        if figures is None or (figures.config, figures.epoch, figures.run) != key:
            figures = self._figures = _Figures(*key)
            self._last, self._orphaned_at = None, None
        self._add(figures, view, _Look(market_time, session, _is_trading(view, session), view.duplicates), now)

    def _add(self, figures: _Figures, view: StateView, look: _Look, now: MachineTime) -> None:
        last, self._last = self._last, look
        if last is not None:
            if last.is_trading and look.is_trading and last.session.start == look.session.start:
                figures.market_time += max(0, look.market_time - last.market_time)
            figures.duplicates += max(0, look.duplicates - last.duplicates)
        if view.net_liquidation > 0:
            figures.heat_ppm = max(figures.heat_ppm, view.heat * 1_000_000 // view.net_liquidation)
        self._judge_orphans(figures, view, now)

    def _judge_orphans(self, figures: _Figures, view: StateView, now: MachineTime) -> None:
        """Count each time that orphans stood for too long, once."""
        if not view.orphans:
            self._orphaned_at = None
        elif self._orphaned_at is None:
            self._orphaned_at = now
        elif 0 < self._orphaned_at <= now - ORPHAN_SECONDS * SECOND:
            figures.orphans += 1
            self._orphaned_at = MachineTime(0)  # counted

    async def keep(self, snapshot: Callable[[], Snapshot], calendar: Calendar, clock: Clock) -> None:
        """Look at that pace, for ever."""
        while True:
            market_time = clock.market_time()
            self.look(snapshot(), calendar.session_at(market_time), clock.machine_time(), market_time)
            await asyncio.sleep(LOOK_SECONDS)

    # --- what it says ---

    def report(self) -> dict[str, Any]:
        """`tradingDate`, `marketPhase`, `figures` and `kills` of `/v1/report`."""
        kills = self._kills.get(self._date)
        return {
            "tradingDate": self._date,
            "marketPhase": self._phase,
            "figures": None if self._figures is None else _shown(self._figures),
            "kills": None
            if not kills
            else {"tradingDate": self._date, "samples": len(kills), "slowestMs": math.ceil(max(kills) * 1000)},
        }


def _is_trading(view: StateView, session: Session) -> bool:
    return view.trading_state is TradingState.LIVE and session.phase is Phase.OPEN


def _shown(figures: _Figures) -> dict[str, Any]:
    waits = sorted(figures.waits)
    return {
        "config": figures.config,
        "epoch": figures.epoch,
        "run": figures.run,
        "marketSeconds": figures.market_time // SECOND,
        "orders": figures.orders,
        "orderAck": {"samples": len(waits), "p50Ms": _percentile(waits, 50), "p95Ms": _percentile(waits, 95)},
        "duplicates": figures.duplicates,
        "orphans": figures.orphans,
        "heatMaximumPpm": figures.heat_ppm,
        "denials": dict(sorted(figures.denials.items())),
    }


def _percentile(ordered: list[float], percent: int) -> int | None:
    """By nearest rank, in whole milliseconds, rounded up; None of no samples."""
    if not ordered:
        return None
    return math.ceil(ordered[math.ceil(len(ordered) * percent / 100) - 1] * 1000)
