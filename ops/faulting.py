"""Faults that the cluster tool does not know, because they are about our own processes."""

import subprocess
import sys

from ops.clients.kubectl import ROOT
from ops.clients.session import Session


def kill_trader(session: Session, pod: str) -> int:
    """SIGKILL to the engine, from the trader's node. The container's first process only supervises it, and lives on.

    Returns when it was sent, in Unix nanoseconds: the nodes share this machine's clock, and getting there takes a second.
    """
    first = first_process(session, pod)
    return _kill(session.node_of(pod), f"$(cat /proc/{first}/task/{first}/children)")


def kill_container(session: Session, pod: str) -> int:
    """SIGKILL to the container's first process, and so to all of them at once, as when memory runs out; returns when."""
    return _kill(session.node_of(pod), first_process(session, pod))


def _kill(node: str, process: str) -> int:
    return int(on_node(node, "sh", "-c", f"date +%s%N; kill -9 {process}"))


def first_process(session: Session, pod: str) -> str:
    """The number of the container's first process, as its node counts."""
    status = session.kubectl.json("get", "pod", pod)["status"]["containerStatuses"][0]
    container = status["containerID"].removeprefix("containerd://")
    tasks = on_node(session.node_of(pod), "ctr", "-n", "k8s.io", "tasks", "list")
    return next(line.split()[1] for line in tasks.splitlines() if line.startswith(container))


def on_node(node: str, *command: str) -> str:
    """Run a command on a node of the kind cluster and return what it printed."""
    docker = [sys.executable, "-m", "ops.cluster", "docker", "--", "exec", node, *command]
    return subprocess.run(docker, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
