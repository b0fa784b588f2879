"""Drills and the stages of a rollout: what is to come is drilled ahead, and what did not pass is not begun."""

import pytest

from tests.unit.operator.deciding import look, settled
from tests.unit.operator.proving import asked_for, ended, gated_desk, proved, respecified, runs
from tests.unit.operator.rollouts import asked, is_live_allowed, measured, rollout, where

CANARY_THEN_FULL = {
    "stages": [
        {"name": "canary", "profile": "canary-live", "minimumMarketTime": "1h"},
        {"name": "full", "profile": "full-live"},
    ]
}


def test_what_a_rollout_comes_to_is_drilled_ahead() -> None:
    """So that a promotion does not close the gate: the leader's limits first, then those to come."""
    seen = gated_desk({"drills": ["dual-runner"]}, config=CANARY_THEN_FULL)
    canary, full = (each["configHash"] for each in runs(seen))
    assert canary != full
    seen = settled(ended(seen))
    assert is_live_allowed(seen)
    assert seen.session.status["gates"] == {"configHash": canary, "image": "trader:1"}, "nothing is missing"
    assert [each["configHash"] for each in runs(seen)] == [full]
    assert rollout(seen)["stage"] == "canary"


def test_a_promotion_to_limits_that_were_not_drilled_yet_closes_the_gate_first() -> None:
    """The leader hears of them only after the status has told that no new risk is allowed with them."""
    seen = settled(ended(gated_desk({"drills": ["dual-runner"]}, config=CANARY_THEN_FULL)))
    assert is_live_allowed(seen)
    promoted = asked(seen, "promote")
    first = look(promoted)
    assert [action for action in first.actions if type(action).__name__ == "Configure"] == []
    seen = settled(promoted)
    assert rollout(seen)["stage"] == "full"
    assert not is_live_allowed(seen)


@pytest.mark.parametrize(("verdict", "word"), [("Failed", "failed"), ("Error", "could not be run")])
def test_a_stage_whose_drill_did_not_pass_is_not_begun(verdict: str, word: str) -> None:
    """Neither by itself nor when asked: the leader goes on with the limits that were proved, and the reason is said."""
    seen = settled(ended(gated_desk({"drills": ["dual-runner"]}, config=CANARY_THEN_FULL)))
    seen = settled(ended(seen, verdict))
    soaked = settled(measured(seen))
    assert where(soaked) == ("Paused", "DrillNotPassed", "canary")
    for number in ("1", "2"):
        soaked = settled(asked(soaked, "promote", number=number))
        assert where(soaked) == ("Paused", "DrillNotPassed", "canary")
        assert f"drill dual-runner {word} on 2026-11-23: a promise broke" in rollout(soaked)["message"]
        assert is_live_allowed(soaked)
    # A person has the drills run again, those of the stage to come too: they pass, and the person's next word carries.
    again = proved(asked_for(soaked))
    assert where(again) == ("Paused", "DrillNotPassed", "canary")
    done = settled(asked(again, "resume"))
    assert where(done)[0] == "Complete"
    assert is_live_allowed(done)


def test_a_drill_that_the_gates_do_not_ask_for_holds_no_stage_back() -> None:
    """Once nobody asks for the drill that failed, the stage is begun."""
    seen = settled(ended(gated_desk({"drills": ["dual-runner"]}, config=CANARY_THEN_FULL)))
    seen = settled(measured(settled(ended(seen, "Failed"))))
    without = respecified(seen, gates={"drills": []}, config=CANARY_THEN_FULL)
    assert where(settled(asked(without, "resume")))[0] == "Complete"
