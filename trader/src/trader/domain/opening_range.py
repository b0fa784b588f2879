"""Opening-range breakout: the high and low of a session's first minutes, and an entry when the market leaves them.

At most one entry per instrument, direction and session. A range counts only when it was seen whole, from the session's start to its
end without a gap: a leader that took over in between must not trade a range that it knows half of. Integer paise throughout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from trader.domain.evolving import evolve, quick
from trader.domain.parameters import whole_number
from trader.domain.prices import beyond, clamp_price, round_down, round_up
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.strategies import Intent, Memory, ParameterError, StrategyView
from trader.domain.values import SECOND, MarketTime, Paise, Side, SignalKey

NAME = "opening-range-breakout"
_MINUTE = 60 * SECOND
_PERMILLE = 1_000


@quick
@dataclass(frozen=True, slots=True)
class RangeMemory:
    """What is known of one instrument's session."""

    session_start: MarketTime
    high: Paise
    low: Paise
    last_at: MarketTime
    is_whole: bool
    is_complete: bool = False
    fired: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True)
class OpeningRangeBreakout:
    """The strategy; its fields are its parameters."""

    range_minutes: int = 5
    buffer_ticks: int = 2
    stop_ticks: int = 0
    """Distance of the stop from the entry; 0 puts it at the other side of the range."""
    max_stop_ppm: int = 2_500
    """The stop is never further away than this part of the price."""
    min_stop_ticks: int = 4
    reward_permille: int = 1_500
    """The target, as a multiple of the risk, in thousandths."""
    trail_permille: int = 0
    """The stop follows the price at this multiple of the risk, in thousandths; 0 leaves it where it was planned."""
    trail_step_ticks: int = 10
    entry_slippage_ticks: int = 4
    entry_timeout_seconds: int = 10
    kinds: tuple[str, ...] = ("FUT",)

    @property
    def name(self) -> str:
        """Its name in sessions, signals and journals."""
        return NAME

    @property
    def entry_timeout(self) -> int:
        """Machine nanoseconds after which an unfilled entry is cancelled."""
        return self.entry_timeout_seconds * SECOND

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        """Build the range while it is open; afterwards, propose an entry at the first break of each side."""
        if view.instrument.kind not in self.kinds:
            return memory, ()
        known = memory if isinstance(memory, RangeMemory) else None
        at, start = view.quote.market_time, view.session.start
        if at < start or at >= view.session.end:
            return known, ()
        if known is None or known.session_start != start:
            is_whole = at - start <= self._longest_gap and view.is_feed_whole
            price = view.quote.last_price
            return RangeMemory(start, price, price, at, is_whole), ()
        if at < start + self.range_minutes * _MINUTE:
            return self._widened(known, view), ()
        if not known.is_complete:
            known = self._completed(known, view)
        return self._broken(known, view)

    @property
    def _longest_gap(self) -> int:
        # A fifth of the range: whoever saw less cannot know its extremes.
        return self.range_minutes * _MINUTE // 5

    def _is_gapless(self, known: RangeMemory, view: StrategyView) -> bool:
        return known.is_whole and view.is_feed_whole and view.quote.market_time - known.last_at <= self._longest_gap

    def _widened(self, known: RangeMemory, view: StrategyView) -> RangeMemory:
        price = view.quote.last_price
        return RangeMemory(
            session_start=known.session_start,
            high=max(known.high, price),
            low=min(known.low, price),
            last_at=view.quote.market_time,
            is_whole=self._is_gapless(known, view),
        )

    def _completed(self, known: RangeMemory, view: StrategyView) -> RangeMemory:
        return evolve(known, is_whole=self._is_gapless(known, view), is_complete=True)

    def _broken(self, known: RangeMemory, view: StrategyView) -> tuple[RangeMemory, tuple[Intent, ...]]:
        if not known.is_whole or view.quote.market_time >= view.session.square_off:
            return known, ()
        buffer = self.buffer_ticks * view.instrument.tick_size
        if view.quote.last_price > known.high + buffer:
            side = Side.BUY
        elif view.quote.last_price < known.low - buffer:
            side = Side.SELL
        else:
            return known, ()
        if side in known.fired:
            return known, ()
        return evolve(known, fired=(*known.fired, side)), (self._intent(known, view, side),)

    def _intent(self, known: RangeMemory, view: StrategyView, side: Side) -> Intent:
        quote, instrument = view.quote, view.instrument
        tick = instrument.tick_size
        touch = (quote.ask if side is Side.BUY else quote.bid) or quote.last_price
        entry = clamp_price(beyond(side, touch, self.entry_slippage_ticks, tick), instrument)
        other_side = known.low if side is Side.BUY else known.high
        distance = self.stop_ticks * tick if self.stop_ticks else (entry - other_side) * side.sign
        furthest = round_down(entry * self.max_stop_ppm // PARTS_PER_UNIT, tick)
        distance = round_up(max(min(distance, furthest), self.min_stop_ticks * tick), tick)
        reward = round_up(distance * self.reward_permille // _PERMILLE, tick)
        return Intent(
            strategy=self.name,
            signal_key=SignalKey(f"{known.session_start}:{quote.instrument}:{side}"),
            instrument=quote.instrument,
            side=side,
            entry_price=entry,
            stop_price=Paise(entry - side.sign * distance),
            target_price=clamp_price(entry + side.sign * reward, instrument),
            trail_distance=round_up(distance * self.trail_permille // _PERMILLE, tick),
            trail_step=Paise(self.trail_step_ticks * tick) if self.trail_permille else Paise(0),
        )


_RATIOS = {"reward_ratio": "reward_permille", "trail_ratio": "trail_permille"}
"""Multiples of the risk, and the fields that hold them in thousandths."""

_BOUNDS = {
    "range_minutes": (1, 360),
    "buffer_ticks": (0, 1_000),
    "stop_ticks": (0, 100_000),
    "max_stop_ppm": (1, 100_000),
    "min_stop_ticks": (1, 100_000),
    "trail_step_ticks": (1, 100_000),
    "entry_slippage_ticks": (0, 1_000),
    "entry_timeout_seconds": (1, 3_600),
}


def from_parameters(parameters: Mapping[str, object]) -> OpeningRangeBreakout:
    """Build the strategy from a manifest's parameters.

    Raises:
        ParameterError: a parameter is unknown or out of its bounds; the message says which, what it was, what is right.
    """
    known = sorted([*_BOUNDS, *_RATIOS])
    numbers: dict[str, int] = {}
    for name, value in parameters.items():
        if name in _RATIOS:
            numbers[_RATIOS[name]] = _ratio(name, value)
        elif name in _BOUNDS:
            numbers[name] = whole_number(NAME, name, value, _BOUNDS[name])
        else:
            raise ParameterError(f"{NAME}: unknown parameter {name!r}; known are {', '.join(known)}")
    return OpeningRangeBreakout(**numbers)  # type: ignore[arg-type]


def _ratio(name: str, value: object) -> int:
    try:
        ratio = Decimal(str(value))
    except InvalidOperation:
        ratio = Decimal(0)
    if isinstance(value, bool) or not ratio.is_finite() or not Decimal("0.1") <= ratio <= Decimal(20):
        raise ParameterError(f"{NAME}: {name} must be a number within 0.1..20, was {value!r}")
    return int(ratio * _PERMILLE)
