"""Brings the whole stand up: cluster, images, chart. Idempotent, so that the demo and the tests can share one stand.

    .venv/bin/python -m ops.deploying

Each part is its own tool with its own progress (`ops.cluster`, `ops.images`, Helm); this module only puts them in order.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.clients.kubectl import KUBECONFIG, ROOT, Kubectl

NAMESPACE = "trading"
RELEASE = "trading"
CHART = ROOT / "charts" / "trading-session-operator"
VALUES = [CHART / "values-kind.yaml", ROOT / "build" / "image-values.yaml"]


class DeployError(RuntimeError):
    """A part of the stand could not be brought up; the message says which, and what it answered."""


def tool(name: str) -> str:
    """The path of kubectl, helm or kind, as the cluster tool built it."""
    return _ask([sys.executable, "-m", "ops.cluster", "tool-path", name])


def kubectl(namespace: str = NAMESPACE) -> Kubectl:
    """kubectl against the stand."""
    return Kubectl(namespace, KUBECONFIG, tool("kubectl"))


def bring_up_cluster() -> None:
    """Three nodes, Ready."""
    _show([sys.executable, "-m", "ops.cluster", "up"], 3600)


def build_images() -> None:
    """All images, built where their inputs changed, in the nodes."""
    _show([sys.executable, "-m", "ops.images", "build", "--load"], 1800)


def install_chart() -> None:
    """The namespace under the `restricted` Pod Security Standard, and the release in it, all pods Ready."""
    stand = kubectl()
    stand.apply(
        f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n"
        "  labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}\n"
    )
    # A Helm that was killed leaves its release pending, and every later one refuses to touch it.
    pending = f"owner=helm,name={RELEASE},status in (pending-install,pending-upgrade,pending-rollback)"
    stand.run("delete", "secret", "-l", pending, "--ignore-not-found")
    values = [f"--values={path}" for path in VALUES]
    command = [tool("helm"), "--kubeconfig", str(KUBECONFIG), "--namespace", NAMESPACE]
    command += ["upgrade", "--install", RELEASE, str(CHART), *values, "--take-ownership", "--wait", "--timeout", "180s"]
    simulators = _simulators(stand)
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        pods = stand.run("get", "pods", "-o", "wide", check=False)
        raise DeployError(f"helm upgrade --install failed: {done.stderr.strip()}\n{pods}")
    if simulators and not simulators & _simulators(stand):
        _forget_the_old_day(stand)


def _simulators(stand: Kubectl) -> set[str]:
    pods = stand.json("get", "pods", "-l", "app.kubernetes.io/component=kitesim")["items"]
    return {pod["metadata"]["uid"] for pod in pods if pod["metadata"].get("deletionTimestamp") is None}


def _forget_the_old_day(stand: Kubectl) -> None:
    """Start the journals anew with the simulator: no real exchange forgets its book, and a journal that remembers
    orders and a net liquidation which its exchange has never heard of is right to refuse to trade.
    """
    stand.run("delete", "pod", "-l", "app.kubernetes.io/component=postgresql", seconds=60)
    stand.run("rollout", "status", "statefulset/postgresql", "--timeout=90s", seconds=100)
    stand.run("delete", "pod", "-l", "app.kubernetes.io/component=trader", seconds=60)


def deploy() -> None:
    """Everything, in order."""
    bring_up_cluster()
    build_images()
    install_chart()


def _show(command: Sequence[str], seconds: float) -> None:
    """Run a tool that shows its own progress."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, timeout=seconds, check=False, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{_words(command)} did not end within {seconds:.0f} s") from None
    if done.returncode != 0:
        raise DeployError(f"{_words(command)} ended with exit code {done.returncode}; its own words stand above")


def _ask(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise DeployError(f"{_words(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def _words(command: Sequence[str]) -> str:
    return " ".join(Path(word).name if word == sys.executable else word for word in command)


if __name__ == "__main__":
    try:
        deploy()
    except DeployError as error:
        print(f"deploy: {error}", file=sys.stderr)
        sys.exit(2)
