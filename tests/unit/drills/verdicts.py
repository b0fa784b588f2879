"""Verdicts to write down."""

import datetime as dt

from ops.drills.framework import DrillVerdict, Hypothesis, Outcome, VariantVerdict

STARTED = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
HELD = Hypothesis("no order twice", "no violation", "no violation", held=True)
BROKEN = Hypothesis("flat", "<= 2 s", "never", held=False)


def variant(name: str, outcome: Outcome, *hypotheses: Hypothesis, reason: str = "") -> VariantVerdict:
    """A variant that took ten seconds."""
    return VariantVerdict(name, outcome, reason, STARTED, 10.0, hypotheses)


def drill_verdict(variants: tuple[VariantVerdict, ...]) -> DrillVerdict:
    """A drill of these."""
    ended = STARTED + dt.timedelta(seconds=10 * len(variants))
    return DrillVerdict("dual-runner", STARTED, ended, 1, "3f" * 32, {"trader": "0.1.0"}, variants)
