"""Drills, post-close and the gates: what is run when, what is believed, and what keeps new risk from being taken."""

import dataclasses
import json
from typing import Any

import pytest

from session_operator.domain.actions import Delete
from session_operator.domain.observed import Child, JobPod
from tests.unit.operator.builders import TERMS, foreign, spec
from tests.unit.operator.deciding import applied, look, performed, settled, told
from tests.unit.operator.proving import (
    DRILLS,
    NSE,
    asked_for,
    at_market,
    concluded,
    drill,
    ended,
    gate,
    gated_desk,
    jobs,
    proved,
    respecified,
    runs,
)
from tests.unit.operator.rollouts import is_live_allowed, later, new_desk

WAITS = "has not passed today (it waits for its turn)"
KITE = spec()["account"] | {"broker": {"type": "Kite", "credentialsSecretRef": {"name": "kitesim-credentials"}}}


def test_without_gates_nothing_is_run_and_nothing_is_kept_closed() -> None:
    """A simulation trades at once."""
    seen = settled(new_desk({"stages": [{"name": "full", "profile": "paper"}]}))
    assert jobs(seen) == []
    assert gate(seen)[:2] == ("True", "NoGates")
    assert is_live_allowed(seen)


def test_a_gate_is_closed_until_its_drills_have_passed() -> None:
    """One Job at a time; the condition says what is missing, and LiveAllowed follows it."""
    seen = gated_desk()
    assert [each["name"] for each in runs(seen)] == DRILLS
    assert [each["metadata"]["name"] for each in jobs(seen)] == [runs(seen)[0]["job"]]
    assert gate(seen) == (
        "False",
        "Proving",
        "; ".join((f"drill {DRILLS[0]} has not passed today (it runs now)", f"drill {DRILLS[1]} {WAITS}")),
    )
    assert gate(seen, "LiveAllowed")[:2] == ("False", "GatesNotPassed")
    seen = settled(ended(seen))
    assert gate(seen)[2] == "drill exchange-band-jump has not passed today (it runs now)"
    assert not is_live_allowed(seen)
    seen = settled(ended(seen))
    assert gate(seen)[:2] == ("True", "Passed")
    assert is_live_allowed(seen)
    assert runs(seen) == []
    assert drill(seen, "dual-runner") | {"at": "", "job": ""} == {
        "name": "dual-runner",
        "configHash": seen.session.status["gates"]["configHash"],
        "image": "trader:1",
        "verdict": "Passed",
        "reason": "",
        "tradingDate": "2026-11-23",
        "seconds": 123,
        "at": "",
        "job": "",
    }


def test_a_verdict_outlives_its_job() -> None:
    """The status is the record: what Kubernetes removes is not run again."""
    seen = proved(gated_desk())
    children = {child: live for child, live in seen.children.items() if child.kind != "Job"}
    seen = dataclasses.replace(seen, children=children, job_pods=())
    assert look(seen).actions == ()
    assert is_live_allowed(seen)


def test_a_list_that_empties_is_absent_and_written_once() -> None:
    """The last run ends: its list is gone from the status for good, not back with the next look."""
    seen = ended(settled(gated_desk({"drills": ["dual-runner"]})))
    after = performed(seen, look(seen))
    assert "runs" not in after.session.status
    assert look(after).actions == ()


def test_an_empty_list_of_an_older_operator_is_let_be() -> None:
    """The API server may keep it for ever: writing the status again and again would not help."""
    seen = proved(gated_desk())
    older = {**seen.session.status, "runs": [], "config": {**seen.session.status["config"], "failed": []}}
    assert look(dataclasses.replace(seen, session=dataclasses.replace(seen.session, status=older))).actions == ()


def test_a_job_that_vanished_before_it_was_read_is_made_again_by_the_same_name() -> None:
    """No verdict is invented for it."""
    seen = gated_desk()
    (job,) = jobs(seen)
    children = {child: live for child, live in seen.children.items() if child.kind != "Job"}
    seen = dataclasses.replace(seen, children=children)
    (again,) = applied(look(seen))
    assert again["metadata"]["name"] == job["metadata"]["name"]


