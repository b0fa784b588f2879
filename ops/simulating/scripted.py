"""A strategy that proposes what the schedule says, when it says so: signals as they might come from outside."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from trader.domain.prices import beyond, round_down
from trader.domain.strategies import Intent, Memory, Strategy, StrategyView
from trader.domain.values import SECOND, InstrumentKey, Paise, Side, SignalKey

WINDOW = 2 * SECOND
"""How long a signal is worth following."""


@dataclass(frozen=True, slots=True)
class PlannedSignal:
    """One signal of the schedule."""

    number: int
    at: int
    """Market time from which it stands."""
    instrument: InstrumentKey
    side: Side
    stop_ticks: int
    reward_permille: int


_at = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Scripted:
    """Proposes each signal once while it stands; a successor proposes it again under the same key."""

    signals: Mapping[InstrumentKey, tuple[PlannedSignal, ...]]
    """Of each instrument, in the order of their times."""
    name: str = "scripted"
    entry_timeout: int = 15 * SECOND

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """Look for signals of this instrument that stand now."""
        done: tuple[int, ...] = memory if isinstance(memory, tuple) else ()
        quote, at = view.quote, view.quote.market_time
        signals = self.signals.get(quote.instrument, ())
        begun = bisect_right(signals, at, key=_at)
        standing = signals[bisect_right(signals, at - WINDOW, hi=begun, key=_at) : begun]
        found = [each for each in standing if each.number not in done]
        if not found:
            return memory, ()
        intents = tuple(self._intent(view, each) for each in found)
        return (*done, *(each.number for each in found)), intents

    def _intent(self, view: StrategyView, signal: PlannedSignal) -> Intent:
        quote, side, tick = view.quote, signal.side, view.instrument.tick_size
        touch = quote.ask if side is Side.BUY else quote.bid
        entry = beyond(side, touch, 4, tick)
        distance = signal.stop_ticks * tick
        reward = round_down(distance * signal.reward_permille // 1_000, tick)
        return Intent(
            strategy=self.name,
            signal_key=SignalKey(f"signal-{signal.number}"),
            instrument=quote.instrument,
            side=side,
            entry_price=Paise(entry),
            stop_price=Paise(entry - side.sign * distance),
            target_price=Paise(entry + side.sign * reward),
        )


class Counted:
    """Another strategy, and how many intents it proposes."""

    def __init__(self, strategy: Strategy, proposed: Callable[[int], None]) -> None:
        self.name = strategy.name
        self.entry_timeout = strategy.entry_timeout
        self._decide = strategy.decide
        self._proposed = proposed

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """What the other one decides."""
        remembered, intents = self._decide(view, memory)
        if intents:
            self._proposed(len(intents))
        return remembered, intents
