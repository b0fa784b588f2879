"""What is pinned, and the keys under which things built from the pins are kept.

The versions stand in one place each: the go.mod files under `go/`. A key is
the hash of everything that decides the bytes of what is built, so a changed
pin or recipe builds anew and an unchanged one never does. Debian's packages
are named but not versioned: its mirrors drop old versions with every
security update, so a pinned version would soon be one that cannot be had.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ops.cluster.errors import ClusterError
from ops.cluster.places import TOOL

GO_FOLDER = TOOL / "go"
NODE_FOLDER = TOOL / "node"
_VERSION_PACKAGE = "k8s.io/component-base/version"

# The release of Debian whose systemd (252) still runs on cgroup v1.
DEBIAN_RELEASE = "bookworm"
# What the stock and the self-built Python base have in common: Dockerfiles may rely on it.
STOCK_PYTHON_IMAGE = "python:3.11-slim-bookworm"


@dataclass(frozen=True, slots=True)
class Program:
    """A Go program: the module folder that pins it, its package, and the name its binary gets."""

    folder: str
    package: str
    name: str


KIND = Program("kind", "sigs.k8s.io/kind", "kind")
HELM = Program("helm", "helm.sh/helm/v3/cmd/helm", "helm")
KUBECTL = Program("kubernetes", "k8s.io/kubernetes/cmd/kubectl", "kubectl")
RUNTIME_SHIM = Program("runtime-shim", "runtime-shim", "runtime-shim")
PROMETHEUS = Program("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "prometheus")
PROMTOOL = Program("prometheus", "github.com/prometheus/prometheus/cmd/promtool", "promtool")
_OPERATOR_COMMANDS = "github.com/prometheus-operator/prometheus-operator/cmd"
PROMETHEUS_OPERATOR = Program("prometheus-operator", f"{_OPERATOR_COMMANDS}/operator", "operator")
CONFIG_RELOADER = Program(
    "prometheus-operator", f"{_OPERATOR_COMMANDS}/prometheus-config-reloader", "prometheus-config-reloader"
)
NODE_PROGRAMS = (
    *(
        Program("kubernetes", f"k8s.io/kubernetes/cmd/{name}", name)
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kubeadm",
            "kubectl",
            "kube-proxy",
        )
    ),
    Program("etcd", "go.etcd.io/etcd/server/v3", "etcd"),
    Program("coredns", "github.com/coredns/coredns", "coredns"),
    Program("pause", "pause", "pause"),
)


def module_version(go_mod: str, module: str) -> str:
    """Return the version that a go.mod's text requires of a module."""
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ClusterError(f"go.mod requires no version of {module}")
    return found.group(1)


def prometheus_version() -> str:
    """Return the release of the pinned Prometheus, as in 3.5.1: its module calls release 3.5.1 v0.305.1."""
    text = (GO_FOLDER / "prometheus" / "go.mod").read_text()
    module = module_version(text, "github.com/prometheus/prometheus")
    minor, patch = module.removeprefix("v0.").split(".")
    return f"{minor[0]}.{int(minor[1:])}.{patch}"


def prometheus_operator_version() -> str:
    """Return the pinned version of prometheus-operator, as in v0.85.0."""
    text = (GO_FOLDER / "prometheus-operator" / "go.mod").read_text()
    return module_version(text, "github.com/prometheus-operator/prometheus-operator")


def kubernetes_version() -> str:
    """Return the pinned Kubernetes version, as in v1.34.4."""
    return module_version((GO_FOLDER / "kubernetes" / "go.mod").read_text(), "k8s.io/kubernetes")


def linker_flags(folder: str) -> str:
    """Return the linker flags of a module: stripped, and stamped with the versions that programs ask themselves for.

    Without its version kubectl cannot parse its own and kubeadm refuses to work; without that of
    Kubernetes, Helm renders charts as if for 1.20 and refuses any that wants a newer one.
    """
    text = (GO_FOLDER / folder / "go.mod").read_text()
    stamps: dict[str, str] = {}
    if folder == "kubernetes":
        version = kubernetes_version()
        major, minor = version.lstrip("v").split(".")[:2]
        stamps = {
            f"{_VERSION_PACKAGE}.{name}": value
            for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
        }
    elif folder == "helm":
        minor = module_version(text, "k8s.io/client-go").split(".")[1]
        stamps = {"helm.sh/helm/v3/internal/version.version": module_version(text, "helm.sh/helm/v3")}
        for package in ("chartutil", "lint/rules"):
            stamps[f"helm.sh/helm/v3/pkg/{package}.k8sVersionMajor"] = "1"
            stamps[f"helm.sh/helm/v3/pkg/{package}.k8sVersionMinor"] = minor
    elif folder == "prometheus":
        stamps = {"github.com/prometheus/common/version.Version": prometheus_version()}
    elif folder == "prometheus-operator":
        stamps = {"github.com/prometheus/common/version.Version": prometheus_operator_version().lstrip("v")}
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])


def digest(parts: Iterable[bytes]) -> str:
    """Return a short key of the parts; moving a byte from one part to the next changes it."""
    summed = hashlib.sha256()
    for part in parts:
        summed.update(len(part).to_bytes(8, "big"))
        summed.update(part)
    return summed.hexdigest()[:12]


def folder_parts(folder: Path) -> list[bytes]:
    """Return the names and contents of all files of a folder, in a fixed order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [part for path in files for part in (str(path.relative_to(folder)).encode(), path.read_bytes())]


def module_key(folder: str) -> str:
    """Return the key of the binaries built from a module folder."""
    return digest([*folder_parts(GO_FOLDER / folder), linker_flags(folder).encode()])


def python_base_key() -> str:
    """Return the key of the self-built Python base image."""
    files = [(NODE_FOLDER / name).read_bytes() for name in ("python.Dockerfile",)]
    return digest([DEBIAN_RELEASE.encode(), *files])


def node_key() -> str:
    """Return the key of the self-built node image."""
    folders = sorted({program.folder for program in NODE_PROGRAMS} | {"kind"})
    return digest([*(module_key(folder).encode() for folder in folders), *folder_parts(NODE_FOLDER)])
