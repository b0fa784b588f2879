"""A profile file: complete risk limits of one stage. Money limits have no defaults, so that nobody trades on ours.

`configs/schema/profile.schema.json` is generated from this model (`python -m trader.app.schema`); the operator checks
profiles with it before any pod sees them.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trader.domain.profiles import MOST_SLICES, PARTS_PER_UNIT, RiskProfile
from trader.domain.values import SECOND

# The checklist's bound for heat, and for everything below it: no single number of a profile may exceed 2 %.
LARGEST_FRACTION = 0.02

Fraction = Annotated[float, Field(gt=0, le=LARGEST_FRACTION)]
Parameter = bool | int | float | str


class Part(BaseModel):
    """Strict, frozen, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class InstrumentsAllowed(Part):
    """What may be traded."""

    underlyings: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z0-9&-]+( [A-Z0-9&-]+)*$")], ...],
        Field(min_length=1, max_length=50, description="Names as the instrument master has them: NIFTY, BANKNIFTY."),
    ]
    kinds: Annotated[
        tuple[Literal["FUT", "CE", "PE", "EQ"], ...],
        Field(min_length=1, description="Kite's instrument types; the nearest expiry of each is taken."),
    ]

    @field_validator("underlyings", "kinds")
    @classmethod
    def _unique(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(values)) != len(values):
            raise ValueError("each name stands once")
        return values


class OrderRate(Part):
    """Requests that place, change or cancel orders. Kite: 10 a second, 400 a minute, 5,000 a day and account."""

    per_second: Annotated[int, Field(ge=1, le=10)]
    per_minute: Annotated[int, Field(ge=1, le=400)]
    per_day: Annotated[int, Field(ge=1, le=5000)]


class Heartbeats(Part):
    """How old data may be before entries stop."""

    market_data_seconds: Annotated[
        float, Field(gt=0, le=60, description="Without a tick of the instrument for so long, it takes no new risk.")
    ]
    order_stream_seconds: Annotated[
        float, Field(gt=0, le=60, description="Without any frame of the stream for so long, nothing takes new risk.")
    ]


class Profile(Part):
    """Complete risk limits, as fractions of net liquidation."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
    per_trade_risk: Annotated[Fraction, Field(description="Lost when a trade's stop is hit; sizes each entry.")]
    max_heat: Annotated[Fraction, Field(description="Open risk of all positions and orders together.")]
    max_daily_loss: Annotated[Fraction, Field(description="Loss of the day at which the kill switch is engaged.")]
    instruments: InstrumentsAllowed
    order_rate: OrderRate
    heartbeats: Heartbeats
    entry_slices: Annotated[
        int,
        Field(ge=1, le=MOST_SLICES, description="How many orders an entry above the freeze quantity may be cut into."),
    ] = 1
    strategies: Annotated[
        dict[str, dict[str, Parameter]],
        Field(description="Parameters by strategy, over those of the session."),
    ] = Field(default_factory=dict)

    @field_validator("per_trade_risk", "max_heat", "max_daily_loss")
    @classmethod
    def _whole_parts(cls, value: float) -> float:
        if (Decimal(repr(value)) * PARTS_PER_UNIT) % 1:
            raise ValueError("must be a whole number of millionths")
        return value

    @model_validator(mode="after")
    def _in_proportion(self) -> "Profile":
        if self.per_trade_risk > self.max_heat:
            raise ValueError(
                f"per_trade_risk must be at most max_heat, was {self.per_trade_risk:g} over {self.max_heat:g}"
            )
        rate = self.order_rate
        if not rate.per_second <= rate.per_minute <= rate.per_day:
            raise ValueError("order_rate must not fall from per_second to per_minute to per_day")
        return self


def risk_profile(profile: Profile) -> RiskProfile:
    """In the domain's units: millionths and nanoseconds."""
    return RiskProfile(
        name=profile.name,
        per_trade_risk_ppm=_millionths(profile.per_trade_risk),
        max_heat_ppm=_millionths(profile.max_heat),
        max_daily_loss_ppm=_millionths(profile.max_daily_loss),
        underlyings=profile.instruments.underlyings,
        kinds=profile.instruments.kinds,
        orders_per_second=profile.order_rate.per_second,
        orders_per_minute=profile.order_rate.per_minute,
        orders_per_day=profile.order_rate.per_day,
        market_data_stale_after=round(profile.heartbeats.market_data_seconds * SECOND),
        order_stream_stale_after=round(profile.heartbeats.order_stream_seconds * SECOND),
        entry_slices=profile.entry_slices,
    )


def _millionths(fraction: float) -> int:
    return int(Decimal(repr(fraction)) * PARTS_PER_UNIT)
