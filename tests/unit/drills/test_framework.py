"""A drill's verdict is honest: passed, failed and could-not-tell are three things, and everything is always taken down."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.drills.framework import DrillVerdict, Findings, NotSteadyError, Outcome, Variant, VariantVerdict, run_variant
from ops.drills.stand import Stand
from tests.unit.drills.verdicts import STARTED, drill_verdict


class Recorder:
    """A stand that notes what was asked of it."""

    def __init__(self, steady: Exception | None = None) -> None:
        self.steady = steady
        self.calls: list[str] = []
        self.exchange = SimpleNamespace(clear_faults=lambda: self.calls.append("clear"))

    def await_steady(self) -> None:
        self.calls.append("steady")
        if self.steady is not None:
            raise self.steady

    def judge(self, findings: Findings) -> None:
        self.calls.append("judge")

    def close(self) -> None:
        self.calls.append("close")


def judged(run: Any, stand: Recorder | None = None) -> tuple[VariantVerdict, Recorder]:
    """The verdict of a variant on a recorder."""
    stand = stand or Recorder()
    return run_variant(Variant("any", "", run), lambda _: cast("Stand", stand)), stand


def holds(stand: Stand, findings: Findings) -> None:
    findings.expect("it holds", 1, 1)


def breaks(stand: Stand, findings: Findings) -> None:
    findings.expect("it holds", 1, 2)


def stumbles(stand: Stand, findings: Findings) -> None:
    raise OSError("the drill's own")


def breaks_and_stumbles(stand: Stand, findings: Findings) -> None:
    breaks(stand, findings)
    stumbles(stand, findings)


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (holds, Outcome.PASSED),
        (breaks, Outcome.FAILED),
        (stumbles, Outcome.ERROR),
        (breaks_and_stumbles, Outcome.FAILED),
    ],
)
def test_a_broken_promise_is_told_apart_from_a_drill_that_stumbled(run: Any, outcome: Outcome) -> None:
    """What was seen to break stays broken, even when the drill then stumbles; all is taken down."""
    verdict, stand = judged(run)
    assert verdict.outcome is outcome
    assert stand.calls[-1] == "close"


def test_no_steady_state_is_no_verdict_about_the_product() -> None:
    """Error, and nothing is injected."""
    verdict, stand = judged(holds, Recorder(NotSteadyError("nobody leads")))
    assert (verdict.outcome, verdict.reason, verdict.hypotheses) == (Outcome.ERROR, "nobody leads", ())
    assert stand.calls == ["steady", "close"]


def test_faults_end_before_the_exchange_is_asked() -> None:
    """Recover, then judge."""
    assert judged(holds)[1].calls == ["steady", "clear", "judge", "close"]


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        (["Passed", "Passed"], "Passed"),
        (["Passed", "Error"], "Error"),
        (["Error", "Failed", "Passed"], "Failed"),
        ([], "Error"),
    ],
)
def test_the_worst_variant_decides(outcomes: list[str], worst: str) -> None:
    """And a drill without variants shows nothing."""
    variants = tuple(VariantVerdict(each, Outcome(each), "", STARTED, 1.0, ()) for each in outcomes)
    assert drill_verdict(variants).outcome == worst


def test_a_figure_that_was_never_reached_does_not_hold() -> None:
    """None is no time at all, not a short one."""
    findings = Findings()
    assert not findings.at_most("flat", 2, None)
    assert findings.at_most("flat", 2, 2.0)
    assert not findings.at_least("it struck", 1, 0)
    assert [each.observed for each in findings.hypotheses] == ["never", "2.00 s", "0"]
    assert isinstance(drill_verdict(()), DrillVerdict)
