"""The part of a status that proves something: drills, sealed days, burn-in, and what the gates still ask for.

It is the record: Jobs and their pods go, what they showed stays here.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from session_operator.rules import Part


class Verdict(StrEnum):
    """How a drill or a post-close ended. Error is no failure of the product: nothing was shown."""

    PASSED = "Passed"
    FAILED = "Failed"
    ERROR = "Error"


class RunKind(StrEnum):
    """What a Job of the operator does."""

    DRILL = "Drill"
    POST_CLOSE = "PostClose"


class Judgement(StrEnum):
    """What a trading day is worth as a burn-in day."""

    CLEAN = "Clean"
    UNCLEAN = "Unclean"
    IDLE = "Idle"


class TradingDay(Part):
    """The exchange's day, by the leader's market clock."""

    date: str = Field(description="The trading date.")
    is_market_day: bool = Field(default=False, description="Whether there is trading on it.")
    is_closed: bool = Field(default=False, description="Whether its trading is over.")


class Run(Part):
    """A Job that is due or under way; the first of them runs."""

    job: str = Field(description="Name of the Job.")
    kind: RunKind = Field(description="Drill or PostClose.")
    name: str = Field(default="", description="Name of the drill.")
    config_hash: str = Field(default="", description="Hash of the configuration whose limits the drill runs with.")
    image: str = Field(default="", description="The traders' image, which the drill runs.")
    trading_date: str = Field(description="The trading date that it is for.")
    since: str = Field(description="Since when it is due.", json_schema_extra={"format": "date-time"})
    request: str | None = Field(default=None, description="Id of the request that asked for it, if a person did.")
    by: str = Field(default="", description="Who asked for it.")


class DrillResult(Part):
    """What a drill showed last with one configuration."""

    name: str = Field(description="Name of the drill.")
    config_hash: str = Field(description="Hash of the configuration whose limits it ran with.")
    image: str = Field(default="", description="The image that it ran; it proves nothing of another.")
    verdict: Verdict = Field(description="Passed, Failed (a promise broke) or Error (nothing was shown).")
    reason: str = Field(default="", max_length=1024, description="Why it did not pass.")
    trading_date: str = Field(description="The trading date on which it ran.")
    at: str = Field(description="When it ended.", json_schema_extra={"format": "date-time"})
    seconds: int = Field(default=0, ge=0, description="How long it took.", json_schema_extra={"format": "int64"})
    job: str = Field(description="Name of the Job that ran it.")


class PostCloseResult(Part):
    """The trading day that was sealed last, or could not be."""

    date: str = Field(description="The trading date.")
    verdict: Verdict = Field(
        description="Passed, Failed (damaged, or it does not restore) or Error (it could not run)."
    )
    result: str = Field(default="", description="Archived, or Verified where it had been sealed before.")
    reason: str = Field(default="", max_length=1024, description="Why it did not pass.")
    archive: str | None = Field(default=None, description="Folder in the archive.")
    claim: str | None = Field(
        default=None, description="The PersistentVolumeClaim that keeps it; absent: it was not kept."
    )
    sha256: str | None = Field(default=None, description="SHA-256 of the archive's list of checksums.")
    token: str | None = Field(default=None, description="What was found about the rotation of the broker's token.")
    at: str = Field(description="When it ended.", json_schema_extra={"format": "date-time"})
    seconds: int = Field(default=0, ge=0, description="How long it took.", json_schema_extra={"format": "int64"})
    job: str = Field(description="Name of the Job that did it.")


class BurnInDay(Part):
    """One trading day, judged."""

    date: str = Field(description="The trading date.")
    judgement: Judgement = Field(
        description="Clean counts; Unclean ends the row; Idle (no order was placed) proves nothing and ends nothing."
    )
    reason: str = Field(default="", max_length=1024, description="Why it does not count.")
    reported: str = Field(default="", description="What a leader reported on it: orders accepted twice, orphans.")
    orders: int = Field(default=0, ge=0, description="Orders of that day.", json_schema_extra={"format": "int64"})


class BurnIn(Part):
    """How many clean trading days the wanted configuration has behind it."""

    clean_days: int = Field(
        default=0, ge=0, description="Clean days in a row, up to the last one.", json_schema_extra={"format": "int64"}
    )
    earned_days: int = Field(
        default=0,
        ge=0,
        description="The longest such row under these limits or looser ones: what the gate looks at.",
        json_schema_extra={"format": "int64"},
    )
    revision: str = Field(
        description="Short hash of the final configuration that it holds for; a looser one begins anew."
    )
    after: str | None = Field(
        default=None,
        description="The trading date on which limits loosened last: only later days count for them.",
    )
    days: list[BurnInDay] = Field(
        default=[],
        description="The last trading days that were judged, oldest first.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["date"]},
    )


class GateStatus(Part):
    """What the gates say."""

    config_hash: str = Field(description="Hash of the configuration that they were judged for.")
    image: str = Field(default="", description="The traders' image that they were judged for.")
    missing: list[Annotated[str, Field(description="One thing that is missing.")]] = Field(
        default=[], description="What is missing, in words; empty: all gates are satisfied."
    )
