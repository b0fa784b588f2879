"""What the trading week waits for, by the words that the operator's status has for it."""

from typing import Any

from ops.week.days import still_due
from session_operator.domain.statuses import as_body
from session_operator.proofs import GateStatus
from session_operator.status import Status


def gates_of(*missing: str) -> dict[str, Any] | None:
    """As the API server has them."""
    body = as_body(Status(gates=GateStatus(config_hash="c1", image="trader:1", missing=list(missing))))
    found: dict[str, Any] | None = body.get("gates")
    return found


def test_gates_that_miss_nothing_wait_for_nothing() -> None:
    """What is empty is absent from a status, and no list is no reason to wait."""
    assert "missing" not in (gates_of() or {})
    assert still_due(gates_of()) == []


def test_what_has_not_run_is_waited_for_and_what_failed_is_not() -> None:
    """Nor are days of burn-in: those are what the week walks for."""
    due = "drill dual-runner has not passed within 6 trading days (it runs now)"
    failed = "drill ws-flap-child-placement failed on 2026-12-07: the longest without a stop"
    assert still_due(gates_of(due, failed, "1 of 3 burn-in days")) == [due]
    assert still_due(gates_of(failed, "1 of 3 burn-in days")) == []


def test_gates_that_were_not_judged_are_waited_for() -> None:
    """Nothing was looked at yet, or no leader has told the day."""
    assert still_due(None) == ["the gates are not judged yet"]
    unknown = "the trading day is not known: no leader has told it yet"
    assert still_due(gates_of(unknown)) == [unknown]
