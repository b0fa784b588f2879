"""The inventory that alerts rely on: which sessions must have a leader."""

import pytest

from session_operator.adapters.measures import PrometheusMeasures
from session_operator.status import Status


@pytest.mark.parametrize(
    ("phase", "active"), [("Live", 1), ("Electing", 1), ("Halted", 1), ("Pending", 0), ("Invalid", 0)]
)
def test_a_session_with_traders_is_active(phase: str, active: int) -> None:
    """Killed or closed, one of its traders must lead; without traders there is nobody who could."""
    measures = PrometheusMeasures()
    measures.phase("desk", "index", phase)
    assert f'operator_session_active{{namespace="desk",session="index"}} {active:.1f}' in measures.exposition().decode()


def test_a_session_that_is_gone_is_not_missed() -> None:
    """Nobody pages for what was deleted on purpose."""
    measures = PrometheusMeasures()
    measures.phase("desk", "index", "Live")
    measures.gone("desk", "index")
    assert 'session="index"' not in measures.exposition().decode()


def test_what_was_proved_is_shown_of_the_limits_that_are_judged() -> None:
    """A drill of other limits says nothing about those that trade."""
    drills = [
        {"name": name, "configHash": config, "verdict": verdict, "tradingDate": "2026-11-23", "at": "now", "job": "j"}
        for name, config, verdict in (
            ("dual-runner", "a", "Passed"),
            ("exchange-band-jump", "a", "Error"),
            ("ws-flap-child-placement", "b", "Passed"),
        )
    ]
    status = Status.model_validate({"gates": {"configHash": "a", "missing": ["something"]}, "drills": drills})
    measures = PrometheusMeasures()
    measures.proofs("desk", "index", status)
    shown = measures.exposition().decode()
    assert 'operator_drill_passed{drill="dual-runner",namespace="desk",session="index"} 1.0' in shown
    assert 'operator_drill_passed{drill="exchange-band-jump",namespace="desk",session="index"} 0.0' in shown
    assert "ws-flap" not in shown
    assert 'operator_gates_passed{namespace="desk",session="index"} 0.0' in shown
    measures.gone("desk", "index")
    assert 'session="index"' not in measures.exposition().decode()
