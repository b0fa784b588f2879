"""What is applied, as data: prometheus-operator's own example manifests, moved and hardened, and one Prometheus. Pure."""

from collections.abc import Iterable
from typing import Any

from ops.cluster import pins
from ops.monitoring.images import Images

Manifest = dict[str, Any]

NAMESPACE = "monitoring"
OPERATOR = "prometheus-operator"
PROMETHEUS = "tsn"
POD = f"prometheus-{PROMETHEUS}-0"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
# Beside the chart's other pods: a lost worker is a lost trader and nothing else.
_PLACE = {
    "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
}


def namespace() -> Manifest:
    """Where operator and Prometheus live, under the `restricted` Pod Security Standard."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": _RESTRICTED}}


def operator(upstream: Iterable[Manifest], images: Images | None) -> list[Manifest]:
    """Upstream's service account, rights and deployment, in our namespace and with our images, if there are such."""
    made = []
    for manifest in upstream:
        moved: Manifest = {**manifest, "metadata": dict(manifest["metadata"])}
        if "namespace" in moved["metadata"]:
            moved["metadata"]["namespace"] = NAMESPACE
        if moved["kind"] == "ClusterRoleBinding":
            moved["subjects"] = [{**each, "namespace": NAMESPACE} for each in moved["subjects"]]
        if moved["kind"] == "Deployment":
            _adapt(moved["spec"]["template"]["spec"], images)
        made.append(moved)
    return made


def _adapt(pod: Manifest, images: Images | None) -> None:
    (container,) = pod["containers"]
    # Not for us: it would keep Endpoints of all kubelets in kube-system.
    arguments = [each for each in container["args"] if not each.startswith("--kubelet")]
    arguments += ["--kubelet-endpoints=false"]
    # By default the reloader may use a hundredth of a core, and takes that long for each change of a rule.
    arguments += ["--config-reloader-cpu-limit=0", "--config-reloader-cpu-request=0"]
    arguments += ["--config-reloader-memory-limit=0"]
    if images is not None:
        flag = "--prometheus-config-reloader="
        arguments = [f"{flag}{images.reloader}" if each.startswith(flag) else each for each in arguments]
        container["image"] = images.operator
    container["args"] = arguments
    container["imagePullPolicy"] = "IfNotPresent"
    container["resources"] = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}
    pod |= _PLACE


def prometheus(images: Images | None) -> list[Manifest]:
    """A Prometheus that takes every PodMonitor and every rule of the cluster, and scrapes every 5 s."""
    metadata = {"name": f"prometheus-{PROMETHEUS}", "namespace": NAMESPACE}
    role = {"name": f"{NAMESPACE}-prometheus-{PROMETHEUS}"}
    everything: Manifest = {"podMonitorSelector": {}, "ruleSelector": {}}
    # An absent namespace selector would mean the own namespace only.
    everything |= {"podMonitorNamespaceSelector": {}, "ruleNamespaceSelector": {}}
    spec: Manifest = {
        **everything,
        **_PLACE,
        "version": f"v{pins.prometheus_version()}",
        "replicas": 1,
        "serviceAccountName": metadata["name"],
        "scrapeInterval": "5s",
        "evaluationInterval": "5s",
        "retention": "6h",
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        # The operator itself adds the read-only root and drops the capabilities.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "fsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if images is not None:
        spec["image"] = images.prometheus
    rights = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": role, "rules": rights},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role["name"]},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "Prometheus",
            "metadata": {"name": PROMETHEUS, "namespace": NAMESPACE},
            "spec": spec,
        },
    ]
