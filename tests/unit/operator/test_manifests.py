"""The manifests keep the promises that the cluster will not check for us."""

from typing import Any

import pytest

from session_operator.domain.configs import build_revision, build_session_file, hash_of
from session_operator.domain.desired import build_foundation, build_pointer, build_revision_map, build_session_map
from session_operator.domain.differences import is_covered, with_hash
from session_operator.domain.sessions import Session
from session_operator.domain.workload import build_workload
from session_operator.model import Spec
from session_operator.permissions import SESSION_RULES, post_close_rules, trader_rules
from tests.unit.operator.builders import session, spec


def workload(**changes: Any) -> dict[str, Any]:
    """The StatefulSet for a changed spec."""
    found = session(spec=spec(**changes))
    assert isinstance(found.spec, Spec)
    return build_workload(found, found.spec, build_session_file(found, found.spec, {}), "trader:1")


POD = workload()["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def test_pods_meet_the_restricted_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, level restricted."""
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"]["allowPrivilegeEscalation"] is False
    assert CONTAINER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"] is True
    assert {next(key for key in volume if key != "name") for volume in POD["volumes"]} <= {
        "projected",
        "secret",
        "emptyDir",
    }


def test_the_container_is_started_as_the_seams_say() -> None:
    """docs/seams.md, section 2."""
    assert " ".join(CONTAINER["command"]) == (
        "trader run --session /etc/trader/session/session.yaml --config /etc/trader/session/profile.yaml"
    )
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts == {
        "/etc/trader/session",
        "/etc/trader/credentials",
        "/etc/trader/database",
        "/etc/trader/redis",
        "/var/lib/trader",
        "/tmp",
    }
    assert [each["name"] for each in CONTAINER["env"]] == ["POD_NAME", "POD_UID", "POD_NAMESPACE", "NODE_NAME"]


def test_whom_to_tell_is_mounted_where_it_is_wanted_and_keeps_nobody_from_starting() -> None:
    """An optional Secret: a desk that cannot be told must still have its positions protected."""
    pod = workload(notifications={"secretRef": {"name": "desk-notifications"}})["spec"]["template"]["spec"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "notifications"]
    assert volume["secret"] == {"secretName": "desk-notifications", "defaultMode": 0o440, "optional": True}
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "notifications"]
    assert mount == {"name": "notifications", "mountPath": "/etc/trader/notifications", "readOnly": True}


