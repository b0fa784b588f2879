"""A risk profile: how much the engine may risk, on what. Money limits have no defaults."""

from dataclasses import dataclass

PARTS_PER_UNIT = 1_000_000
"""Fractions are kept as parts per million of net liquidation, so that no float meets money."""


@dataclass(frozen=True, slots=True)
class RiskProfile:
    """A profile file, in the domain's units."""

    name: str
    per_trade_risk_ppm: int
    max_heat_ppm: int
    max_daily_loss_ppm: int
    underlyings: tuple[str, ...]
    kinds: tuple[str, ...]
    orders_per_second: int
    orders_per_minute: int
    orders_per_day: int
    market_data_stale_after: int
    """Machine nanoseconds without a tick of the instrument (or any frame of the stream) after which entries stop."""
    order_stream_stale_after: int