@pytest.mark.parametrize(
    ("verdict", "words"), [("Failed", "failed on 2026-11-23: a promise broke"), ("Error", "could not be run on")]
)
def test_a_drill_that_did_not_pass_is_not_tried_again_by_itself(verdict: str, words: str) -> None:
    """Not for the same configuration on the same day; a person may ask."""
    seen = proved(gated_desk(), verdict)
    assert runs(seen) == []
    assert gate(seen)[1] == "NotPassed"
    assert words in gate(seen)[2]
    seen = settled(asked_for(seen, drills=("dual-runner",)))
    assert [each["name"] for each in runs(seen)] == ["dual-runner"]
    assert runs(seen)[0]["by"] == "desk"
    seen = proved(seen)
    assert "dual-runner" not in gate(seen)[2]
    assert "exchange-band-jump" in gate(seen)[2]


def test_a_failed_drill_is_told_of_once() -> None:
    """With the reason that stands in its verdict."""
    seen = ended(gated_desk(), "Failed")
    decision = look(seen)
    assert "DrillFailed" in told(decision)
    assert "DrillFailed" not in told(look(performed(seen, decision)))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", 137, "ended with exit code 137 and no readable verdict"),
        ("Traceback…\nImportError: no ops", 1, "no readable verdict: ImportError: no ops"),
        ("{}", 0, "no readable verdict"),
        (json.dumps({"schema": "tradeops.dev/drill/v1", "name": "red-team", "passed": True}), 0, "is of red-team"),
    ],
)
def test_what_is_no_verdict_of_this_drill_is_an_error(text: str, code: int, words: str) -> None:
    """In doubt, no new risk."""
    seen = settled(ended(gated_desk(), text=text, exit_code=code))
    assert drill(seen, "dual-runner")["verdict"] == "Error"
    assert words in drill(seen, "dual-runner")["reason"]
    assert not is_live_allowed(seen)


def test_a_verdict_for_other_limits_is_not_believed() -> None:
    """It must be of the very configuration."""
    seen = settled(ended(gated_desk(), configHash="0" * 64))
    assert drill(seen, "dual-runner")["verdict"] == "Error"


def test_a_passed_verdict_of_a_pod_that_failed_is_not_believed() -> None:
    """Words and exit code must agree."""
    assert drill(settled(ended(gated_desk(), exit_code=1)), "dual-runner")["verdict"] == "Error"


def test_a_job_that_ran_out_of_time_is_an_error() -> None:
    """With what its pod waited for."""
    seen = gated_desk()
    waiting = JobPod("p", runs(seen)[0]["job"], problem="Unschedulable: insufficient cpu")
    seen = settled(concluded(dataclasses.replace(seen, job_pods=(waiting,)), "Failed", "DeadlineExceeded"))
    assert drill(seen, "dual-runner")["reason"] == (
        "it did not end within its deadline (Unschedulable: insufficient cpu)"
    )


def test_a_job_whose_pod_is_yet_to_be_seen_is_waited_for() -> None:
    """Pods and Jobs have watches of their own; a pod that stays unseen is gone, with its verdict."""
    seen = concluded(gated_desk(), "Complete")
    assert look(seen).actions == ()
    seen = later(seen, "2026-11-23T09:17:00Z")
    assert "its pod is gone" in drill(seen, "dual-runner")["reason"]


def test_somebody_else_s_job_of_that_name_is_an_error_and_left_alone() -> None:
    """It is neither applied over nor believed."""
    seen = gated_desk()
    name = runs(seen)[0]["job"]
    theirs = foreign("Job", name)
    seen = settled(dataclasses.replace(seen, children={**seen.children, Child("Job", name): theirs}))
    assert "was not made by this operator" in drill(seen, "dual-runner")["reason"]
    assert seen.children[Child("Job", name)] == theirs


