"""What is decided about one session, level by level."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

from session_operator.domain.actions import Apply, Delete, Emit, WriteStatus
from session_operator.domain.decide import Decision, decide
from session_operator.domain.names import config_name
from session_operator.domain.observed import Child, Observed, PodFacts, Rival, SecretFacts, child_of
from session_operator.domain.sessions import Session, read_session
from tests.unit.operator import builders
from tests.unit.operator.builders import FACTS, NOW, PROFILE, TERMS, foreign, observed, orphan, session, spec

ALL_CHILDREN = {
    "ConfigMap",
    "Lease",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "StatefulSet",
}


def look(seen: Observed) -> Decision:
    """Decide."""
    return decide(seen, TERMS, NOW)


def applied(decision: Decision) -> list[dict[str, Any]]:
    """List the manifests that would be applied."""
    return [action.manifest for action in decision.actions if isinstance(action, Apply)]


def told(decision: Decision) -> list[str]:
    """List the reasons of the events."""
    return [action.reason for action in decision.actions if isinstance(action, Emit)]


def status(decision: Decision) -> dict[str, Any]:
    """Find the status that would be written."""
    (body,) = [action.body for action in decision.actions if isinstance(action, WriteStatus)]
    return body


def condition(decision: Decision, kind: str) -> dict[str, Any]:
    """Find a condition that would be written."""
    (found,) = [each for each in status(decision)["conditions"] if each["type"] == kind]
    return dict(found)


def performed(seen: Observed, decision: Decision) -> Observed:
    """The world after the actions."""
    children = dict(seen.children)
    current = seen.session
    for action in decision.actions:
        match action:
            case Apply(manifest):
                children[child_of(manifest)] = manifest
            case Delete(kind, name):
                del children[Child(kind, name)]
            case WriteStatus(body):
                current = dataclasses.replace(current, status=body)
            case Emit():
                pass
    return dataclasses.replace(seen, session=current, children=children, status_age_seconds=0.0)


def running(seen: Observed | None = None, **lease: Any) -> Observed:
    """A world in which the pair runs the wanted configuration and the first one leads."""
    start = seen or observed()
    after = performed(start, look(start))
    workload = after.children[Child("StatefulSet", "index-trader")]
    wanted = workload["spec"]["template"]["metadata"]["annotations"]["tradeops.dev/config"]
    pods = tuple(PodFacts(f"index-trader-{n}", wanted, is_ready=True, is_deleting=False) for n in (0, 1))
    children = dict(after.children)
    held = dict(children[Child("Lease", "account-ab1234")])
    report = lease.get("report", builders.report(config=wanted))
    held["metadata"] = held["metadata"] | {
        "annotations": held["metadata"]["annotations"]
        | {"tradeops.dev/epoch": "7", "tradeops.dev/trading-state": "LIVE", "tradeops.dev/report": report}
        | lease.get("annotations", {})
    }
    held["spec"] = {"holderIdentity": lease.get("holder", "index-trader-0_uid_nonce"), "leaseDurationSeconds": 15}
    children[Child("Lease", "account-ab1234")] = held
    return dataclasses.replace(after, children=children, pods=pods)


def test_a_new_session_gets_everything_at_once() -> None:
    """Nothing is chained through phases."""
    decision = look(observed())
    assert {manifest["kind"] for manifest in applied(decision)} == ALL_CHILDREN
    assert all(action.is_new for action in decision.actions if isinstance(action, Apply))
    assert told(decision) == ["ConfigRevisionApplied"]


def test_every_child_belongs_to_the_session() -> None:
    """Deleting a session deletes all of it, without a finalizer."""
    for manifest in applied(look(observed())):
        (owner,) = manifest["metadata"]["ownerReferences"]
        assert owner["uid"] == session().uid
        assert owner["controller"] is True
        assert manifest["metadata"]["labels"]["tradeops.dev/session"] == "index"


def test_the_lease_is_made_without_a_spec() -> None:
    """Only traders write it: applying again can never take a leadership away."""
    (lease,) = [each for each in applied(look(observed())) if each["kind"] == "Lease"]
    assert "spec" not in lease
    assert lease["metadata"]["name"] == "account-ab1234"


def test_deciding_again_changes_nothing() -> None:
    """After the actions are performed, the status tells of them, and then there is nothing to do."""
    first = observed()
    second = performed(first, look(first))
    decision = look(second)
    assert [type(action) for action in decision.actions] == [WriteStatus]
    assert look(performed(second, decision)).actions == ()


def test_a_running_pair_is_ready() -> None:
    """Both ready, one leads, the leader reports the wanted configuration."""
    decision = look(running())
    assert {each["type"]: each["status"] for each in status(decision)["conditions"]} == {
        "Ready": "True",
        "LeaderElected": "True",
        "ConfigSynced": "True",
        "SpecValid": "True",
    }
    assert status(decision)["phase"] == "Live"
    assert status(decision)["leader"]["holder"] == "index-trader-0"
    assert status(decision)["leader"]["epoch"] == 7
    assert status(decision)["report"]["heatRupees"] == "12345.00"
    assert status(decision)["report"]["dayProfitRupees"] == "-50.50"
    assert set(told(decision)) == {"LeaderElected", "SessionReady", "TradingStateChanged"}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_missing_secret_is_named_and_stops_only_the_pair(name: str) -> None:
    """The foundation is made; the pair waits; the message names the Secret and what must be in it."""
    decision = look(observed(secrets={key: facts for key, facts in FACTS.items() if key != name}))
    assert condition(decision, "SpecValid")["reason"] == "SecretMissing"
    assert f"Secret {name} does not exist in namespace desk" in condition(decision, "SpecValid")["message"]
    kinds = {manifest["kind"] for manifest in applied(decision)}
    assert "Lease" in kinds
    assert not {"StatefulSet", "ConfigMap"} & kinds
    assert told(decision) == ["SecretMissing"]
    assert status(decision)["phase"] == "Pending"


def test_a_missing_key_is_named() -> None:
    """The reader learns which key."""
    facts = FACTS | {"trading-db": SecretFacts(frozenset({"uri"}))}
    assert "Secret trading-db lacks url" in condition(look(observed(secrets=facts)), "SpecValid")["message"]


def test_a_url_of_the_wrong_kind_is_refused_without_being_shown() -> None:
    """No message carries a secret's value."""
    facts = FACTS | {"trading-db": SecretFacts(frozenset({"url"}), "mysql")}
    found = condition(look(observed(secrets=facts)), "SpecValid")
    assert found["reason"] == "SecretInvalid"
    assert "mysql" not in found["message"]


