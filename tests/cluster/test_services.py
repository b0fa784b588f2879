"""Service addresses keep working when kube-proxy writes all its rules anew, as it does at each restart and every hour."""

import pytest

from ops.clients.kubectl import Kubectl, KubectlError
from ops.clients.session import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ASK = "import socket; socket.create_connection(('redis.trading', 6379), 2).close(); print('reached')"


def test_services_survive_two_whole_rewrites_of_their_rules(stand: Kubectl) -> None:
    """The second rewrite finds the rules of the first: where the node's nftables lose them, every Service refuses."""
    system = Kubectl("kube-system", stand.kubeconfig, stand.program)
    for _ in range(2):
        system.run("rollout", "restart", "daemonset/kube-proxy")
        system.run("rollout", "status", "daemonset/kube-proxy", "--timeout=60s", seconds=70)
        wait_for("a Service by its name, from a pod", lambda: _reaches(stand), 20)

    for _ in range(5):
        assert _reaches(stand)


def _reaches(stand: Kubectl) -> bool | None:
    try:
        said = stand.run("exec", "deployment/kitesim", "--", "python3", "-c", ASK)
    except KubectlError:
        return None
    return said.strip() == "reached"