def test_the_next_day_asks_again() -> None:
    """Yesterday's drill is no proof of today; before the market opens there is time for it."""
    seen = proved(gated_desk())
    seen = settled(at_market(seen, "BEFORE", "2026-11-24"))
    assert [each["name"] for each in runs(seen)] == DRILLS
    assert "has not passed today (2026-11-24), last on 2026-11-23" in gate(seen)[2]
    assert not is_live_allowed(seen)
    assert is_live_allowed(proved(seen))


def test_a_drill_proves_nothing_of_other_limits() -> None:
    """Not even of tighter ones: what was shown was shown with those."""
    seen = proved(gated_desk())
    tight = {"stages": [{"name": "full", "profile": "canary-live"}]}
    seen = settled(respecified(seen, gates={"drills": DRILLS}, config=tight))
    assert not is_live_allowed(seen)
    assert [each["name"] for each in runs(seen)] == DRILLS
    assert is_live_allowed(proved(seen))


def test_a_drill_proves_nothing_of_another_image() -> None:
    """What was proved is what trades: an upgrade asks again, on the same day."""
    gates: dict[str, Any] = {"gates": {"drills": ["dual-runner"], "drillMaxAgeTradingDays": 5}}
    seen = proved(gated_desk(gates["gates"]))
    seen = settled(respecified(seen, trader={"image": "trader:2"}, **gates))
    assert gate(seen)[2] == "drill dual-runner has not passed with image trader:2, only ran with trader:1 (it runs now)"
    assert jobs(seen)[-1]["spec"]["template"]["spec"]["containers"][0]["image"] == "trader:2"
    assert is_live_allowed(proved(seen))


def test_a_drill_that_counts_for_days_is_renewed_on_its_last_one() -> None:
    """So the gate stays open while it runs."""
    seen = proved(gated_desk({"drills": DRILLS, "drillMaxAgeTradingDays": 3}, calendar=NSE, account=KITE_SIM))
    for date in ("2026-11-24", "2026-11-25"):
        seen = settled(at_market(seen, "BEFORE", date))
        assert is_live_allowed(seen)
        assert bool(runs(seen)) is (date == "2026-11-25")
    seen = settled(at_market(seen, "BEFORE", "2026-11-26"))
    assert "within 3 trading days" in gate(seen)[2]


KITE_SIM = spec()["account"]


def test_a_weekend_makes_nothing_older_and_runs_nothing() -> None:
    """2026-11-28 and 29 are Saturday and Sunday: the phase is CLOSED all day."""
    friday = proved(at_market(gated_desk(calendar=NSE), "OPEN", "2026-11-27"))
    for date in ("2026-11-28", "2026-11-29"):
        friday = settled(at_market(friday, "CLOSED", date))
        assert runs(friday) == []
        assert is_live_allowed(friday)
    monday = settled(at_market(friday, "BEFORE", "2026-11-30"))
    assert len(runs(monday)) == 2
    assert not is_live_allowed(monday)


def test_a_special_session_on_a_sunday_is_a_day_of_its_own() -> None:
    """There is trading on it, so Friday's drill is no proof of it."""
    seen = proved(at_market(gated_desk(calendar=NSE), "OPEN", "2026-11-27"))
    seen = settled(at_market(seen, "BEFORE", "2026-11-29"))
    assert not is_live_allowed(seen)


def test_while_the_trading_day_is_not_known_the_gate_is_closed() -> None:
    """No leader has told it: nothing can be fresh."""
    seen = gated_desk()
    status = {key: value for key, value in seen.session.status.items() if key not in ("tradingDay", "runs")}
    blank = dataclasses.replace(seen, session=dataclasses.replace(seen.session, status=status), reports={})
    seen = settled(blank)
    assert gate(seen)[2] == "the trading day is not known: no leader has told it yet"
    assert not is_live_allowed(seen)


def test_a_leader_that_falls_silent_changes_no_gate() -> None:
    """The day that was told last stands."""
    seen = settled(dataclasses.replace(proved(gated_desk()), reports={}))
    assert is_live_allowed(seen)