@pytest.mark.parametrize("keys", [{"control_token"}, {"api_key", "api_secret", "access_token"}])
def test_kitesim_takes_a_control_token_or_the_three_of_kite(keys: set[str]) -> None:
    """Either suffices."""
    facts = FACTS | {"kitesim-credentials": SecretFacts(frozenset(keys))}
    assert condition(look(observed(secrets=facts)), "SpecValid")["status"] == "True"


def test_kite_needs_all_three() -> None:
    """A control token is the simulator's."""
    broker = {"type": "Kite", "credentialsSecretRef": {"name": "kitesim-credentials"}}
    body = spec(account={"id": "AB1234", "broker": broker}, calendar={"exchange": "NFO"})
    found = condition(look(observed(session=session(spec=body))), "SpecValid")
    assert "lacks api_key, api_secret, access_token" in found["message"]


@pytest.mark.parametrize(
    ("profiles", "reason", "words"),
    [
        (None, "ProfileMissing", "ConfigMap desk/profiles does not exist"),
        ({}, "ProfileMissing", "its keys: none"),
        ({"canary_live.yaml": PROFILE}, "ProfileMissing", "needs key paper.yaml"),
        ({"paper.yaml": "a: [1"}, "ProfileInvalid", "line"),
        ({"paper.yaml": PROFILE + "max_heat: 0.01"}, "ProfileInvalid", "the key 'max_heat' stands twice in line 9"),
        ({"paper.yaml": PROFILE.replace("paper", "full")}, "ProfileInvalid", "name: must be 'paper', as its key says"),
        ({"paper.yaml": "3"}, "ProfileInvalid", "must be a mapping of limits, was int"),
        ({"paper.yaml": PROFILE.replace("0.005", "0.05")}, "ProfileInvalid", "per_trade_risk: 0.05 is greater"),
        ({"paper.yaml": PROFILE + "extra: 1"}, "ProfileInvalid", "extra"),
        ({"paper.yaml": PROFILE.replace("max_heat: 0.02", "")}, "ProfileInvalid", "max_heat"),
    ],
)
def test_a_bad_profile_is_answered_with_field_and_value(
    profiles: dict[str, str] | None, reason: str, words: str
) -> None:
    """No pod ever sees it."""
    found = condition(look(observed(profiles=profiles)), "SpecValid")
    assert (found["status"], found["reason"]) == ("False", reason)
    assert words in found["message"]


def test_pods_keep_their_last_good_configuration() -> None:
    """A profile that turns bad touches nothing that runs."""
    seen = dataclasses.replace(running(), profiles={"paper.yaml": "["})
    decision = look(seen)
    assert applied(decision) == []
    assert condition(decision, "SpecValid")["reason"] == "ProfileInvalid"
    assert condition(decision, "Ready")["reason"] == "ProfileInvalid"
    assert status(decision)["phase"] == "Live"
    assert status(decision)["config"]["stable"] is not None


def test_a_changed_profile_makes_a_new_revision_and_rolls() -> None:
    """The old ConfigMap is not touched, the pod template changes by one annotation and one name."""
    seen = running()
    decision = look(dataclasses.replace(seen, profiles={"paper.yaml": PROFILE.replace("0.005", "0.004")}))
    kinds = [manifest["kind"] for manifest in applied(decision)]
    assert kinds == ["ConfigMap", "StatefulSet"]
    assert condition(decision, "ConfigSynced")["reason"] == "Rolling"
    assert "ConfigRevisionApplied" in told(decision)


