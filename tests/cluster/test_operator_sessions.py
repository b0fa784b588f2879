"""The operator on the real cluster: what it makes, what it refuses, how it heals. Its sessions' pods do not start here
(their image does not exist) unless a test says so, so that each Lease is the test's own to write."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.clients.kubectl import Kubectl, KubectlError
from ops.clients.session import wait_for
from session_operator.domain.sessions import read_session
from tests.cluster.operator_desks import SOON, Desk, Edit, desks_in, manifest, without_sessions

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

NAMESPACE = "operator-tests"
OTHER = "operator-tests-other"


@pytest.fixture(scope="module")
def desks(stand: Kubectl) -> Iterator[tuple[Desk, ...]]:
    """Two namespaces."""
    yield from desks_in(stand, NAMESPACE, OTHER)


@pytest.fixture
def desk(desks: tuple[Desk, Desk]) -> Iterator[Desk]:
    """The first namespace; its sessions are deleted after each test."""
    yield desks[0]
    without_sessions(*desks)


@pytest.fixture
def other(desks: tuple[Desk, Desk]) -> Desk:
    """The second namespace."""
    return desks[1]


def set_lease(**times: int) -> Edit:
    """Change the lease's times."""
    return lambda body: body["spec"]["trader"].update(lease=times)


def set_spec(**parts: Any) -> Edit:
    """Change parts of the spec."""
    return lambda body: body["spec"].update(parts)


def as_kite(body: dict[str, Any]) -> None:
    """Only the type, and nothing that goes with it."""
    body["spec"]["account"]["broker"]["type"] = "Kite"


def without_urls(body: dict[str, Any]) -> None:
    """A simulator without an address."""
    del body["spec"]["account"]["broker"]["streamURL"]


def set_broker(**parts: Any) -> Edit:
    """Change parts of the broker."""
    return lambda body: body["spec"]["account"]["broker"].update(parts)