def test_a_drill_of_limits_that_nobody_wants_any_more_is_ended() -> None:
    """Its Job would keep the next one waiting for a quarter of an hour."""
    seen = gated_desk({"drills": ["dual-runner"]})
    (old,) = jobs(seen)
    other = {"stages": [{"name": "full", "profile": "full-live"}]}
    decision = None
    seen = respecified(seen, gates={"drills": ["exchange-band-jump"]}, config=other)
    for _ in range(6):
        decision = look(seen)
        if any(isinstance(action, Delete) and action.kind == "Job" for action in decision.actions):
            break
        seen = performed(seen, decision)
    assert decision is not None
    assert [action.name for action in decision.actions if isinstance(action, Delete) and action.kind == "Job"] == [
        old["metadata"]["name"]
    ]


def test_a_job_whose_pod_was_read_before_it_had_ended_is_left_to_its_time() -> None:
    """The watch of pods may be the quicker one; people still want to read the log."""
    seen = gated_desk({"drills": ["dual-runner"]})
    over = ended(seen)
    seen = settled(dataclasses.replace(seen, job_pods=over.job_pods))
    assert drill(seen, "dual-runner")["verdict"] == "Passed"
    assert len(jobs(seen)) == 1


def test_suspended_nothing_is_begun() -> None:
    """Nothing will be risked, so nothing need be proved; what a person asks for is done."""
    seen = gated_desk(suspend=True)
    assert runs(seen) == []
    assert len(runs(settled(asked_for(seen)))) == 2


def test_a_request_is_carried_out_once() -> None:
    """The annotation stays; its id was handled."""
    seen = proved(asked_for(proved(gated_desk()), drills=("exchange-band-jump",)))
    assert runs(seen) == []
    assert seen.session.status["handledJobRequest"] == "job-1"
    assert look(seen).actions == ()


def test_asking_again_keeps_the_gate_as_it_is_meanwhile() -> None:
    """A drill that passed counts until another verdict stands in its place."""
    seen = settled(asked_for(proved(gated_desk())))
    assert len(runs(seen)) == 2
    assert is_live_allowed(seen)
    seen = settled(ended(seen, "Failed"))
    assert not is_live_allowed(seen)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"id": "1"}',
        '{"id": "1", "kind": "Drill", "drills": ["rm -rf"]}',
        '{"id":"1","kind":"Drill","drills":3}',
    ],
)
def test_a_request_that_cannot_be_read_asks_for_nothing(text: str) -> None:
    """And disturbs nothing."""
    seen = proved(gated_desk())
    seen = dataclasses.replace(seen, session=dataclasses.replace(seen.session, job_request=text))
    assert look(seen).actions == ()


def test_an_unusable_configuration_keeps_a_closed_gate_closed() -> None:
    """A profile that is missing opens nothing; one that was open closes when its day is over."""
    shut = settled(dataclasses.replace(gated_desk(), profiles={}))
    assert not is_live_allowed(shut)
    seen = settled(dataclasses.replace(proved(gated_desk()), profiles={}))
    assert is_live_allowed(seen)
    seen = settled(at_market(seen, "OPEN", "2026-11-24"))
    assert not is_live_allowed(seen)


def test_a_real_account_live_without_gates_is_worth_a_warning() -> None:
    """It is not kept closed: what is asked for is the desk's own word; but it is seen."""
    seen = settled(respecified(proved(gated_desk()), account=KITE, calendar=NSE))
    assert gate(seen)[:2] == ("Unknown", "NoGates")


def test_the_manifest_of_a_drill_has_neither_token_nor_secret() -> None:
    """It talks to nobody, and Kubernetes holds it to that as far as a manifest can."""
    (job,) = jobs(gated_desk({"drills": ["dual-runner"]}))
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert all("secret" not in volume for volume in pod["volumes"])
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 900)
    (container,) = pod["containers"]
    assert container["image"] == TERMS.trader_image
    assert container["command"] == ["python", "-m", "ops.drills", "run", "dual-runner"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert job["metadata"]["ownerReferences"][0]["uid"] == "uid-desk-index"
