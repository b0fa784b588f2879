"""The status of a TradingSession: what the operator saw, for people, printers and alerts.

Everything of the leader is mirrored from the account's Lease; the operator decides none of it.
Rapid numbers (heat, profit) are refreshed at a slow pace; their live values are metrics of the traders.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from session_operator.proofs import BurnIn, DrillResult, GateStatus, PostCloseResult, Run, TradingDay
from session_operator.rules import Part


class ConditionType(StrEnum):
    """The conditions of a session; Ready sums them up."""

    READY = "Ready"
    LEADER_ELECTED = "LeaderElected"
    CONFIG_SYNCED = "ConfigSynced"
    ROLLOUT_COMPLETE = "RolloutComplete"
    ANALYSIS_HEALTHY = "AnalysisHealthy"
    GATES_PASSED = "GatesPassed"
    POST_CLOSE_SUCCEEDED = "PostCloseSucceeded"
    LIVE_ALLOWED = "LiveAllowed"
    SPEC_VALID = "SpecValid"


class Phase(StrEnum):
    """One word for the printer; machines read conditions."""

    PENDING = "Pending"
    INVALID = "Invalid"
    STARTING = "Starting"
    ELECTING = "Electing"
    PAPER = "Paper"
    RECOVERING = "Recovering"
    LIVE = "Live"
    REDUCING = "Reducing"
    HALTED = "Halted"
    CLOSED = "Closed"
    SUSPENDED = "Suspended"


class RolloutPhase(StrEnum):
    """How far a configuration is on its way through its stages."""

    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    COMPLETE = "Complete"
    ROLLED_BACK = "RolledBack"
    HALTED = "Halted"


class Outcome(StrEnum):
    """What an analysis says. No data is inconclusive, an unreachable trader is an error; neither is a failure."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Part):
    """One condition, as Kubernetes' API conventions have it."""

    type: ConditionType = Field(description="Which condition; Ready sums the others up.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(
        min_length=1, max_length=1024, pattern=r"^[A-Z][A-Za-z0-9]*$", description="One word for programs: why."
    )
    message: str = Field(max_length=32768, description="The same for people, with the field and value concerned.")
    last_transition_time: str = Field(
        description="When status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int = Field(
        ge=0, description="Generation of the spec that was judged.", json_schema_extra={"format": "int64"}
    )


class Leader(Part):
    """The trader that leads, mirrored from the Lease."""

    holder: str = Field(description="Name of the leader's pod.")
    identity: str = Field(description="Holder of the Lease: pod name, pod UID and the process's own nonce.")
    epoch: int | None = Field(
        default=None,
        ge=0,
        description="The leader's epoch from the database; each leader has a higher one.",
        json_schema_extra={"format": "int64"},
    )
    since: str = Field(description="Since when it leads.", json_schema_extra={"format": "date-time"})


class ActiveConfig(Part):
    """Which configuration one pod runs."""

    pod: str = Field(description="Name of the pod.")
    hash: str = Field(description="First ten characters of its configuration's hash.")


class ConfigStatus(Part):
    """Which configurations there are: NAME-config-HASH holds each, by the first ten characters of its hash."""

    stable: str | None = Field(
        default=None, description="The one that earned its place: pods boot on it, and a failed rollout returns to it."
    )
    candidate: str | None = Field(default=None, description="The one that the spec asks for: its last stage.")
    stage: str | None = Field(default=None, description="The stage that holds for the leader now.")
    profile: str | None = Field(default=None, description="Profile of risk limits that holds for the leader now.")
    active: list[ActiveConfig] = Field(
        default=[],
        description="Which configuration each pod runs, by its own word.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"]},
    )
    failed: list[Annotated[str, Field(description="Revision of a configuration.")]] = Field(
        default=[],
        description="Configurations (status.rollout.revision) that failed or were aborted: never tried again unasked.",
    )


class Analysis(Part):
    """What one check of the stage says."""

    slo: str = Field(description="OrderAck, Duplicates, Orphans or KillFlatten.")
    outcome: Outcome = Field(description="Success, Failure, Inconclusive (no data) or Error (no answer).")
    message: str = Field(default="", description="The figure, its bound and its samples.")


class KillSample(Part):
    """The slowest kill of the last trading day that had one: what KillFlatten is judged by."""

    trading_date: str = Field(description="The trading day.")
    seconds: str = Field(description="From the kill's arrival until the book proved flat, in seconds.")
    samples: int = Field(ge=1, description="How many kills that day had.", json_schema_extra={"format": "int64"})