BAD: dict[str, tuple[Edit, str]] = {
    "an unknown field": (set_spec(gate={}), 'unknown field "spec.gate"'),
    "a burn-in of days that nobody seals": (set_spec(gates={"burnInDays": 3}), "gates.burnInDays needs postClose"),
    "a drill that nobody knows": (set_spec(gates={"drills": ["hope"]}), 'Unsupported value: "hope"'),
    "a drill twice": (set_spec(gates={"drills": ["dual-runner"] * 2}), "name each drill once"),
    "a retention in words": (set_spec(postClose={"retention": "a month"}), "postClose.retention"),
    "a lease too short": (set_lease(durationSeconds=12), "found durationSeconds 12, renewDeadlineSeconds 8"),
    "a deadline too short": (set_lease(renewDeadlineSeconds=2), "1.2 times retryPeriodSeconds"),
    "an unknown mode": (
        set_spec(mode="Papr"),
        'spec.mode: Unsupported value: "Papr": supported values: "Paper", "Live"',
    ),
    "no strategy": (set_spec(strategies=[]), "spec.strategies"),
    "a strategy twice": (set_spec(strategies=[{"name": "a"}, {"name": "a"}]), "Duplicate value"),
    "a stage twice": (set_spec(config={"stages": [{"name": "a", "profile": "paper"}] * 2}), "Duplicate value"),
    "a profile twice": (
        set_spec(config={"stages": [{"name": "a", "profile": "paper"}, {"name": "b", "profile": "paper"}]}),
        "name each profile once",
    ),
    "an analysis without a time": (
        set_spec(config={"stages": [{"name": "a", "profile": "paper", "analysis": [{"slo": "OrderAck"}]}]}),
        "minimumMarketTime is required",
    ),
    "an SLO that nobody knows": (
        set_spec(
            config={
                "stages": [{"name": "a", "profile": "paper", "minimumMarketTime": "1h", "analysis": [{"slo": "Luck"}]}]
            }
        ),
        'Unsupported value: "Luck"',
    ),
    "a duration in words": (
        set_spec(config={"stages": [{"name": "a", "profile": "paper", "minimumMarketTime": "one hour"}]}),
        "minimumMarketTime",
    ),
    "a kite with a url": (as_kite, "must be absent with type Kite"),
    "a simulator without": (without_urls, "required with type Kitesim"),
    "release and kill": (set_spec(killSwitch={"engaged": True, "release": "x"}), "release must be empty"),
    "an address twice": (
        set_broker(egress={"registeredAddresses": ["203.0.113.7"] * 2, "checkURL": "https://address.example/"}),
        "each address once",
    ),
    "no address": (
        set_broker(egress={"registeredAddresses": ["here"], "checkURL": "https://address.example/"}),
        "registeredAddresses[0]",
    ),
    "a proxy with a password": (
        set_broker(
            egress={
                "registeredAddresses": ["203.0.113.7"],
                "checkURL": "https://address.example/",
                "proxyURL": "http://desk:secret@egress:3128",
            }
        ),
        "egress.proxyURL",
    ),
    "a command without a program": (set_broker(tokenCommand=[]), "tokenCommand"),
    "a small account": (lambda body: body["spec"]["account"].update(id="ab1234"), "spec.account.id"),
    "a number for a name": (lambda body: body["metadata"].update(name="1st"), "metadata.name must have at most 40"),
    "a long name": (lambda body: body["metadata"].update(name="a" * 41), "metadata.name must have at most 40"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_refused_at_once_with_one_clear_message(desk: Desk, case: str) -> None:
    """kubectl shows it, and nothing is stored."""
    edit, words = BAD[case]
    with pytest.raises(KubectlError) as refusal:
        desk.apply("bad", "AB1234", edit)
    assert words in str(refusal.value)


NOT_OF_THE_MODEL = {"a strategy twice", "a stage twice", "a number for a name", "a long name"}


@pytest.mark.parametrize("case", [case for case in BAD if case not in NOT_OF_THE_MODEL])
def test_the_operator_s_own_model_refuses_the_same(case: str) -> None:
    """An object stored past a weaker CRD reaches no trader."""
    body = manifest("bad", "AB1234", BAD[case][0])
    body["metadata"].update(namespace=NAMESPACE, uid="uid")
    assert read_session(body).spec is None


def test_an_account_is_immutable(desk: Desk) -> None:
    """Another account is another session."""
    desk.apply("fixed", "FX1234")
    with pytest.raises(KubectlError, match=r"account\.id is immutable"):
        desk.apply("fixed", "FX9999")


PARTS = (
    *("spec", "spec.killSwitch", "spec.trader.lease", "spec.gates", "spec.postClose"),
    *("status", "status.leader", "status.drills", "status.burnIn"),
)


@pytest.mark.parametrize("path", PARTS)
def test_explain_has_words_for_every_field(stand: Kubectl, path: str) -> None:
    """No field stands there without a description."""
    text = stand.run("explain", f"tradingsession.{path}")
    assert "<no description>" not in text
    assert "FIELDS:" in text


def test_a_session_gets_its_children_and_can_be_deleted_without_the_operator(desk: Desk) -> None:
    """No finalizer, no annotation of ours on it; garbage collection takes the rest."""
    desk.apply("whole", "WH1234")
    wait_for("the StatefulSet", lambda: desk.get("statefulset", "whole-trader"), SOON)
    for kind, name in (
        ("lease", "account-wh1234"),
        ("service", "whole-trader"),
        ("service", "whole-trader-http"),
        ("serviceaccount", "whole-trader"),
        ("role", "whole-trader"),
        ("rolebinding", "whole-trader"),
        ("poddisruptionbudget", "whole-trader"),
    ):
        (owner,) = desk.get(kind, name)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("TradingSession", "whole", True)
    metadata = desk.get("tradingsession", "whole")["metadata"]
    assert "finalizers" not in metadata
    assert list(metadata["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
    desk.kubectl.run("delete", "tradingsession", "whole", "--timeout=20s")

    def is_gone() -> bool | None:
        kinds = "statefulsets,services,leases,configmaps,roles,poddisruptionbudgets"
        return desk.kubectl.json("get", kinds, "-l", "tradeops.dev/session=whole")["items"] == [] or None

    wait_for("the children to be gone", is_gone, 60)


def test_pods_are_accepted_under_the_restricted_standard(desk: Desk) -> None:
    """The API server itself judges the template."""
    desk.apply("strict", "ST1234")
    template = wait_for("the StatefulSet", lambda: desk.get("statefulset", "strict-trader"), SOON)["spec"]["template"]
    label = "pod-security.kubernetes.io/enforce=restricted"
    desk.kubectl.run("label", "namespace", NAMESPACE, label)
    try:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "judged"}, "spec": template["spec"]}
        desk.kubectl.run("apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump(pod))
        pod["spec"] = {**template["spec"], "hostNetwork": True}
        with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
            desk.kubectl.run("apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump(pod))
    finally:
        desk.kubectl.run("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce-")


def test_what_keeps_pods_from_starting_is_said_on_the_session(desk: Desk) -> None:
    """The reader need not look further."""
    desk.apply("noimage", "NI1234")

    def look() -> str | None:
        message = desk.condition("noimage", "Ready").get("message", "")
        return message if "does.not.exist/trader:0" in message else None

    assert wait_for("the reason", look, 60).startswith("noimage-trader-")


def test_a_missing_secret_is_named_and_the_session_heals_by_itself(desk: Desk) -> None:
    """The other sessions go on."""
    desk.apply("lacking", "LA1234", lambda body: body["spec"]["storage"].update(databaseSecretRef={"name": "late-db"}))
    found = desk.wait_for_reason("lacking", "SpecValid", "SecretMissing")
    assert "Secret late-db does not exist in namespace operator-tests" in found["message"]
    desk.apply("unharmed", "UH1234")
    desk.wait_for_reason("unharmed", "SpecValid", "Valid")
    desk.kubectl.run("create", "secret", "generic", "late-db", "--from-literal=uri=postgresql://nowhere")
    wait_for("the key", lambda: "lacks url" in desk.condition("lacking", "SpecValid")["message"] or None, SOON)
    desk.kubectl.run("delete", "secret", "late-db")
    desk.kubectl.run("create", "secret", "generic", "late-db", "--from-literal=url=postgresql://nowhere")
    desk.wait_for_reason("lacking", "SpecValid", "Valid")
    wait_for("the StatefulSet", lambda: desk.get("statefulset", "lacking-trader"), SOON)
    desk.kubectl.run("delete", "secret", "late-db")
    desk.wait_for_reason("lacking", "SpecValid", "SecretMissing")
    assert desk.get("statefulset", "lacking-trader")["spec"]["replicas"] == 2
    assert {"SecretMissing", "SpecAccepted", "ConfigPromoted"} <= set(desk.reasons("lacking"))


def test_a_profile_that_is_not_there_is_answered_and_pods_keep_theirs(desk: Desk) -> None:
    """The template of the pair does not move."""
    desk.apply("profiled", "PR1234")
    before = wait_for("the StatefulSet", lambda: desk.get("statefulset", "profiled-trader"), SOON)
    desk.apply("profiled", "PR1234", set_spec(config={"stages": [{"name": "full", "profile": "no-such"}]}))
    found = desk.wait_for_reason("profiled", "SpecValid", "ProfileMissing")
    assert "'no-such' needs key no_such.yaml" in found["message"]
    assert "paper.yaml" in found["message"]
    assert desk.get("statefulset", "profiled-trader")["spec"] == before["spec"]


def test_a_second_session_for_an_account_is_refused_until_the_first_is_gone(desk: Desk, other: Desk) -> None:
    """In any namespace; the younger waits."""
    desk.apply("elder", "TW1234")
    desk.wait_for_reason("elder", "SpecValid", "Valid")
    time.sleep(1.1)  # a creation time has whole seconds
    other.apply("younger", "TW1234")
    assert f"{NAMESPACE}/elder" in other.wait_for_reason("younger", "SpecValid", "AccountTaken")["message"]
    assert "younger-trader" not in other.kubectl.run("get", "statefulsets,leases", "-o", "name")
    desk.kubectl.run("delete", "tradingsession", "elder", "--timeout=20s")
    other.wait_for_reason("younger", "SpecValid", "Valid")
    wait_for("the StatefulSet", lambda: other.get("statefulset", "younger-trader"), SOON)


def test_a_foreign_lease_is_left_alone(desk: Desk) -> None:
    """Somebody else may be trading the account; when he is gone, the session begins."""
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "account-fo1234"},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15},
    }
    desk.kubectl.apply(yaml.safe_dump(lease))
    before = desk.get("lease", "account-fo1234")
    desk.apply("refused", "FO1234")
    desk.wait_for_reason("refused", "LeaderElected", "LeaseForeign")
    assert desk.get("lease", "account-fo1234") == before
    assert "refused-trader" not in desk.kubectl.run("get", "statefulsets", "-o", "name")
    desk.kubectl.run("delete", "lease", "account-fo1234")
    wait_for("the session to begin", lambda: desk.get("statefulset", "refused-trader"), 60)


def test_another_replica_works_on_when_the_operator_that_works_is_killed(desk: Desk, stand: Kubectl) -> None:
    """SIGKILL releases nothing: its Lease expires, and what was asked for meanwhile is done."""
    lease = "trading-session-operator"

    def holder() -> str | None:
        return stand.json("get", "lease", lease)["spec"]["holderIdentity"] or None

    working = wait_for("an elected operator", holder, SOON)
    stand.run("delete", "pod", working.rpartition("_")[0], "--grace-period=0", "--force", "--wait=false")
    desk.apply("orphaned", "OR1234")
    wait_for("the StatefulSet", lambda: desk.get("statefulset", "orphaned-trader"), 60)
    assert holder() != working


def test_drift_is_corrected(desk: Desk) -> None:
    """What somebody deletes or edits comes back; what somebody adds stays."""
    desk.apply("drifting", "DR1234")
    wait_for("the StatefulSet", lambda: desk.get("statefulset", "drifting-trader"), SOON)
    desk.kubectl.run("delete", "service", "drifting-trader-http")
    desk.kubectl.run("scale", "statefulset", "drifting-trader", "--replicas=1")
    grant = [
        {"op": "add", "path": "/rules/-", "value": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}}
    ]
    desk.kubectl.run("patch", "role", "drifting-trader", "--type", "json", "-p", json.dumps(grant))
    desk.kubectl.run("annotate", "statefulset", "drifting-trader", "theirs=stays")
    wait_for("the Service", lambda: desk.get("service", "drifting-trader-http"), SOON)
    workload = "drifting-trader"
    wait_for("two replicas", lambda: desk.get("statefulset", workload)["spec"]["replicas"] == 2 or None, SOON)
    wait_for("the Role", lambda: grant[0]["value"] not in desk.get("role", workload)["rules"] or None, SOON)
    assert desk.get("statefulset", workload)["metadata"]["annotations"]["theirs"] == "stays"


