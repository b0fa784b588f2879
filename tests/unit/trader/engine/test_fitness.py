"""A leader that found no broker says so, until it or somebody else proves the broker well."""

from trader.domain.values import SECOND, MachineTime
from trader.engine.fitness import PROVED_AFTER, Fitness

REASON = "the broker cannot be used: it does not accept the token"


def at(seconds: float) -> MachineTime:
    """A moment."""
    return MachineTime(round((1_000 + seconds) * SECOND))


def test_nothing_is_complained_of_before_an_attempt() -> None:
    """A standby that never led is fit as far as anybody knows."""
    assert Fitness().complaint("other", at(0)) == ""


def test_a_failed_attempt_is_complained_of_until_one_succeeds() -> None:
    """While nobody leads."""
    fitness = Fitness()
    fitness.failed(REASON)
    assert fitness.complaint("", at(0)) == REASON
    assert fitness.complaint("", at(600)) == REASON
    fitness.passed()
    assert fitness.complaint("", at(601)) == ""


def test_another_that_leads_for_a_while_proves_the_broker_well() -> None:
    """The one that failed first is a warm standby again."""
    fitness = Fitness()
    fitness.failed(REASON)
    assert fitness.complaint("other", at(0)) == REASON
    assert fitness.complaint("other", at(PROVED_AFTER / SECOND - 1)) == REASON
    assert fitness.complaint("other", at(PROVED_AFTER / SECOND)) == ""
    assert fitness.complaint("", at(100)) == ""


def test_pods_that_win_and_drop_the_lease_in_turns_prove_nothing() -> None:
    """Each holds it for a moment only."""
    fitness = Fitness()
    fitness.failed(REASON)
    for second in range(0, 120, 5):
        assert fitness.complaint("other" if second % 10 else "", at(second)) == REASON
