"""How a configuration earns its size: the stages of a spec, what each must show, and what a failure does."""

from enum import StrEnum

from pydantic import Field

from session_operator.rules import DNS_LABEL, DURATION, Part, Rule


class Slo(StrEnum):
    """What a stage is judged by; docs/seams.md §5 says how the trader measures each."""

    ORDER_ACK = "OrderAck"
    DUPLICATES = "Duplicates"
    ORPHANS = "Orphans"
    KILL_FLATTEN = "KillFlatten"


class Approval(StrEnum):
    """Who lets a stage that passed go on to the next."""

    AUTOMATIC = "Automatic"
    REQUIRED = "Required"


class OnFailure(StrEnum):
    """What becomes of a configuration that failed its analysis."""

    ROLLBACK = "Rollback"
    HALT = "Halt"


class Samples(Part):
    """How much must have happened before a stage can be judged."""

    orders: int = Field(ge=1, le=10_000, description="Orders that the broker accepted under this stage.")


class Check(Part):
    """One thing that a stage is judged by."""

    slo: Slo = Field(
        description=(
            "OrderAck: p95 of a placement's acknowledgement is at most 500 ms. Duplicates: no order was accepted twice. "
            "Orphans: no exit worked for a position that is gone. KillFlatten: the last trading day's slowest "
            "kill was flat within 2 s; without a kill (a drill) since the day on which the stage began there is no sample."
        )
    )


class Stage(Part):
    """One stage of a configuration: which profile of risk limits holds, and what it must show before the next one."""

    rules = (
        Rule(
            "has(self.minimumMarketTime) || (!has(self.minimumSamples) && (!has(self.analysis) || "
            "self.analysis.size() == 0))",
            "minimumMarketTime is required with minimumSamples or analysis, for example 1h: "
            "without it nothing says when to judge",
            lambda it: it.minimum_market_time is not None or (it.minimum_samples is None and not it.analysis),
            path=".minimumMarketTime",
        ),
    )

    name: str = Field(pattern=DNS_LABEL, max_length=63, description="Name of the stage, such as full.")
    profile: str = Field(
        pattern=DNS_LABEL,
        max_length=63,
        description=(
            "Profile of risk limits: a key of the operator's profiles ConfigMap "
            "(canary-live is its key canary_live.yaml)."
        ),
    )
    minimum_market_time: str | None = Field(
        default=None,
        min_length=2,
        max_length=16,
        pattern=DURATION,
        description=(
            "How long the leader must have traded LIVE in an open market under this stage, such as 1h or 1h30m; "
            "market time, so that nights and weekends do not count. Left out: it is not waited for."
        ),
    )
    minimum_samples: Samples | None = Field(
        default=None, description="How much must have happened. Less is inconclusive, and pauses the rollout."
    )
    analysis: list[Check] = Field(
        default=[],
        max_length=8,
        description=(
            "What the stage is judged by, once its market time is over; a failure counts at once. Success goes on, "
            "failure rolls back (or halts), no data and an unreachable trader pause."
        ),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["slo"]},
    )
    approval: Approval = Field(
        default=Approval.AUTOMATIC,
        description="Required: a stage that passed waits for `kubectl tsn promote`. Automatic: it goes on by itself.",
    )


class Configuration(Part):
    """Which risk limits hold, and how a change of them earns its size."""

    rules = (
        Rule(
            "self.stages.all(one, self.stages.exists_one(other, other.profile == one.profile))",
            "config.stages must name each profile once: two stages with the same limits are one stage",
            lambda it: len({each.profile for each in it.stages}) == len(it.stages),
            path=".stages",
        ),
    )

    stages: list[Stage] = Field(
        min_length=1,
        max_length=8,
        description=(
            "The stages that a configuration passes through; the last is what it is meant to become. Any change of a "
            "profile's content is a new configuration, which begins with the first stage."
        ),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    on_failure: OnFailure = Field(
        default=OnFailure.ROLLBACK,
        description=(
            "What a failed analysis does. Rollback: back to the stable configuration; with none yet, no new risk. "
            "Halt: no new risk, positions are reduced, and the configuration stays for a person to look at."
        ),
    )
