"""A configuration earns its size, stage by stage; what it must show, and what becomes of one that does not."""

import dataclasses
from typing import Any

import pytest

from session_operator.domain.actions import Delete
from session_operator.domain.names import ANNOTATION_REPORT, ANNOTATION_STATE
from tests.unit.operator.builders import observed, report, session, spec
from tests.unit.operator.deciding import look, orders, performed, running, settled, told
from tests.unit.operator.rollouts import (
    LEASE,
    PROFILES,
    asked,
    config,
    drilled,
    heard,
    is_live_allowed,
    later,
    leader_of,
    measured,
    new_desk,
    old_desk,
    rollout,
    runs,
    stages,
    succeeded,
    wanting,
    where,
)

LEADER, STANDBY = "index-trader-0", "index-trader-1"


def test_a_first_configuration_begins_with_its_first_stage() -> None:
    """Live is allowed with the canary's limits; the standby has nothing stable yet, and waits for the operator's word."""
    seen = new_desk()
    assert where(seen) == ("Progressing", "Soaking", "canary")
    assert "stable" not in config(seen)
    assert (runs(seen, LEADER), seen.reports[LEADER].run.split("/")[1:]) == ("canary_live.yaml", ["canary", "1"])
    assert seen.reports[STANDBY].run == ""
    assert is_live_allowed(seen)


def test_a_stage_that_passed_promotes_itself_and_nobody_restarts() -> None:
    """The last stage asks for nothing: the configuration is stable, both traders are told, the pod template stays."""
    seen = old_desk()
    workload = next(each for child, each in seen.children.items() if child.kind == "StatefulSet")
    passed = drilled(measured(seen))
    assert {"RolloutStageBegun", "RolloutComplete", "ConfigPromoted"} & set(told(look(passed)))
    done = settled(passed)
    assert where(done) == ("Complete", "Promoted", "full")
    assert config(done)["stable"] == config(done)["candidate"]
    assert {runs(done, pod) for pod in done.reports} == {"full_live.yaml"}
    assert workload == next(each for child, each in done.children.items() if child.kind == "StatefulSet")


def test_only_the_leader_hears_of_a_candidate_and_only_after_the_status_tells_of_it() -> None:
    """What is begun is written first: an operator that dies in between knows what it has begun."""
    seen = wanting(settled(old_desk(stages())), stages(minimumMarketTime="2h"))
    changed = wanting(seen, {"stages": [{"name": "small", "profile": "full-live", "minimumMarketTime": "1h"}]})
    first = look(changed)
    assert orders(first) == []
    told_now = orders(look(performed(changed, first)))
    assert [(order.pod, order.stage, order.epoch, order.is_stable) for order in told_now] == [
        (LEADER, "small", 7, False)
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"acknowledgement_p95_ms": 501}, "OrderAck: p95 501 ms of 8 samples, at most 500 ms"),
        ({"duplicates": 1, "orders": 1, "market_seconds": 5}, "Duplicates: 1 orders accepted twice, must be 0"),
        ({"orphans": 1}, "Orphans: 1 exits"),
    ],
)
def test_a_breached_slo_rolls_back_to_stable_at_once(fields: dict[str, Any], words: str) -> None:
    """However early it is seen; no pod restarts, and the same configuration is not tried again by itself."""
    seen = settled(measured(old_desk(), **fields))
    assert where(seen)[:2] == ("RolledBack", "AnalysisFailed")
    assert words in rollout(seen)["message"]
    assert {runs(seen, pod) for pod in seen.reports} == {"paper.yaml"}
    assert is_live_allowed(seen)
    assert config(seen)["failed"] == [rollout(seen)["revision"]]
    assert where(settled(measured(seen)))[0] == "RolledBack"


def test_a_slow_kill_fails_the_rollout() -> None:
    """Two seconds; the sample is the day's."""
    assert (
        "KillFlatten: slowest of 1 flat within 2.400 s"
        in rollout(settled(drilled(old_desk_measured(), 2400)))["message"]
    )


def old_desk_measured() -> Any:
    """All is well in the canary."""
    return measured(old_desk())


