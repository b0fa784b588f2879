"""What `python -m ops.monitoring up` applies."""

from typing import Any

from ops.cluster import pins
from ops.monitoring import manifests
from ops.monitoring.images import Images, reference

IMAGES = Images("op:1", "reload:1", "prom:1")


def upstream() -> list[dict[str, Any]]:
    """The shape of prometheus-operator's example manifests."""
    container = {
        "name": "prometheus-operator",
        "image": "upstream/operator",
        "args": ["--kubelet-service=kube-system/kubelet", "--prometheus-config-reloader=upstream/reloader"],
    }
    return [
        {"kind": "ClusterRoleBinding", "metadata": {"name": "x"}, "subjects": [{"name": "x", "namespace": "default"}]},
        {
            "kind": "Deployment",
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        },
    ]


def test_the_operator_moves_to_its_namespace_with_our_images() -> None:
    """Its rights go with it; nothing of it is left in `default`."""
    binding, deployment = manifests.operator(upstream(), IMAGES)
    assert binding["subjects"][0]["namespace"] == manifests.NAMESPACE
    assert deployment["metadata"]["namespace"] == manifests.NAMESPACE
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "op:1"
    assert "--prometheus-config-reloader=reload:1" in container["args"]
    assert "--kubelet-service=kube-system/kubelet" not in container["args"]


def test_with_a_registry_upstreams_images_stay() -> None:
    """No name of theirs stands in this repository; the operator's defaults decide."""
    (container,) = manifests.operator(upstream(), None)[1]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "upstream/operator"
    assert "--prometheus-config-reloader=upstream/reloader" in container["args"]
    assert "image" not in manifests.prometheus(None)[-1]["spec"]


def test_prometheus_takes_everything_and_may_only_read_pods() -> None:
    """An absent selector selects nothing, an empty one all; restricted as the namespace enforces."""
    *rights, prometheus = manifests.prometheus(IMAGES)
    spec = prometheus["spec"]
    for selector in (
        "podMonitorSelector",
        "podMonitorNamespaceSelector",
        "ruleSelector",
        "ruleNamespaceSelector",
    ):
        assert spec[selector] == {}
    assert spec["version"] == f"v{pins.prometheus_version()}"
    assert (spec["scrapeInterval"], spec["evaluationInterval"]) == ("5s", "5s")
    assert spec["securityContext"]["runAsNonRoot"] is True
    (role,) = [each for each in rights if each["kind"] == "ClusterRole"]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]


def test_an_image_is_named_after_its_pin() -> None:
    """Programs of one module share a key, and no two share a name."""
    names = {reference(each) for each in (pins.PROMETHEUS, pins.PROMETHEUS_OPERATOR, pins.CONFIG_RELOADER)}
    assert len(names) == 3
    assert all(name.startswith("tsn.local/") for name in names)
