"""Which days of the week are walked, and what that asks of the session. Whatever is left out is said, never assumed."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ops.clients.kubectl import ROOT
from ops.week.market import MONDAY
from session_operator.domain.configs import build_revision

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
BURN_IN: Final = DAYS[:3]
CANARY_DAY: Final = "Thursday"
FULL_DAY: Final = "Friday"
# They are run again on the last day that they hold: one more than the week has, so that twenty minutes of drills are enough.
DRILLS_HOLD_DAYS: Final = 6


@dataclass(frozen=True, slots=True)
class Programme:
    """The chosen days by name, first to last, and the drills that the gate asks for."""

    days: tuple[str, ...]
    drills: tuple[str, ...]

    @property
    def burn_in(self) -> tuple[str, ...]:
        """The days on paper; the gate asks for as many."""
        return tuple(day for day in self.days if day in BURN_IN)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The days that are not walked."""
        return tuple(day for day in DAYS if day not in self.days)

    @property
    def first_date(self) -> dt.date:
        """Where the exchange's calendar begins."""
        return date_of(self.days[0])

    def confessions(self) -> Iterator[str]:
        """What a walk of some days cannot show; nothing for the whole week."""
        if self.left_out:
            yield f"Not the whole week; left out: {', '.join(self.left_out)}."
        if len(self.burn_in) < len(BURN_IN):
            yield f"Asked for are {len(self.burn_in)} burn-in days, not {len(BURN_IN)}."
        if CANARY_DAY not in self.days:
            yield "There is no canary: the limits are full from the start."

    def gates(self) -> dict[str, Any]:
        """The session's gates."""
        return {
            "burnInDays": len(self.burn_in),
            "drills": list(self.drills),
            "drillMaxAgeTradingDays": DRILLS_HOLD_DAYS,
        }

    def stages(self) -> list[dict[str, Any]]:
        """The stages of its configuration."""
        canary = {
            "name": "canary",
            "profile": "canary-live",
            "minimumMarketTime": "45m",
            "minimumSamples": {"orders": 3},
            "analysis": [{"slo": "OrderAck"}, {"slo": "Duplicates"}, {"slo": "Orphans"}],
        }
        full = {"name": "full", "profile": "full-live"}
        return [canary, full] if CANARY_DAY in self.days else [full]

    def limits_of(self, config_hash: str) -> str:
        """The name of the profile with this hash, among those of the stages."""
        for each in self.stages():
            name = str(each["profile"])
            profile = yaml.safe_load((ROOT / "configs" / f"{name.replace('-', '_')}.yaml").read_text())
            if build_revision(profile).hash == config_hash:
                return name
        return config_hash[:10]


def programme(days: Sequence[str], drills: Sequence[str]) -> Programme:
    """The chosen days in the week's order, each once; none chosen is the whole week."""
    return Programme(tuple(day for day in DAYS if day in (days or DAYS)), tuple(drills))


def date_of(day: str) -> dt.date:
    """The date of a day of the week."""
    return MONDAY + dt.timedelta(DAYS.index(day))