def test_without_a_stable_configuration_the_fallback_is_paper() -> None:
    """No new risk; what is open is reduced."""
    seen = settled(measured(new_desk(), duplicates=1))
    assert where(seen)[0] == "RolledBack"
    assert not is_live_allowed(seen)
    assert "no stable configuration yet" in rollout(seen)["message"]
    assert orders(look(seen)) == []


def test_a_halt_takes_no_new_risk_and_keeps_the_candidate_for_a_look() -> None:
    """Until somebody aborts or resumes."""
    seen = settled(measured(old_desk(stages() | {"onFailure": "Halt"}), orphans=2))
    assert where(seen)[0] == "Halted"
    assert (is_live_allowed(seen), runs(seen, LEADER)) == (False, "canary_live.yaml")
    aborted = settled(asked(seen, "abort"))
    assert where(aborted)[:2] == ("RolledBack", "Aborted")
    assert (is_live_allowed(aborted), runs(aborted, LEADER)) == (True, "paper.yaml")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"orders": 4, "acknowledged": 4}, "4 of 5 orders"),
        ({"orders": 0, "acknowledged": 0, "acknowledgement_p95_ms": None}, "OrderAck: 0 of 5 samples"),
        ({}, "KillFlatten: no kill was timed since 2026-11-23"),
    ],
)
def test_no_data_is_inconclusive_and_pauses(fields: dict[str, Any], words: str) -> None:
    """It is neither success nor failure; the canary goes on, and so does the look at it."""
    seen = settled(measured(old_desk(), **fields))
    assert where(seen)[:2] == ("Paused", "Inconclusive")
    assert words in rollout(seen)["message"]
    assert runs(seen, LEADER) == "canary_live.yaml"
    assert where(settled(measured(seen, **(fields | {"duplicates": 1}))))[0] == "RolledBack"


def test_a_kill_of_a_day_before_the_stage_is_no_sample_of_it() -> None:
    """Each stage has its own drill."""
    assert where(settled(drilled(measured(old_desk()), trading_date="2026-11-20")))[1] == "Inconclusive"


def test_a_kill_of_the_day_on_which_the_stage_began_is_a_sample_of_it_for_good() -> None:
    """A stage may last for days: what was timed under it is not lost at midnight."""
    begun = settled(drilled(measured(old_desk(), market_seconds=60)))
    tomorrow = heard(begun, leader_of(begun), trading_date="2026-11-24")
    assert where(settled(measured(tomorrow)))[0] == "Complete"


def test_a_stage_that_begins_anew_wants_a_kill_of_its_own_day() -> None:
    """Another leader is other code on another node: yesterday's kill says nothing of it."""
    begun = settled(drilled(measured(old_desk(), market_seconds=60)))
    other = settled(succeeded(begun))
    tomorrow = settled(asked(heard(other, leader_of(other), trading_date="2026-11-24"), "resume"))
    assert "no kill was timed since 2026-11-24" in rollout(settled(measured(tomorrow)))["message"]


def test_the_kill_sample_outlives_the_leader_that_made_it() -> None:
    """It stands in status."""
    seen = settled(drilled(old_desk()))
    gone = settled(heard(seen, LEADER, kills=None))
    assert gone.session.status["killSample"] == {"tradingDate": "2026-11-23", "seconds": "1.200", "samples": 1}
    assert where(settled(measured(gone)))[0] == "Complete"


def test_a_resumed_stage_is_observed_for_its_whole_time_again() -> None:
    """What did not suffice does not count twice."""
    paused = settled(measured(old_desk(), orders=4, acknowledged=4))
    resumed = settled(asked(paused, "resume"))
    assert where(resumed)[:2] == ("Progressing", "Soaking")
    assert where(settled(drilled(measured(resumed, market_seconds=7199))))[1] == "Soaking"
    assert where(settled(drilled(measured(resumed, market_seconds=7200))))[0] == "Complete"


def test_figures_of_another_run_or_leadership_count_for_nothing() -> None:
    """Nothing is judged by what was measured under another name."""
    for fields in ({"run": "other"}, {"epoch": 6}, {"config": "f" * 64}):
        seen = settled(drilled(measured(old_desk(), **fields)))
        assert where(seen)[:2] == ("Progressing", "Applying")