class Rollout(Part):
    """How far the wanted configuration is on its way through its stages."""

    revision: str = Field(description="First ten characters of the hash over all its stages.")
    phase: RolloutPhase = Field(description="Progressing, Paused, Complete, RolledBack or Halted.")
    reason: str = Field(description="One word: why.")
    stage: str = Field(description="The stage that it has reached.")
    step: int = Field(ge=1, description="Number of that stage, from 1.", json_schema_extra={"format": "int64"})
    steps: int = Field(ge=1, description="How many stages there are.", json_schema_extra={"format": "int64"})
    attempt: int = Field(
        default=1, ge=1, description="How often it was begun anew.", json_schema_extra={"format": "int64"}
    )
    message: str = Field(default="", description="The same for people: what it waits for, or why it ended.")
    epoch: int | None = Field(
        default=None,
        ge=0,
        description="The leadership under which the stage is observed; another one pauses the rollout.",
        json_schema_extra={"format": "int64"},
    )
    started_at: str = Field(description="When it began.", json_schema_extra={"format": "date-time"})
    stage_since: str = Field(description="When this stage began.", json_schema_extra={"format": "date-time"})
    stage_date: str | None = Field(
        default=None,
        description="The trading day on which its observation began: kills from that day on are samples of KillFlatten.",
    )
    soak_from_seconds: int = Field(
        default=0,
        ge=0,
        description="Market seconds that do not count: traded before the rollout was last resumed.",
        json_schema_extra={"format": "int64"},
    )
    market_seconds: int = Field(
        default=0,
        ge=0,
        description="Market seconds traded under this stage and leadership.",
        json_schema_extra={"format": "int64"},
    )
    orders: int = Field(
        default=0,
        ge=0,
        description="Orders accepted under this stage and leadership.",
        json_schema_extra={"format": "int64"},
    )
    analysis: list[Analysis] = Field(
        default=[],
        description="What each check of the stage says now.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["slo"]},
    )
    silent_since: str | None = Field(
        default=None,
        description="Since when the leader does not answer for this stage.",
        json_schema_extra={"format": "date-time"},
    )
    handled_request: str | None = Field(default=None, description="Id of the last request that was carried out.")


class Kill(Part):
    """A kill that stands."""

    id: str = Field(description="Its id: write it to spec.killSwitch.release to lift it.")
    reason: str = Field(default="", description="Why.")
    by: str = Field(default="", description="Who or what engaged it.")
    since: str | None = Field(default=None, description="When it was engaged.")
    flat_at: str | None = Field(default=None, description="When the account was flat: own quantity zero, none working.")


class Report(Part):
    """Numbers of the leader, in rupees where so named; refreshed at a slow pace."""

    open_positions: int = Field(description="Open positions.", json_schema_extra={"format": "int64"})
    working_orders: int = Field(description="Orders working at the exchange.", json_schema_extra={"format": "int64"})
    heat_rupees: str = Field(description="What is lost if every stop fills: money at risk, in rupees.")
    day_profit_rupees: str = Field(description="The day's profit, realised and not, in rupees.")
    net_liquidation_rupees: str = Field(description="What the account is worth, in rupees.")
    on_paper: bool = Field(
        default=False, description="Whether the leader trades on paper: then none of these figures is money."
    )


class Status(Part):
    """What the operator saw; mirrored from the Lease where it concerns the leader."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec seen last.", json_schema_extra={"format": "int64"}
    )
    phase: Phase | None = Field(default=None, description="One word for the printer; programs read conditions.")
    message: str | None = Field(default=None, description="What keeps the session from trading; empty if nothing does.")
    conditions: list[Condition] = Field(
        default=[],
        description=(
            "Ready, LeaderElected, ConfigSynced, RolloutComplete, AnalysisHealthy, GatesPassed, PostCloseSucceeded, "
            "LiveAllowed and SpecValid. Traders take new risk in mode Live only while LiveAllowed is True."
        ),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    ready_traders: int | None = Field(default=None, ge=0, description="Trader pods that are ready, of two.")
    trading_state: str | None = Field(
        default=None,
        description=(
            "The leader's state: RECOVERING, LIVE, REDUCING, HALTED, CLOSED or PAPER. New risk on paper is PAPER, "
            "never LIVE."
        ),
    )
    leader: Leader | None = Field(default=None, description="The trader that leads.")
    last_epoch: int | None = Field(
        default=None,
        ge=0,
        description="The last epoch seen of any leader; a new leader's is higher.",
        json_schema_extra={"format": "int64"},
    )
    config: ConfigStatus | None = Field(default=None, description="Which configurations there are, and who runs which.")
    rollout: Rollout | None = Field(default=None, description="How far the wanted configuration is through its stages.")
    kill_sample: KillSample | None = Field(default=None, description="What KillFlatten is judged by.")
    kill: Kill | None = Field(default=None, description="The kill that stands, if one does.")
    report: Report | None = Field(default=None, description="Numbers of the leader.")
    trading_day: TradingDay | None = Field(default=None, description="The exchange's day, by the leader's clock.")
    gates: GateStatus | None = Field(default=None, description="What the gates still ask for.")
    drills: list[DrillResult] = Field(
        default=[],
        description="What each drill showed last, by configuration.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "configHash"]},
    )
    burn_in: BurnIn | None = Field(default=None, description="Clean trading days behind the wanted configuration.")
    post_close: PostCloseResult | None = Field(default=None, description="The day that was sealed last.")
    runs: list[Run] = Field(
        default=[],
        description="Jobs that are due or under way; the first of them runs.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["job"]},
    )
    handled_job_request: str | None = Field(
        default=None, description="Id of the last request for a Job that was taken (kubectl tsn drill, post-close)."
    )
