"""Signal intake: entries that somebody else decided, brought in by API and judged like any other intent.

The signal says where it is wrong and where it is done; how much may be risked is not its business. Its key is its identity for the
day: the same key again, from a retry or another machine, never enters twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trader.domain.parameters import whole_numbers
from trader.domain.prices import beyond, clamp_price
from trader.domain.strategies import Intent, Memory, StrategyView
from trader.domain.values import SECOND

NAME = "signal-intake"


@dataclass(frozen=True, slots=True)
class SignalIntake:
    """The strategy; its fields are its parameters."""

    entry_slippage_ticks: int = 4
    """How far beyond the touch a signal without an entry price may pay."""
    entry_timeout_seconds: int = 10

    takes_signals = True

    @property
    def name(self) -> str:
        """Its name in sessions, signals and journals."""
        return NAME

    @property
    def entry_timeout(self) -> int:
        """Machine nanoseconds after which an unfilled entry is cancelled."""
        return self.entry_timeout_seconds * SECOND

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """Turn a signal into an intent; quotes alone propose nothing."""
        signal, quote = view.signal, view.quote
        if signal is None:
            return memory, ()
        entry = signal.entry_price
        if entry is None:
            touch = (quote.ask if signal.side.sign > 0 else quote.bid) or quote.last_price
            wanted = beyond(signal.side, touch, self.entry_slippage_ticks, view.instrument.tick_size)
            entry = clamp_price(wanted, view.instrument)
        intent = Intent(
            strategy=self.name,
            signal_key=signal.key,
            instrument=signal.instrument,
            side=signal.side,
            entry_price=entry,
            stop_price=signal.stop_price,
            target_price=signal.target_price,
            trail_distance=signal.trail_distance,
            trail_step=signal.trail_step,
        )
        return memory, (intent,)


_BOUNDS = {"entry_slippage_ticks": (0, 1_000), "entry_timeout_seconds": (1, 3_600)}


def from_parameters(parameters: Mapping[str, object]) -> SignalIntake:
    """Build the strategy from a manifest's parameters.

    Raises:
        ParameterError: a parameter is unknown or out of its bounds; the message says which, what it was, what is right.
    """
    return SignalIntake(**whole_numbers(NAME, parameters, _BOUNDS))
