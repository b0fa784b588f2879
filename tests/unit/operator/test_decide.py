"""What is decided about one session, level by level: children, Secrets, profiles, ownership."""

import dataclasses
from typing import Any

import pytest

from session_operator.domain.actions import Apply, WriteStatus
from session_operator.domain.configs import hash_of
from session_operator.domain.names import config_name
from session_operator.domain.observed import Child, Rival, SecretFacts, child_of
from session_operator.domain.sessions import Session, read_session
from tests.unit.operator import builders
from tests.unit.operator.builders import FACTS, PROFILE, foreign, observed, orphan, session, spec
from tests.unit.operator.deciding import applied, condition, look, performed, running, settled, status, told

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


def test_a_new_session_gets_everything_at_once() -> None:
    """Nothing is chained through phases."""
    decision = look(observed())
    assert {manifest["kind"] for manifest in applied(decision)} == ALL_CHILDREN
    assert all(action.is_new for action in decision.actions if isinstance(action, Apply))
    assert told(decision) == ["RolloutComplete", "ConfigPromoted"]


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
        "RolloutComplete": "True",
        "AnalysisHealthy": "Unknown",
        "GatesPassed": "True",
        "PostCloseSucceeded": "Unknown",
        "LiveAllowed": "True",
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


def test_a_changed_profile_makes_a_new_revision_and_restarts_nobody() -> None:
    """The old ConfigMap is not touched, the pointer moves, and the pod template stays as it is."""
    seen = settled(running())
    changed = dataclasses.replace(seen, profiles={"paper.yaml": PROFILE.replace("0.005", "0.004")})
    decision = look(changed)
    assert {child_of(each) for each in applied(decision)} == {
        Child("ConfigMap", config_name("index", status(decision)["config"]["candidate"])),
        Child("ConfigMap", "index-config"),
    }
    assert "ConfigPromoted" in told(decision)
    after = settled(changed)
    assert {each.in_force for each in after.reports.values()} == {
        hash_of(after.children[Child("ConfigMap", "index-config")]["data"]["profile.yaml"])
    }


def test_the_layout_of_a_profile_is_not_its_content() -> None:
    """A comment or another order of keys rolls nothing."""
    seen = settled(running())
    lines = PROFILE.strip().splitlines()
    again = "# the same\n" + "\n".join(reversed(lines))
    assert applied(look(dataclasses.replace(seen, profiles={"paper.yaml": again}))) == []


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
