"""Puts prometheus-operator and one Prometheus onto the cluster, and takes them off. Safe to repeat."""

import json
from pathlib import Path
from typing import Any

import yaml

from ops.clients.kubectl import KUBECONFIG, Kubectl
from ops.clients.session import wait_for
from ops.cluster import binaries, kindcluster, pins
from ops.cluster.console import step
from ops.monitoring import manifests
from ops.monitoring.images import provide
from ops.monitoring.prometheus import Prometheus

_MODULE = "github.com/prometheus-operator/prometheus-operator"
_RIGHTS = ("service-account", "cluster-role", "cluster-role-binding", "deployment")


def kubectl() -> Kubectl:
    """kubectl in the namespace of the monitoring."""
    return Kubectl(manifests.NAMESPACE, KUBECONFIG, str(binaries.location(pins.KUBECTL)))


def up() -> Prometheus:
    """Images, CRDs, operator, Prometheus, Ready."""
    cluster = kindcluster.current()
    images = provide(cluster.docker)
    program = kubectl()
    sources = binaries.module_folder("prometheus-operator", _MODULE) / "example"
    with step("install prometheus-operator"):
        # Server-side: the CRDs are larger than the annotation of a client-side apply may be.
        crds = sorted((sources / "prometheus-operator-crd").glob("*.yaml"))
        _apply(program, *(f"--filename={path}" for path in crds))
        program.run("wait", "--for=condition=Established", "--timeout=60s", "crd", *_names(crds), seconds=70)
        folder = sources / "rbac" / "prometheus-operator"
        upstream = [yaml.safe_load((folder / f"prometheus-operator-{part}.yaml").read_text()) for part in _RIGHTS]
        _apply_all(program, [manifests.namespace(), *manifests.operator(upstream, images)])
        program.run("rollout", "status", f"deployment/{manifests.OPERATOR}", "--timeout=120s", seconds=130)
    with step("start Prometheus"):
        _apply_all(program, manifests.prometheus(images))
        wait_for("a Prometheus that is Ready", lambda: _is_ready(program), 180)
    return Prometheus(program)


def down(*, with_crds: bool) -> None:
    """Remove Prometheus, the operator and their rights. The kinds stay unless asked for: others may use them."""
    kindcluster.current()
    program = kubectl()
    made = [manifests.namespace(), *manifests.prometheus(None)]
    with step("remove the monitoring"):
        program.run("delete", "namespace", manifests.NAMESPACE, "--ignore-not-found", "--timeout=120s", seconds=130)
        roles = [each["metadata"]["name"] for each in made if each["kind"] == "ClusterRole"]
        for name in (*roles, manifests.OPERATOR):
            program.run("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found")
        if with_crds:
            found = program.run("get", "crd", "-o", "name").split()
            ours = [name for name in found if name.endswith(".monitoring.coreos.com")]
            if ours:
                program.run("delete", *ours, "--timeout=60s", seconds=70)


def _apply(program: Kubectl, *arguments: str, text: str | None = None) -> None:
    program.run("apply", "--server-side", "--force-conflicts", *arguments, text=text, seconds=90)


def _apply_all(program: Kubectl, objects: list[dict[str, Any]]) -> None:
    _apply(program, "--filename=-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def _names(crds: list[Path]) -> list[str]:
    """From the files' names, GROUP_PLURAL.yaml: their content has texts (`=`) that the YAML parser takes for a type."""
    return [".".join(reversed(path.stem.split("_"))) for path in crds]


def _is_ready(program: Kubectl) -> bool | None:
    pod = program.json("get", "pod", manifests.POD)
    wanted = program.json("get", "statefulset", f"prometheus-{manifests.PROMETHEUS}")["status"]
    is_new = wanted.get("updateRevision") == pod["metadata"]["labels"].get("controller-revision-hash")
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return (is_new and conditions.get("Ready") == "True") or None