def test_another_leader_in_mid_canary_is_on_stable_and_paused() -> None:
    """A crash under the canary is evidence; a person resumes."""
    seen = settled(succeeded(old_desk()))
    assert where(seen) == ("Paused", "LeaderChanged", "canary")
    assert {runs(seen, pod) for pod in seen.reports} == {"paper.yaml"}
    assert is_live_allowed(seen)
    resumed = settled(asked(seen, "resume"))
    assert where(resumed)[:2] == ("Progressing", "Soaking")
    assert (runs(resumed, STANDBY), resumed.reports[STANDBY].run.split("/")[2]) == ("canary_live.yaml", "2")


def test_another_leader_in_a_first_canary_is_on_paper_and_paused() -> None:
    """With nothing stable there is nothing to trade with until somebody resumes."""
    seen = settled(succeeded(new_desk()))
    assert (where(seen)[1], is_live_allowed(seen)) == ("LeaderChanged", False)
    resumed = settled(asked(seen, "resume"))
    assert (where(resumed)[0], is_live_allowed(resumed)) == ("Progressing", True)


def test_a_leader_on_paper_earns_a_configuration_nothing() -> None:
    """The stage waits for one that trades the account; the change from paper to real is no change of leader in mid-canary."""
    start = observed(session=session(spec=spec(config=stages())), profiles=PROFILES)
    paper = settled(running(start, report=report(onPaper=True), annotations={ANNOTATION_STATE: "PAPER"}))
    assert (where(paper)[:2], is_live_allowed(paper)) == (("Progressing", "AwaitingLeader"), True)
    assert rollout(paper).get("epoch") is None
    assert paper.session.status["phase"] == "Paper"
    real = dataclasses.replace(paper, children={**paper.children, LEASE: lease_of(succeeded(paper), report())})
    real = settled(dataclasses.replace(real, reports=succeeded(paper).reports))
    assert (where(real)[0], rollout(real)["epoch"]) == ("Progressing", 8)
    assert (runs(real, STANDBY), is_live_allowed(real)) == ("canary_live.yaml", True)


def lease_of(seen: Any, said: str) -> Any:
    """The Lease with another report."""
    lease = dict(seen.children[LEASE])
    annotations = lease["metadata"]["annotations"] | {ANNOTATION_STATE: "LIVE", ANNOTATION_REPORT: said}
    return lease | {"metadata": lease["metadata"] | {"annotations": annotations}}


def test_a_silent_trader_is_an_error_that_pauses_after_a_minute() -> None:
    """Not a failure: nobody knows."""
    seen = old_desk()
    silent = later(later_world_without(seen), "2026-11-23T09:15:00Z")
    assert where(silent)[0] == "Progressing"
    silent = later(silent, "2026-11-23T09:15:59Z")
    assert where(silent)[0] == "Progressing"
    silent = later(silent, "2026-11-23T09:16:00Z")
    assert where(silent)[:2] == ("Paused", "Unreachable")
    assert {each["outcome"] for each in rollout(silent)["analysis"]} == {"Error"}


def later_world_without(seen: Any) -> Any:
    """The leader does not answer."""
    others = {pod: report for pod, report in seen.reports.items() if pod != LEADER}
    return dataclasses.replace(seen, reports=others)


def test_an_approval_is_waited_for() -> None:
    """The stage passed; a person promotes it."""
    seen = settled(drilled(measured(old_desk(stages(approval="Required")))))
    assert where(seen)[:2] == ("Paused", "ApprovalRequired")
    done = settled(asked(seen, "promote"))
    assert where(done)[0] == "Complete"
    assert {runs(done, pod) for pod in done.reports} == {"full_live.yaml"}


