"""Faults that the cluster tool does not know, because they are about our own processes."""

import subprocess
import sys

from ops.clients.kubectl import ROOT
from ops.clients.session import Session


def kill_trader(session: Session, pod: str) -> None:
    """SIGKILL to a trader's process, from its node: inside the container, process 1 cannot be killed."""
    status = session.kubectl.json("get", "pod", pod)["status"]["containerStatuses"][0]
    container = status["containerID"].removeprefix("containerd://")
    node = session.node_of(pod)
    tasks = on_node(node, "ctr", "-n", "k8s.io", "tasks", "list")
    process = next(line.split()[1] for line in tasks.splitlines() if line.startswith(container))
    on_node(node, "kill", "-9", process)


def on_node(node: str, *command: str) -> str:
    """Run a command on a node of the kind cluster and return what it printed."""
    docker = [sys.executable, "-m", "ops.cluster", "docker", "--", "exec", node, *command]
    return subprocess.run(docker, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
