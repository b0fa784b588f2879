"""The status of a TradingSession: what the operator saw, for people, printers and alerts.

Everything of the leader is mirrored from the account's Lease; the operator decides none of it.
Rapid numbers (heat, profit) are refreshed at a slow pace; their live values are metrics of the traders.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from session_operator.rules import Part


class ConditionType(StrEnum):
    """The conditions of a session; Ready sums them up."""

    READY = "Ready"
    LEADER_ELECTED = "LeaderElected"
    CONFIG_SYNCED = "ConfigSynced"
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


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Part):
    """One condition, as Kubernetes' API conventions have it."""

    type: ConditionType = Field(description="Ready, LeaderElected, ConfigSynced or SpecValid.")
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
    """Which configuration is wanted and which one runs."""

    desired: str | None = Field(
        default=None, description="First ten characters of the hash that the spec asks for: NAME-config-HASH holds it."
    )
    stable: str | None = Field(default=None, description="The last one that the leader reported to run.")
    profile: str | None = Field(default=None, description="Profile of risk limits in the desired configuration.")
    active: list[ActiveConfig] = Field(
        default=[],
        description="Which configuration each pod runs.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"]},
    )


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


class Status(Part):
    """What the operator saw; mirrored from the Lease where it concerns the leader."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec seen last.", json_schema_extra={"format": "int64"}
    )
    phase: Phase | None = Field(default=None, description="One word for the printer; programs read conditions.")
    message: str | None = Field(default=None, description="What keeps the session from trading; empty if nothing does.")
    conditions: list[Condition] = Field(
        default=[],
        description="Ready, LeaderElected, ConfigSynced and SpecValid.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    ready_traders: int | None = Field(default=None, ge=0, description="Trader pods that are ready, of two.")
    trading_state: str | None = Field(
        default=None, description="The leader's state: RECOVERING, LIVE, REDUCING, HALTED, CLOSED or PAPER."
    )
    leader: Leader | None = Field(default=None, description="The trader that leads.")
    last_epoch: int | None = Field(
        default=None,
        ge=0,
        description="The last epoch seen of any leader; a new leader's is higher.",
        json_schema_extra={"format": "int64"},
    )
    config: ConfigStatus | None = Field(default=None, description="Which configuration is wanted and which one runs.")
    kill: Kill | None = Field(default=None, description="The kill that stands, if one does.")
    report: Report | None = Field(default=None, description="Numbers of the leader.")