def test_the_pair_is_spread_over_hosts() -> None:
    """One host lost leaves one trader."""
    (constraint,) = POD["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "DoNotSchedule"
    assert workload()["spec"]["replicas"] == 2


def test_liveness_is_lenient() -> None:
    """It is never the fence: a minute of silence before a restart."""
    probe = CONTAINER["livenessProbe"]
    assert probe["httpGet"]["path"] == "/healthz"
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 60


def test_without_redis_there_is_no_mount_of_it() -> None:
    """A Secret that is not named is not mounted."""
    pod = workload(storage={"databaseSecretRef": {"name": "trading-db"}})["spec"]["template"]["spec"]
    assert "redis" not in {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ({}, {"requests": {"cpu": "100m", "memory": "128Mi"}}),
        ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1", "memory": "128Mi"}}),
        ({"limits": {"memory": "64Mi"}}, {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}}),
    ],
)
def test_a_default_request_never_exceeds_a_limit(resources: dict[str, Any], wanted: dict[str, Any]) -> None:
    """A limit without a request is its own request."""
    pod = workload(trader={"resources": resources})["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == wanted


def test_the_session_s_image_wins() -> None:
    """The operator's image is the default."""
    assert CONTAINER["image"] == "trader:1"
    pod = workload(trader={"image": "trader:2"})["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "trader:2"


def test_the_operator_has_what_it_grants() -> None:
    """Kubernetes lets nobody grant more than he has."""
    for granted in (*trader_rules("index", "account-ab1234", "kite-ab1234"), *post_close_rules("index")):
        for group in granted["apiGroups"]:
            for resource in granted["resources"]:
                own = [
                    set(rule["verbs"])
                    for rule in SESSION_RULES
                    if group in rule["apiGroups"] and resource in rule["resources"]
                ]
                assert own, resource
                assert set(granted["verbs"]) <= set.union(*own)


def test_traders_may_touch_one_lease_and_one_session() -> None:
    """By name; they may delete nothing and read no Secret: the one of their broker is written, with the day's token."""
    found = session()
    assert found.spec is not None
    role = role_of(found, "index-trader")
    by_resource = {resource: rule for rule in role["rules"] for resource in rule["resources"]}
    assert by_resource["leases"]["resourceNames"] == ["account-ab1234"]
    assert by_resource["tradingsessions"]["resourceNames"] == ["index"]
    secret = found.spec.account.broker.credentials_secret_ref.name
    assert (by_resource["pods"]["verbs"], by_resource["pods"]["resourceNames"]) == (
        ["get"],
        ["index-trader-0", "index-trader-1"],
    )
    assert (by_resource["secrets"]["verbs"], by_resource["secrets"]["resourceNames"]) == (["patch"], [secret])
    assert not [rule for rule in role["rules"] if {"delete", "create", "*"} & set(rule["verbs"]) - {"create"}]


def role_of(found: Session, account: str) -> dict[str, Any]:
    """The Role that is bound to a ServiceAccount, and to nobody else."""
    assert found.spec is not None
    made = build_foundation(found, found.spec)
    (binding,) = [each for each in made if each["kind"] == "RoleBinding" and account in str(each["subjects"])]
    assert [each["name"] for each in binding["subjects"]] == [account]
    (role,) = [
        each for each in made if each["kind"] == "Role" and each["metadata"]["name"] == binding["roleRef"]["name"]
    ]
    return role


def test_the_post_close_may_read_two_logs_and_nothing_else() -> None:
    """Those of its own session's traders, by name; the traders themselves may read none."""
    found = session()
    assert role_of(found, "index-post-close")["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["pods/log"],
            "verbs": ["get"],
            "resourceNames": ["index-trader-0", "index-trader-1"],
        }
    ]
    assert "pods/log" not in str(role_of(found, "index-trader"))


def test_a_revision_is_immutable_and_named_by_the_hash_of_its_bytes() -> None:
    """The name is the content; parameters of strategies stand in the session file."""
    revision = build_revision({"name": "paper", "per_trade_risk": 0.005, "strategies": {"a": {"b": 1}}})
    manifest = build_revision_map(session(), revision)
    assert manifest["immutable"] is True
    assert manifest["metadata"]["name"] == f"index-config-{revision.hash[:10]}"
    assert revision.hash == hash_of(manifest["data"]["profile.yaml"])
    assert "strategies" not in manifest["data"]["profile.yaml"]


def test_pods_boot_on_a_pointer_that_may_change() -> None:
    """It says whether the operator has yet to speak for a configuration."""
    manifest = build_pointer(session(), build_revision({"name": "paper"}), "canary", awaits_promotion=True)
    assert "immutable" not in manifest
    assert manifest["metadata"]["name"] == "index-config"
    assert manifest["data"]["stage.yaml"] == "stage: canary\nawaitsPromotion: true\n"


def test_what_needs_a_restart_is_named_in_the_pod_template() -> None:
    """Another parameter of a strategy is another template; other limits are not."""
    found = session()
    assert found.spec is not None
    one, other = (
        build_session_file(found, found.spec, {"strategies": {"opening-range-breakout": each}})
        for each in ({}, {"a": 1})
    )
    limits = build_session_file(found, found.spec, {"per_trade_risk": 0.001})
    assert one.hash == limits.hash != other.hash
    assert build_session_map(found, one)["immutable"] is True
    assert build_workload(found, found.spec, one, "t") == build_workload(found, found.spec, limits, "t")
    assert build_workload(found, found.spec, one, "t") != build_workload(found, found.spec, other, "t")


def test_a_field_that_is_no_longer_wanted_is_found_by_the_hash() -> None:
    """Leaving a field out is a change."""
    one = with_hash({"kind": "Service", "metadata": {"name": "a"}, "spec": {"a": 1, "b": 2}})
    other = with_hash({"kind": "Service", "metadata": {"name": "a"}, "spec": {"a": 1}})
    assert is_covered(one, one)
    assert not is_covered(other, one)


@pytest.mark.parametrize(
    ("wanted", "live", "is_same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {}}, {}, True),
        ({"a": {"b": 1}}, {}, False),
        ({"rules": [{"a": 1}]}, {"rules": [{"a": 1}, {"b": 2}]}, False),
        ({"ports": [{"port": 1}]}, {"ports": [{"port": 1, "protocol": "TCP"}]}, True),
        ({"ownerReferences": [{"uid": "x"}]}, {"ownerReferences": [{"uid": "y"}, {"uid": "x"}]}, True),
        ({"cpu": "1000m"}, {"cpu": "1"}, True),
        ({"memory": "1024Mi"}, {"memory": "1Gi"}, True),
        ({"cpu": "100m"}, {"cpu": "200m"}, False),
        ({"name": "1"}, {"name": "1000m"}, False),
    ],
)
def test_what_covers_what(wanted: Any, live: Any, is_same: bool) -> None:
    """Defaults and other managers' fields are left alone; a list is the operator's whole."""
    assert is_covered(wanted, live) is is_same
