"""What a stage's checks say of what was measured: `KillFlatten` by the day on which its kill was timed."""

import pytest

from session_operator.domain.analysis import judge
from session_operator.domain.configs import Step, build_revision
from session_operator.domain.reports import Figures
from session_operator.status import KillSample, Outcome

STEP = Step("canary", build_revision({"name": "canary"}), 600, 0, ("KillFlatten",), needs_approval=False)
FIGURES = Figures("hash", 1, "run", 600, 5, 5, 100, 0, 0)
MONDAY, TUESDAY = "2026-11-23", "2026-11-24"


@pytest.mark.parametrize(
    ("timed_on", "since", "outcome"),
    [
        (MONDAY, MONDAY, Outcome.SUCCESS),
        (TUESDAY, MONDAY, Outcome.SUCCESS),
        (MONDAY, TUESDAY, Outcome.INCONCLUSIVE),
        # The stage has just begun, and no leader has told its day yet: what is remembered was timed under another stage.
        (MONDAY, "", Outcome.INCONCLUSIVE),
    ],
)
def test_a_kill_counts_from_the_day_on_which_its_stage_began(timed_on: str, since: str, outcome: Outcome) -> None:
    """Of an earlier day, or of one that cannot be told, it says nothing of this stage."""
    kill = KillSample(trading_date=timed_on, seconds="1.200", samples=3)
    (told,) = judge(STEP, FIGURES, kill, since)
    assert told.outcome is outcome
