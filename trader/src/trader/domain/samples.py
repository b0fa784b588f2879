"""What is sampled of each instrument by the clock: its spreads (`trader.domain.spreads`) and last prices (`.references`)."""

from dataclasses import dataclass

from trader.domain.evolving import quick
from trader.domain.values import MarketTime


@quick
@dataclass(frozen=True, slots=True)
class SpreadNormal:
    """What is known of one instrument's spread today, in paise."""

    trading_date: str
    sampled_at: MarketTime
    samples: tuple[int, ...]
    """Oldest first."""
    median: int
    widest: int
    """A quote wider than this trips the latch."""
    is_latched: bool = False
    calm_samples: int = 0
    """Samples in a row near the normal, while it is latched."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Last prices of the last half minute, with the market time of each, oldest first; never empty."""

    samples: tuple[tuple[MarketTime, int], ...]
    average: int