def test_the_layout_of_a_profile_is_not_its_content() -> None:
    """A comment or another order of keys rolls nothing."""
    lines = PROFILE.strip().splitlines()
    again = "# the same\n" + "\n".join(reversed(lines))
    assert applied(look(dataclasses.replace(running(), profiles={"paper.yaml": again}))) == []


@pytest.mark.parametrize("change", [{"mode": "Paper"}, {"suspend": True}, {"killSwitch": {"engaged": True}}])
def test_what_the_pods_watch_themselves_rolls_nothing(change: dict[str, Any]) -> None:
    """A kill must not restart the pods that are to carry it out."""
    seen = running()
    changed = dataclasses.replace(session(spec=spec(**change)), status=seen.session.status)
    assert applied(look(dataclasses.replace(seen, session=changed))) == []


def test_the_younger_of_two_sessions_is_refused() -> None:
    """One account, one session, in whatever namespace; nothing is made for the second."""
    rival = Rival("other", "first", "uid-first", "2026-11-22T09:00:00Z")
    decision = look(observed(rivals=(rival,)))
    assert applied(decision) == []
    assert condition(decision, "SpecValid")["reason"] == "AccountTaken"
    assert "other/first" in condition(decision, "SpecValid")["message"]
    assert status(decision)["phase"] == "Invalid"


def test_of_two_sessions_of_the_same_second_exactly_one_is_refused() -> None:
    """The UID decides, the same way for both."""
    one, other = session(uid="uid-a"), session(name="other", uid="uid-b")

    def is_refused(mine: Session, rival: Session) -> bool:
        seen = observed(session=mine, rivals=(Rival(rival.namespace, rival.name, rival.uid, rival.created),))
        return str(condition(look(seen), "SpecValid")["reason"]) == "AccountTaken"

    assert [is_refused(one, other), is_refused(other, one)] == [False, True]


def test_a_foreign_lease_is_never_touched() -> None:
    """Somebody else may be trading the account."""
    lease = Child("Lease", "account-ab1234")
    decision = look(observed(children={lease: foreign("Lease", "account-ab1234")}))
    assert applied(decision) == []
    assert condition(decision, "LeaderElected")["reason"] == "LeaseForeign"
    assert condition(decision, "SpecValid")["reason"] == "LeaseForeign"


def test_a_foreign_child_is_never_touched() -> None:
    """A Service of that name may serve somebody."""
    child = Child("Service", "index-trader")
    decision = look(observed(children={child: foreign("Service", "index-trader")}))
    assert applied(decision) == []
    assert condition(decision, "SpecValid")["reason"] == "NameTaken"


def test_an_orphan_is_adopted() -> None:
    """What a session of the same name left behind is taken over."""
    child = Child("Lease", "account-ab1234")
    decision = look(observed(children={child: orphan("Lease", "account-ab1234")}))
    assert "Lease" in {manifest["kind"] for manifest in applied(decision)}


def test_an_unreadable_spec_makes_nothing() -> None:
    """It becomes a condition with the field's name."""
    decision = look(observed(session=read_session(builders.session_body(spec=spec(mode="Papr")))))
    assert applied(decision) == []
    assert condition(decision, "SpecValid")["reason"] == "SpecInvalid"
    assert "spec.mode" in condition(decision, "SpecValid")["message"]


def test_a_session_that_is_deleted_is_left_alone() -> None:
    """Its children go with it."""
    assert look(observed(session=dataclasses.replace(session(), deleting=True))).actions == ()


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


def test_rapid_numbers_are_written_at_a_slow_pace() -> None:
    """A status that differs in them alone waits."""
    seen = running()
    seen = performed(seen, look(seen))
    wanted = status(look(dataclasses.replace(running(), session=session())))["config"]["desired"]
    moved = running(report=builders.report(config=wanted, dayProfitPaise=99))
    moved = dataclasses.replace(moved, session=seen.session)
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
    (template,) = [each for child, each in seen.children.items() if child.kind == "ConfigMap"]
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
    late = dataclasses.replace(seen.pods[1], config_hash=f"{1:010d}ffff")
    decision = look(dataclasses.replace(seen, pods=(seen.pods[0], late)))
    names = [action.name for action in decision.actions if isinstance(action, Delete)]
    assert config_name("index", f"{1:010d}") not in names


def test_a_refusal_of_the_api_server_is_shown() -> None:
    """Ready says what could not be applied."""
    decision = look(observed(fault="PATCH …/services: 403 quota exceeded"))
    assert condition(decision, "Ready")["reason"] == "ApplyFailed"
    assert "quota exceeded" in condition(decision, "Ready")["message"]