def test_a_request_is_carried_out_once_and_only_for_what_it_names() -> None:
    """An annotation stays where it is; it must not act twice, nor on another configuration."""
    seen = settled(asked(old_desk(), "pause"))
    assert where(seen)[:2] == ("Paused", "Requested")
    assert where(settled(asked(seen, "resume", revision="0123456789")))[0] == "Paused"
    resumed = settled(asked(seen, "resume"))
    assert where(resumed)[0] == "Progressing"
    again = asked(resumed, "resume")
    assert look(again).actions == ()


def test_an_abort_with_nothing_under_way_changes_nothing() -> None:
    """What is stable stays stable."""
    done = settled(drilled(measured(old_desk())))
    after = settled(asked(done, "abort"))
    assert (where(after)[0], config(after)["stable"]) == ("Complete", config(done)["stable"])


def test_what_failed_is_tried_again_only_when_asked() -> None:
    """Not after another configuration came and went either."""
    failed = settled(measured(old_desk(), duplicates=1))
    other = settled(wanting(failed, {"stages": [{"name": "full", "profile": "paper"}]}))
    assert where(other)[0] == "Complete"
    back = settled(wanting(other, stages()))
    assert where(back)[:2] == ("RolledBack", "NotRetried")
    assert runs(back, LEADER) == "paper.yaml"
    again = settled(asked(back, "resume"))
    assert (where(again)[0], runs(again, LEADER)) == ("Progressing", "canary_live.yaml")
    assert where(settled(drilled(measured(again))))[0] == "Complete"


def test_going_back_to_what_is_stable_needs_no_stages() -> None:
    """It has earned its place before."""
    seen = settled(wanting(old_desk(), {"stages": [{"name": "full", "profile": "paper"}]}))
    assert where(seen)[:2] == ("Complete", "Stable")
    assert {runs(seen, pod) for pod in seen.reports} == {"paper.yaml"}


def test_a_failed_configuration_that_another_one_made_stable_is_stable_and_stays_a_failed_one() -> None:
    """Its last stage is in force already, so that nothing of it is tried; once it no longer is, it waits to be asked for."""
    failed = settled(asked(old_desk(), "abort"))
    other = settled(wanting(failed, {"stages": [{"name": "full", "profile": "full-live"}]}))
    assert {runs(other, pod) for pod in other.reports} == {"full_live.yaml"}
    same = settled(wanting(other, stages()))
    assert where(same)[:2] == ("Complete", "Stable")
    paper = settled(wanting(same, {"stages": [{"name": "full", "profile": "paper"}]}))
    assert {runs(paper, pod) for pod in paper.reports} == {"paper.yaml"}
    assert where(settled(wanting(paper, stages())))[:2] == ("RolledBack", "NotRetried")


def test_the_stable_revision_is_found_in_its_history_and_never_dropped() -> None:
    """The profile that it came from may be gone from the desk's files long since."""
    seen = old_desk()
    forgotten = {key: text for key, text in (seen.profiles or {}).items() if key != "paper.yaml"}
    after = settled(dataclasses.replace(seen, profiles=forgotten))
    rolled_back = settled(measured(after, duplicates=1))
    assert config(rolled_back)["stable"] == config(seen)["stable"]
    assert {runs(rolled_back, pod) for pod in rolled_back.reports} == {"paper.yaml"}
    assert not [action for action in look(rolled_back).actions if isinstance(action, Delete)]


def test_a_trader_that_refuses_is_said_on_the_session() -> None:
    """And told again with each look."""
    seen = dataclasses.replace(heard(old_desk(), LEADER, run=""), refusals={LEADER: "409 KILLED: a kill stands"})
    decision = look(seen)
    assert [order.pod for order in orders(decision)] == [LEADER]
    (found,) = [
        each for each in performed(seen, decision).session.status["conditions"] if each["type"] == "ConfigSynced"
    ]
    assert (found["reason"], found["message"]) == ("Refused", f"{LEADER}: 409 KILLED: a kill stands")


def test_a_former_leader_that_does_not_know_it_yet_is_left_alone() -> None:
    """Its answer is of an epoch that is over."""
    seen = heard(succeeded(old_desk()), LEADER, is_leader=True, epoch=7, run="")
    assert LEADER not in {order.pod for order in orders(look(seen))}
    assert leader_of(seen) == LEADER
