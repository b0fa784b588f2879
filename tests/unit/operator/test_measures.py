"""The inventory that alerts rely on: which sessions must have a leader."""

import pytest

from session_operator.adapters.measures import PrometheusMeasures


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
