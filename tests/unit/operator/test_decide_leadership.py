"""What is decided and told about leader, kill, report and readiness."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

from session_operator.domain.actions import Delete
from session_operator.domain.decide import decide
from session_operator.domain.names import config_name
from session_operator.domain.observed import Child, Observed
from tests.unit.operator import builders
from tests.unit.operator.builders import FACTS, NOW, TERMS, observed, session, spec
from tests.unit.operator.deciding import condition, look, performed, running, settled, status, told


def test_a_silent_lease_has_no_leader() -> None:
    """After the Lease's own duration without a change, nobody leads."""
    seen = running()
    ready = performed(seen, look(seen))
    decision = look(dataclasses.replace(ready, lease_silent_seconds=15.5))
    assert condition(decision, "LeaderElected")["reason"] == "LeaseExpired"
    assert "leader" not in status(decision)
    assert told(decision) == ["LeaderLost"]


def test_a_restarted_operator_does_not_revive_an_expired_leader() -> None:
    """Until it sees a renewal, what the status says holds."""
    seen = running()
    seen = performed(seen, look(seen))
    seen = dataclasses.replace(seen, lease_silent_seconds=16.0)
    seen = performed(seen, look(seen))
    restarted = dataclasses.replace(seen, lease_silent_seconds=0.0, lease_is_renewed=False)
    assert look(restarted).actions == ()
    assert told(look(dataclasses.replace(restarted, lease_is_renewed=True))) == [
        "LeaderReturned",
        "TradingStateChanged",
        "SessionReady",
    ]


def test_a_silent_lease_is_looked_at_when_it_would_expire() -> None:
    """Nothing wakes the operator for a renewal that does not come."""
    assert look(dataclasses.replace(running(), lease_silent_seconds=14.0)).look_again_seconds == pytest.approx(1.2)


def test_a_change_of_leader_is_told_once() -> None:
    """An event on the transition only."""
    seen = running()
    settled = performed(seen, look(seen))
    later = {"tradeops.dev/epoch": "8"}
    changed = dataclasses.replace(
        running(holder="index-trader-1_uid_nonce", annotations=later), session=settled.session
    )
    decision = look(changed)
    assert told(decision) == ["LeaderChanged"]
    assert told(look(performed(changed, decision))) == []


def test_a_predecessor_s_words_are_not_the_new_leader_s() -> None:
    """A new holder has no epoch and no state until it has written its own."""
    seen = running()
    settled = performed(seen, look(seen))
    taken = dataclasses.replace(
        running(holder="index-trader-1_uid_nonce"), session=settled.session, lease_holder_seconds=0.1
    )
    decision = look(taken)
    assert status(decision)["leader"]["holder"] == "index-trader-1"
    assert "epoch" not in status(decision)["leader"]
    assert "tradingState" not in status(decision)
    assert "report" not in status(decision)
    assert (status(decision)["phase"], status(decision)["lastEpoch"]) == ("Recovering", 7)
    assert told(decision) == []
    waiting = performed(taken, decision)
    assert look(waiting).actions == ()
    later = {"tradeops.dev/epoch": "8"}
    own = dataclasses.replace(
        running(holder="index-trader-1_uid_nonce", annotations=later), session=waiting.session, lease_holder_seconds=2.0
    )
    assert told(look(own)) == ["LeaderChanged", "TradingStateChanged"]


def test_an_epoch_that_stands_long_enough_is_believed() -> None:
    """The database may have been replaced by an empty one."""
    seen = running()
    settled = performed(seen, look(seen))
    first = {"tradeops.dev/epoch": "1"}
    again = running(holder="index-trader-1_uid_nonce", annotations=first)
    assert status(look(dataclasses.replace(again, session=settled.session)))["leader"]["epoch"] == 1


def kill(**fields: Any) -> str:
    """A report with a kill."""
    return builders.report(kill={"id": "k-1", "reason": "manual", "by": "me", "since": NOW, "flatAt": None} | fields)


def test_a_kill_is_told_from_engaged_to_released() -> None:
    """Three events: engaged, flat, released."""
    steps: list[list[str]] = []
    seen = running()
    seen = performed(seen, look(seen))
    for report in (kill(), kill(flatAt=NOW), builders.report()):
        seen = dataclasses.replace(running(report=report), session=seen.session)
        decision = look(seen)
        steps.append([reason for reason in told(decision) if reason in {"KillEngaged", "Flat", "KillReleased"}])
        seen = performed(seen, decision)
    assert steps == [["KillEngaged"], ["Flat"], ["KillReleased"]]


def test_silence_releases_no_kill() -> None:
    """Without a leader the kill of the last report stands."""
    seen = running(report=kill())
    seen = performed(seen, look(seen))
    decision = look(dataclasses.replace(seen, lease_silent_seconds=20.0))
    assert status(decision)["kill"]["id"] == "k-1"
    assert "KillReleased" not in told(decision)


