"""A verdict says the same in every shape, and fits where Kubernetes keeps it."""

import json
from xml.etree import ElementTree as ET

import pytest

from ops.drills import reports
from ops.drills.framework import Hypothesis, Outcome
from tests.unit.drills.verdicts import BROKEN, HELD, drill_verdict, variant

MIXED = drill_verdict(
    (
        variant("leader-killed", Outcome.PASSED, HELD),
        variant("leader-frozen", Outcome.FAILED, HELD, BROKEN, reason="flat"),
        variant("second-runner", Outcome.ERROR, reason="nobody leads"),
    )
)


def test_json_has_every_hypothesis() -> None:
    """With what was expected and what was seen; one failure makes the whole fail."""
    written = reports.as_json(MIXED)
    assert (written["schema"], written["verdict"], written["passed"]) == (reports.SCHEMA, "Failed", False)
    assert [len(each["hypotheses"]) for each in written["variants"]] == [1, 2, 0]
    assert written["failed"] == [
        {"variant": "leader-frozen", "statement": "flat", "expected": "<= 2 s", "observed": "never"}
    ]
    assert (written["startedAt"], written["seconds"]) == ("2026-11-23T03:00:00Z", 30.0)


def test_junit_counts_failures_and_errors() -> None:
    """A failed hypothesis is a failure, a variant that could not be run an error."""
    suite = ET.fromstring(reports.as_junit([MIXED]))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
    }
    (failure,) = suite.iter("failure")
    assert failure.get("message") == "expected <= 2 s, was never"


@pytest.mark.parametrize("length", [1, 100, 10_000])
@pytest.mark.parametrize("count", [1, 12])
def test_the_termination_message_always_fits(length: int, count: int) -> None:
    """Words are cut; verdict and variants stay."""
    long = Hypothesis("s" * length, "é" * length, "o" * length, held=False)
    reason = "r" * length
    verdict = drill_verdict(tuple(variant(f"v-{n}", Outcome.FAILED, long, reason=reason) for n in range(count)))
    text = reports.for_termination(verdict)
    assert len(text.encode()) <= reports.TERMINATION_BYTES
    read = json.loads(text)
    assert (read["verdict"], read["passed"], len(read["variants"])) == ("Failed", False, count)


def test_a_short_verdict_keeps_its_words() -> None:
    """Nothing is cut that fits."""
    read = json.loads(reports.for_termination(MIXED))
    assert read["failed"] == reports.as_json(MIXED)["failed"]
    assert read["reason"] == "leader-frozen: flat; second-runner: nobody leads"