def test_the_leader_is_mirrored_and_the_lease_s_spec_is_the_traders_own(desk: Desk) -> None:
    """Status follows the Lease within a second or so; the operator owns nothing of its spec."""
    desk.apply("mirrored", "MI1234")
    wait_for("the Lease", lambda: desk.get("lease", "account-mi1234"), SOON)
    desk.lead("MI1234", "mirrored-trader-0", 7)
    status = desk.wait_for_status("mirrored", lambda found: (found.get("leader") or {}).get("epoch") == 7)
    assert status["leader"]["holder"] == "mirrored-trader-0"
    assert (status["tradingState"], status["phase"]) == ("LIVE", "Live")
    assert status["report"]["heatRupees"] == "12345.00"
    desk.lead("MI1234", "mirrored-trader-1", 8)
    desk.wait_for_status("mirrored", lambda found: (found.get("leader") or {}).get("epoch") == 8)
    kill = {"id": "k-1", "reason": "manual", "by": "test", "since": "2026-11-23T03:45:00Z", "flatAt": None}
    desk.lead("MI1234", "mirrored-trader-1", 8, "HALTED", kill=kill)
    desk.wait_for_status("mirrored", lambda found: (found.get("kill") or {}).get("id") == "k-1")
    desk.lead(
        "MI1234", "mirrored-trader-1", 8, "HALTED", kill=kill | {"flatAt": "2026-11-23T03:45:01Z"}, openPositions=0
    )
    desk.wait_for_status("mirrored", lambda found: "flatAt" in (found.get("kill") or {}))
    wait_for(
        "the events",
        lambda: {"LeaderElected", "LeaderChanged", "KillEngaged", "Flat"} <= set(desk.reasons("mirrored")) or None,
        SOON,
    )
    managed = json.loads(desk.kubectl.run("get", "lease", "account-mi1234", "-o", "json", "--show-managed-fields"))
    (ours,) = [each for each in managed["metadata"]["managedFields"] if each["manager"] == "trading-session-operator"]
    assert list(ours["fieldsV1"]) == ["f:metadata"]
    table = desk.kubectl.run("get", "tsn", "mirrored", "-o", "wide")
    for words in ("MODE", "PHASE", "LEADER", "EPOCH", "CONFIG", "READY", "Halted", "mirrored-trader-1", "k-1"):
        assert words in table
    desk.wait_for_reason("mirrored", "LeaderElected", "LeaseExpired")