def test_a_new_leader_s_empty_report_releases_no_kill() -> None:
    """It took the Lease a moment ago, and has not read the journal yet."""
    seen = running(report=kill())
    seen = performed(seen, look(seen))
    held = running(seen, report="", holder="index-trader-1_uid_other", annotations={"tradeops.dev/epoch": ""})
    decision = look(held)
    assert status(decision)["kill"]["id"] == "k-1"
    assert "KillReleased" not in told(decision)


def test_rapid_numbers_are_written_at_a_slow_pace() -> None:
    """A status that differs in them alone waits."""
    seen = settled(running())
    moved = running(report=builders.report(dayProfitPaise=99))
    moved = dataclasses.replace(moved, session=seen.session, reports=seen.reports)
    assert look(dataclasses.replace(moved, status_age_seconds=3.0)).actions == ()
    assert len(look(dataclasses.replace(moved, status_age_seconds=11.0)).actions) == 1


@pytest.mark.parametrize("report", ["", "{", "[]", '{"heatPaise": "x"}', '{"kill": 3}', '{"kill": {"id": ""}}'])
def test_an_unreadable_report_stops_nothing(report: str) -> None:
    """It counts as none."""
    decision = look(running(report=report))
    assert "report" not in status(decision)
    assert "kill" not in status(decision)
    assert condition(decision, "LeaderElected")["status"] == "True"


def test_a_suspended_and_flat_session_says_so() -> None:
    """Its pods stay."""
    flat = builders.report(openPositions=0)
    seen = running(observed(session=session(spec=spec(suspend=True))), report=flat)
    assert status(look(seen))["phase"] == "Suspended"


def test_one_pod_less_is_not_ready_and_says_what_ails_it() -> None:
    """The reader need not look at the pod first."""
    seen = running()
    broken = dataclasses.replace(seen.pods[1], is_ready=False, problem="ImagePullBackOff: no such image")
    decision = look(dataclasses.replace(seen, pods=(seen.pods[0], broken)))
    assert condition(decision, "Ready")["reason"] == "StandbyNotReady"
    assert "index-trader-1: ImagePullBackOff: no such image" in condition(decision, "Ready")["message"]


def test_a_transition_time_moves_only_with_the_status() -> None:
    """Another reason is not another transition."""
    first = observed(secrets={})
    before = performed(first, look(first))
    later = decide(dataclasses.replace(before, profiles=None), TERMS, "2026-11-23T10:00:00Z")
    assert condition(later, "SpecValid")["lastTransitionTime"] == NOW
    healed = decide(dataclasses.replace(before, secrets=FACTS), TERMS, "2026-11-23T10:00:00Z")
    assert condition(healed, "SpecValid")["lastTransitionTime"] == "2026-11-23T10:00:00Z"
    assert "SpecAccepted" in told(healed)


def old_configs(seen: Observed, numbers: Iterable[int]) -> Observed:
    """Add configurations of before."""
    (template,) = [
        each
        for child, each in seen.children.items()
        if child.kind == "ConfigMap" and each["metadata"]["labels"]["app.kubernetes.io/component"] == "config"
    ]
    children = dict(seen.children)
    for number in numbers:
        name = f"index-config-{number:010d}"
        created = f"2026-11-{number:02d}T00:00:00Z"
        metadata = template["metadata"] | {"name": name, "uid": f"uid-{number}", "creationTimestamp": created}
        children[Child("ConfigMap", name)] = {**template, "metadata": metadata}
    return dataclasses.replace(seen, children=children)


def test_a_short_history_of_configurations_is_kept() -> None:
    """The five latest stay beside those in use; the oldest go first."""
    seen = old_configs(running(), range(1, 9))
    deleted = [action.name for action in look(seen).actions if isinstance(action, Delete)]
    assert deleted == [f"index-config-{number:010d}" for number in (1, 2, 3)]


def test_a_configuration_that_a_pod_runs_is_kept() -> None:
    """However old it is."""
    seen = old_configs(running(), range(1, 9))
    late = dataclasses.replace(seen.reports["index-trader-1"], in_force=f"{1:010d}ffff")
    decision = look(dataclasses.replace(seen, reports={**seen.reports, "index-trader-1": late}))
    names = [action.name for action in decision.actions if isinstance(action, Delete)]
    assert config_name("index", f"{1:010d}") not in names


def test_a_refusal_of_the_api_server_is_shown() -> None:
    """Ready says what could not be applied."""
    decision = look(observed(fault="PATCH …/services: 403 quota exceeded"))
    assert condition(decision, "Ready")["reason"] == "ApplyFailed"
    assert "quota exceeded" in condition(decision, "Ready")["message"]
