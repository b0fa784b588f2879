"""What a strategy is: a pure `decide` over one instrument's quote, and the intents it may return.

A strategy proposes; guards, sizing and brackets dispose. It names each signal by a key that is a function of session,
instrument and direction, so that the same signal is the same intent after a restart and in the successor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trader.domain.calendars import Session
from trader.domain.events import EntrySignal, Quote
from trader.domain.evolving import quick
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey, Paise, Side, SignalKey

_NOTHING = Paise(0)


class ParameterError(ValueError):
    """A strategy parameter is wrong: which one, what it was, what would be right."""


@quick
@dataclass(frozen=True, slots=True)
class Intent:
    """A proposal: enter here, be wrong there, be done there."""

    strategy: str
    signal_key: SignalKey
    instrument: InstrumentKey
    side: Side
    entry_price: Paise
    """The worst price that the entry may pay."""
    stop_price: Paise
    target_price: Paise
    trail_distance: Paise = _NOTHING
    """How far behind the last price the stop is to follow, towards the profit only; 0 for a stop that stays."""
    trail_step: Paise = _NOTHING
    """The least gain that is worth a modification: an order has 25 of them."""


@quick
@dataclass(frozen=True, slots=True)
class StrategyView:
    """What a strategy may see when it decides."""

    quote: Quote
    instrument: Instrument
    session: Session
    is_feed_whole: bool
    """False from the loss of the stream until the next quote after it: what was in between is unknown."""
    signal: EntrySignal | None = None
    """Set when the strategy is asked for a signal, not for a quote; only those with `takes_signals = True` are."""


Memory = Mapping[str, object] | object
"""What a strategy remembers of one instrument: its own frozen value."""


class Strategy(Protocol):
    """The interface. Implementations are frozen dataclasses: their fields are the parameters."""

    @property
    def name(self) -> str: ...

    @property
    def entry_timeout(self) -> int:
        """Machine nanoseconds after which an unfilled entry is cancelled."""
        ...

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """Look at one quote; return what to remember and what to propose.

        Pure: the same view and memory give the same answer; no clock, no randomness, no input or output. Prices are whole paise
        on the instrument's tick, the intents carry the strategy's own name. A strategy that raises, or proposes what is no
        intent of its own, is not asked again by this process; positions, stops and exits do not depend on it.
        """
        ...


def flaw(strategy: str, intent: object) -> str:
    """Why what a strategy proposed is no intent of its own; empty when it is one. Guards judge the rest."""
    if type(intent) is not Intent:
        return f"proposed a {type(intent).__name__}, expected an Intent"
    if intent.strategy != strategy:
        return f"proposed in the name of {intent.strategy!r}"
    if (
        type(intent.entry_price) is type(intent.stop_price) is type(intent.target_price) is int
        and type(intent.trail_distance) is type(intent.trail_step) is int
    ):
        return ""
    return f"proposed a price that is no whole number of paise: {intent!r}"
