"""A risk profile: how much the engine may risk, on what. Money limits have no defaults."""

from dataclasses import dataclass

from trader.domain.evolving import evolve

PARTS_PER_UNIT = 1_000_000
"""Fractions are kept as parts per million of net liquidation, so that no float meets money."""

# The checklist's bound for heat, and for every other fraction of a profile: 2 % of net liquidation.
LARGEST_FRACTION_PPM = 20_000
# Closing a bracket takes up to four calls, and ten a second for two seconds is all that a flatten has.
MOST_SLICES = 5
# Kite's own limits (kite.trade/docs/connect/v3/exceptions, read 2026-07-14): calls a second, a minute, a day.
KITE_CALLS = (10, 400, 5_000)


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
    entry_slices: int = 1
    """How many orders an entry above the freeze quantity may be cut into."""


@dataclass(frozen=True, slots=True)
class Config:
    """A profile under the hash that names its revision, and the stage that it has reached."""

    config_hash: str
    stage: str
    profile: RiskProfile


LIMITS = (
    "per_trade_risk_ppm",
    "max_heat_ppm",
    "max_daily_loss_ppm",
    "orders_per_second",
    "orders_per_minute",
    "orders_per_day",
    "market_data_stale_after",
    "order_stream_stale_after",
    "entry_slices",
)
"""The numbers of a profile; of each the smaller is the tighter."""
SETS = ("underlyings", "kinds")
"""What may be traded; fewer is tighter."""


def tightest(first: RiskProfile, second: RiskProfile) -> RiskProfile:
    """The limits that keep both profiles; it goes by the second's name."""
    numbers: dict[str, object] = {name: min(getattr(first, name), getattr(second, name)) for name in LIMITS}
    shared = {name: tuple(each for each in getattr(first, name) if each in getattr(second, name)) for name in SETS}
    return evolve(second, **numbers, **shared)


def loosened(before: RiskProfile, after: RiskProfile) -> str:
    """What the second profile allows beyond the first, in words; empty when it only tightens."""
    more = [
        f"{name} rises from {getattr(before, name)} to {getattr(after, name)}"
        for name in LIMITS
        if getattr(after, name) > getattr(before, name)
    ]
    for name in SETS:
        added = [each for each in getattr(after, name) if each not in getattr(before, name)]
        more += [f"{name} gains {', '.join(added)}"] if added else []
    return "; ".join(more)


def out_of_bounds(profile: RiskProfile) -> str:
    """Which limit no profile may have, whoever sends it: field, value, and what would be right; empty when none is."""
    for name in ("per_trade_risk_ppm", "max_heat_ppm", "max_daily_loss_ppm"):
        value = getattr(profile, name)
        if not 0 < value <= LARGEST_FRACTION_PPM:
            return f"{name} must be within 1..{LARGEST_FRACTION_PPM}, was {value}"
    if profile.per_trade_risk_ppm > profile.max_heat_ppm:
        return f"per_trade_risk_ppm must be at most max_heat_ppm ({profile.max_heat_ppm}), was {profile.per_trade_risk_ppm}"
    rates = (profile.orders_per_second, profile.orders_per_minute, profile.orders_per_day)
    for unit, rate, largest in zip(("second", "minute", "day"), rates, KITE_CALLS, strict=True):
        if not 0 < rate <= largest:
            return f"orders_per_{unit} must be within 1..{largest}, was {rate}"
    for name in ("market_data_stale_after", "order_stream_stale_after"):
        if getattr(profile, name) <= 0:
            return f"{name} must be above 0, was {getattr(profile, name)}"
    if not 1 <= profile.entry_slices <= MOST_SLICES:
        return f"entry_slices must be within 1..{MOST_SLICES}, was {profile.entry_slices}"
    return "" if profile.underlyings and profile.kinds else "underlyings and kinds must each name at least one"
