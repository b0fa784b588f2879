"""What must be proved before new risk is taken, and what becomes of a day once the market has closed."""

from enum import StrEnum

from pydantic import Field

from session_operator.rules import Part, Rule


class DrillName(StrEnum):
    """The drills that a gate can ask for; docs/seams.md §7 says what each proves."""

    DUAL_RUNNER = "dual-runner"
    WS_FLAP_CHILD_PLACEMENT = "ws-flap-child-placement"
    EXCHANGE_BAND_JUMP = "exchange-band-jump"


class Gates(Part):
    """What must be satisfied before new risk is taken in mode Live."""

    rules = (
        Rule(
            "self.drills.all(one, self.drills.exists_one(other, other == one))",
            "gates.drills must name each drill once",
            lambda it: len(set(it.drills)) == len(it.drills),
            path=".drills",
        ),
    )

    burn_in_days: int = Field(
        default=0,
        ge=0,
        le=30,
        description=(
            "Clean trading days in a row that the session must have shown once (docs/explanation/gates.md says what is "
            "clean); a configuration that loosens begins anew. 0 asks for none."
        ),
    )
    drills: list[DrillName] = Field(
        default=[],
        max_length=3,
        description=(
            "Drills that must have passed, with the limits that the leader trades by, not longer ago than "
            "drillMaxAgeTradingDays. The operator runs each as a Job before the market opens."
        ),
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "string",
                "enum": [each.value for each in DrillName],
                "description": "Name of a drill.",
            },
        },
    )
    drill_max_age_trading_days: int = Field(
        default=1,
        ge=1,
        le=30,
        description=(
            "For how many trading days a drill that passed counts; 1: it must have passed today. With more, it is run "
            "again on the last day on which it counts, so that the gate need not close in between."
        ),
    )


class Archive(Part):
    """Where sealed days are kept."""

    persistent_volume_claim: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
        description="Name of a PersistentVolumeClaim in the same namespace, writable by a pod of any node.",
    )


class PostClose(Part):
    """What is done once a trading day once the market has closed."""

    archive: Archive | None = Field(
        default=None,
        description=(
            "Where the sealed day is kept. Left out: the day is sealed and its snapshot proved, but the archive goes "
            "with its pod; the condition PostCloseSucceeded says so."
        ),
    )
    retention: str | None = Field(
        default=None,
        min_length=2,
        max_length=5,
        pattern=r"^[1-9][0-9]*d$",
        description="For how long sealed days are kept, such as 30d. Left out: none is ever removed.",
    )
