"""What the chart renders: real Helm, judged object by object."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.chart import sync
from session_operator import permissions
from tests.unit.chart.conftest import CHART, REPOSITORY, Render

# The first test of a fresh machine waits until Helm is built.
pytestmark = pytest.mark.timeout(900)

EVERYTHING = (
    "--set=networkPolicies.enabled=true",
    "--set=postgresql.persistence.enabled=true",
    "--set=postgresql.podDisruptionBudget.enabled=true",
    "--set=secrets.namespaces={desk}",
    "--set=kitesim.config.faults.seed=7",
    "--set-string=postgresql.settings.max_connections=50",
    "--set=imagePullSecrets[0].name=pull",
)
KIND = (f"--values={CHART / 'values-kind.yaml'}",)


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """Pick the objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def one(objects: list[dict[str, Any]], kind: str, name: str, namespace: str = "trading") -> dict[str, Any]:
    """Pick one namespaced object."""
    (found,) = [
        each
        for each in of_kind(objects, kind)
        if each["metadata"]["name"] == name and each["metadata"].get("namespace") == namespace
    ]
    return found


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pick the pod specifications, by component."""
    templates = [each["spec"]["template"] for each in of_kind(objects, "Deployment", "StatefulSet")]
    return {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]
        for each in [*templates, *of_kind(objects, "Pod")]
    }


@pytest.mark.parametrize("settings", [(), EVERYTHING, KIND], ids=["defaults", "everything", "kind"])
@pytest.mark.parametrize("component", ["operator", "kitesim", "postgresql", "redis", "test"])
class TestPodsAreRestricted:
    """Each pod meets the `restricted` Pod Security Standard, and the house's rules beyond it."""

    def test_pod(self, render: Render, settings: tuple[str, ...], component: str) -> None:
        """No root, a seccomp profile, nothing of the host, no kind of volume that the standard refuses."""
        pod = pods(render(*settings))[component]
        context = pod["securityContext"]

        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        allowed = {"name", "secret", "configMap", "emptyDir", "projected", "persistentVolumeClaim"}
        assert all(volume.keys() <= allowed for volume in pod.get("volumes", []))

    def test_container(self, render: Render, settings: tuple[str, ...], component: str) -> None:
        """No privileges to gain, no capabilities, a read-only root; bounded memory."""
        for container in pods(render(*settings))[component]["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}

    def test_token(self, render: Render, settings: tuple[str, ...], component: str) -> None:
        """Only the operator talks to the API server, so only it gets a token."""
        pod = pods(render(*settings))[component]

        assert pod.get("automountServiceAccountToken", True) is (component == "operator")


def test_one_value_pins_everything_to_the_control_plane(render: Render) -> None:
    """On the kind cluster a lost worker is a lost trader and nothing else."""
    for pod in pods(render(*KIND)).values():
        assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
        assert pod["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"


def test_a_part_may_run_elsewhere(render: Render) -> None:
    """A part's own scheduling is added to the chart's, and wins."""
    settings = ("--set=scheduling.nodeSelector.disk=slow", "--set=postgresql.scheduling.nodeSelector.disk=fast")
    found = pods(render(*settings))

    assert found["postgresql"]["nodeSelector"] == {"disk": "fast"}
    assert found["redis"]["nodeSelector"] == {"disk": "slow"}


def test_large_numbers_stay_whole(render: Render, tmp_path: Path) -> None:
    """A number of a values file is a float to Helm; neither a seed nor a user id may become 1e+09."""
    values = tmp_path / "values.yaml"
    values.write_text("kitesim: {seed: 1234567890}\npostgresql: {runAsUser: 1000650000}\n")
    found = pods(render(f"--values={values}"))

    assert "--seed=1234567890" in found["kitesim"]["containers"][0]["args"]
    assert found["postgresql"]["securityContext"]["runAsUser"] == 1000650000


class TestNames:
    """The names that seams.md, sessions and tests rely on."""

    def test_secrets_that_sessions_name(self, render: Render) -> None:
        """Each has the key that a session reads, and passwords of 32 characters that the parts' own Secrets share."""
        objects = render(*EVERYTHING)
        for namespace in ("trading", "desk"):
            database = one(objects, "Secret", "trading-db", namespace)["stringData"]["url"]
            redis = one(objects, "Secret", "trading-redis", namespace)["stringData"]["url"]
            token = one(objects, "Secret", "kitesim-credentials", namespace)["stringData"]["control_token"]
            password = one(objects, "Secret", "trading-db")["stringData"]["password"]

            assert database == f"postgresql://trading:{password}@postgresql.trading.svc:5432/trading"
            assert redis.endswith("@redis.trading.svc:6379/0")
            assert len(password) == len(token) == 32

    def test_copies_hold_no_more_than_sessions_need(self, render: Render) -> None:
        """A copy in another namespace holds the URL alone."""
        assert one(render(*EVERYTHING), "Secret", "trading-db", "desk")["stringData"].keys() == {"url"}

    def test_services(self, render: Render) -> None:
        """A session reaches the simulator at kitesim.NAMESPACE:8080."""
        ports = {each["metadata"]["name"]: each["spec"]["ports"][0]["port"] for each in of_kind(render(), "Service")}

        assert ports == {"kitesim": 8080, "postgresql": 5432, "redis": 6379, "trading-session-operator": 9090}

    def test_selectors_find_the_pods_and_nothing_else(self, render: Render) -> None:
        """A workload's, a Service's and a policy's selector equals the labels that its pods never lose."""
        objects = render(*EVERYTHING)
        stable = {
            each["metadata"]["name"]: each["spec"]["selector"]["matchLabels"]
            for each in of_kind(objects, "Deployment", "StatefulSet")
        }
        for workload in of_kind(objects, "Deployment", "StatefulSet"):
            selector = workload["spec"]["selector"]["matchLabels"]
            assert selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
        for service in of_kind(objects, "Service"):
            assert service["spec"]["selector"] == stable[service["metadata"]["name"]]
        for policy in of_kind(objects, "NetworkPolicy"):
            assert policy["spec"]["podSelector"]["matchLabels"] == stable[policy["metadata"]["name"]]

    def test_pods_know_nothing_of_versions(self, render: Render) -> None:
        """An upgrade of the chart that changes nothing for the database does not restart it."""
        for workload in of_kind(render(), "Deployment", "StatefulSet"):
            labels = workload["spec"]["template"]["metadata"]["labels"]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()

    def test_recommended_labels(self, render: Render) -> None:
        """Every object says what it is part of, and what manages it."""
        for each in render(*EVERYTHING):
            labels = each["metadata"]["labels"]
            assert labels["app.kubernetes.io/part-of"] == "trading-session"
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
            assert labels["app.kubernetes.io/instance"] == "trading"


class TestOperator:
    """The operator's Deployment and rights."""

    def test_rules_are_what_the_operator_says_it_needs(self, render: Render) -> None:
        """The chart grants exactly the operator's own list."""
        objects = render()
        (role,) = [
            each
            for each in of_kind(objects, "ClusterRole")
            if "aggregate" not in str(each["metadata"]["labels"]) and "token-review" not in each["metadata"]["name"]
        ]

        assert role["rules"] == [dict(rule) for rule in permissions.SESSION_RULES]
        (own,) = of_kind(objects, "Role")
        assert own["rules"] == [dict(rule) for rule in permissions.own_rules("trading-session-profiles")]

    def test_cluster_wide_by_default(self, render: Render) -> None:
        """Without a list of namespaces the operator looks after the whole cluster."""
        bindings = of_kind(render(), "ClusterRoleBinding")
        assert sorted("token-review" in each["metadata"]["name"] for each in bindings) == [False, True]

    def test_only_the_listed_namespaces(self, render: Render) -> None:
        """With a list it is bound there and nowhere else, and told so."""
        objects = render("--set=operator.watchNamespaces={desk,other}")
        bound = {
            each["metadata"]["namespace"]
            for each in of_kind(objects, "RoleBinding")
            if each["roleRef"]["kind"] == "ClusterRole"
        }
        environment = {each["name"]: each.get("value") for each in pods(objects)["operator"]["containers"][0]["env"]}

        (reviews,) = of_kind(objects, "ClusterRoleBinding")
        assert [each["name"] for each in reviews["subjects"]] == [
            "system:serviceaccounts:desk",
            "system:serviceaccounts:other",
        ]
        assert bound == {"desk", "other"}
        assert environment["OPERATOR_NAMESPACES"] == "desk,other"

    def test_replicas_elect_one_by_a_lease_that_they_may_write(self, render: Render) -> None:
        """Two by default; the Lease of the environment is the one that the Role names."""
        objects = render("--set=fullnameOverride=desk-operator")
        spec = one(objects, "Deployment", "desk-operator")["spec"]
        environment = {each["name"]: each.get("value") for each in spec["template"]["spec"]["containers"][0]["env"]}
        rules = one(objects, "Role", "desk-operator")["rules"]

        assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
        assert environment["OPERATOR_LEASE"] == "desk-operator"
        assert ["desk-operator"] in [each.get("resourceNames") for each in rules if each["resources"] == ["leases"]]

    def test_hands_out_the_traders_image(self, render: Render) -> None:
        """The image that sessions run follows the values; a digest wins over a tag."""
        digest = "sha256:" + "a" * 64
        objects = render("--set=trader.image.repository=r/t", f"--set=trader.image.digest={digest}")
        environment = {each["name"]: each.get("value") for each in pods(objects)["operator"]["containers"][0]["env"]}

        assert environment["OPERATOR_TRADER_IMAGE"] == f"r/t@{digest}"


class TestCustomResource:
    """The CRD and the profiles are the repository's."""

    def test_copies_are_equal(self) -> None:
        """`python -m ops.chart sync` has been run since the CRD or a profile changed."""
        assert sync.differing() == []

    def test_crd_is_the_generated_one_and_stays(self, render: Render) -> None:
        """Beside labels and the note to keep it, the rendered CRD is the repository's, number by number."""
        (rendered,) = of_kind(render(), "CustomResourceDefinition")
        source = yaml.safe_load((REPOSITORY / "crds" / "tradingsession.yaml").read_text())

        assert rendered["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert rendered["spec"] == source["spec"]

    def test_crd_can_be_left_out(self, render: Render) -> None:
        """Where the CRD is managed elsewhere the chart keeps away from it."""
        assert not of_kind(render("--set=crds.install=false"), "CustomResourceDefinition")

    def test_profiles_stand_under_their_file_names(self, render: Render) -> None:
        """Each profile of configs/ is a key with the file's exact text."""
        data = one(render(), "ConfigMap", "trading-session-profiles").get("data") or {}
        sources = {name: REPOSITORY / "configs" / name for name in sync.PROFILES}

        assert {key: yaml.safe_load(text) for key, text in data.items()} == {
            name: yaml.safe_load(path.read_text()) for name, path in sources.items() if path.exists()
        }

    def test_own_profiles_are_added(self, render: Render) -> None:
        """A desk's own profile stands beside the chart's."""
        data = one(render("--set=profiles.extra.desk\\.yaml=a: 1"), "ConfigMap", "trading-session-profiles")["data"]

        assert yaml.safe_load(data["desk.yaml"]) == {"a": 1}


class TestParts:
    """PostgreSQL, Redis and the simulator, each of which can be left out."""

    @pytest.mark.parametrize("part", ["kitesim", "postgresql", "redis"])
    def test_a_part_left_out_leaves_nothing(self, render: Render, part: str) -> None:
        """No object of it remains, and the test pod does not ask for it."""
        objects = render(f"--set={part}.enabled=false", *EVERYTHING[:1])

        assert part not in {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in objects}

    def test_all_can_be_left_out(self, render: Render) -> None:
        """The operator alone is a valid release."""
        objects = render(*(f"--set={part}.enabled=false" for part in ("kitesim", "postgresql", "redis")))

        assert set(pods(objects)) == {"operator", "test"}
        assert not of_kind(objects, "Secret")

    @pytest.mark.parametrize(
        ("part", "key"), [("kitesim", "control_token"), ("postgresql", "password"), ("redis", "password")]
    )
    def test_an_existing_secret_is_used_and_none_is_made(self, render: Render, part: str, key: str) -> None:
        """With existingSecret the chart makes none of its own, and mounts the named one."""
        objects = render(f"--set={part}.auth.existingSecret=mine")
        (volume,) = [each for each in pods(objects)[part]["volumes"] if "secret" in each]

        assert volume["secret"]["secretName"] == "mine"
        assert volume["secret"]["items"] == [{"key": key, "path": key}]
        assert part not in {
            each["metadata"]["labels"]["app.kubernetes.io/component"] for each in of_kind(objects, "Secret")
        }

    def test_no_secret_is_in_the_values(self) -> None:
        """The chart's values hold no password, token or key."""
        text = (CHART / "values.yaml").read_text()

        assert not any(f"{word}: " in text for word in ("password", "token", "apiKey"))

    def test_database_volume(self, render: Render) -> None:
        """Off: as long as the pod. On: a claim, and a password that outlives the release with it."""
        off = one(render(), "StatefulSet", "postgresql")["spec"]
        on = one(render(*EVERYTHING), "StatefulSet", "postgresql")["spec"]
        secret = one(render(*EVERYTHING), "Secret", "trading-db")

        assert {"name": "data", "emptyDir": {}} in off["template"]["spec"]["volumes"]
        assert on["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"

    def test_simulator_listens_for_the_cluster_and_asks_for_its_token(self, render: Render) -> None:
        """Off loopback its control routes need the token, which is a file."""
        arguments = pods(render("--set=kitesim.speed=60", "--set=kitesim.funds=500000"))["kitesim"]["containers"][0][
            "args"
        ]

        assert "--host=0.0.0.0" in arguments
        assert "--control-token=/etc/kitesim/credentials/control_token" in arguments
        assert {"--speed=60", "--funds=500000", "--market=always-open", "--start=09:15:00"} <= set(arguments)

    def test_redis_password_is_no_argument(self, render: Render) -> None:
        """A process list shows arguments; the password goes into a file in memory."""
        container = pods(render())["redis"]["containers"][0]

        assert "--requirepass" not in str(container.get("args"))
        assert "env" not in container
