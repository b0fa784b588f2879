"""The operator's own pods: which of them works, and a stretch without any."""

from collections.abc import Iterator
from contextlib import contextmanager

from ops.clients.kubectl import Kubectl
from ops.clients.session import wait_for

OPERATOR = "trading-session-operator"
PODS = ("pods", "-l", "app.kubernetes.io/component=operator")


def at_work(stand: Kubectl) -> str:
    """The pod of the operator that holds the operators' Lease."""

    def holder() -> str | None:
        found: str = stand.json("get", "lease", OPERATOR)["spec"].get("holderIdentity") or ""
        return found.rpartition("_")[0] or None

    return wait_for("an elected operator", holder, 30)


@contextmanager
def away(stand: Kubectl) -> Iterator[None]:
    """No operator at all while the block runs; afterwards as many as before, Ready."""
    replicas = stand.json("get", "deployment", OPERATOR)["spec"]["replicas"]
    stand.run("scale", "deployment", OPERATOR, "--replicas=0")
    try:
        wait_for("no operator", lambda: stand.json("get", *PODS)["items"] == [] or None, 60)
        yield
    finally:
        stand.run("scale", "deployment", OPERATOR, f"--replicas={replicas}")
        stand.run("rollout", "status", f"deployment/{OPERATOR}", "--timeout=60s", seconds=70)
