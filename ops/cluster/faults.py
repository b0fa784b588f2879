"""Faults for tests and drills: cut a node off, heal it, restart it.

    from ops.cluster import faults

    with faults.cut("worker", from_="database"):
        ...  # pods on that node reach everything but PostgreSQL

A cut drops silently and hits standing connections too. Target pods are
looked up when the cut is made: a pod that is replaced meanwhile has a new
address and is reachable. `heal` takes every cut off a node, also one that a
killed test left behind.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ops.cluster import config, cuts, kindcluster, rules
from ops.cluster.errors import ClusterError
from ops.cluster.kindcluster import Cluster

API_PORT = 6443
_HEAL_SECONDS = 120.0


def nodes() -> list[str]:
    """Return the names of the cluster's nodes, the control plane first."""
    return kindcluster.current().nodes


def active_cuts(node: str) -> frozenset[str]:
    """Return the cuts that are active on a node."""
    cluster = kindcluster.current()
    return cuts.active(cluster.docker, _resolved(cluster, node))


def partition(node: str, from_: str = "all") -> None:
    """Cut a node off from `all`, `api`, `database` or `broker`; returns once the cut is in force.

    A second cut adds to the first. The same cut again looks its targets up anew.
    """
    cluster = kindcluster.current()
    name = _resolved(cluster, node)
    if from_ == "all":
        cuts.cut_link(cluster.docker, name)
    elif from_ == "api":
        cuts.apply(cluster.docker, name, _api_rules(cluster, name))
    elif from_ in rules.COMPONENTS:
        targets = _targets(cluster, rules.COMPONENTS[from_])
        cuts.apply(cluster.docker, name, rules.pods_cut(from_, name, _pod_range(cluster, name), targets))
    else:
        raise ClusterError(f"a node can be cut from {', '.join(rules.CUTS)}, was {from_!r}")


def heal(node: str, timeout_seconds: float = _HEAL_SECONDS) -> None:
    """Take every cut off a node and wait until it is Ready."""
    cluster = kindcluster.current()
    name = _resolved(cluster, node)
    cuts.lift(cluster.docker, name)
    kindcluster.await_ready(cluster, {name}, timeout_seconds)


@contextmanager
def cut(node: str, from_: str = "all") -> Iterator[None]:
    """Keep a node cut off for the time of a `with` block; heal it at the end, whatever happened."""
    try:
        partition(node, from_)
        yield
    finally:
        heal(node)


@contextmanager
def pods_cut_from_api(namespace: str, selector: str) -> Iterator[None]:
    """Keep the pods of a label selector from the API server for the time of a `with` block; their nodes stay connected.

    The pods must be on workers: on the control plane nothing is routed between them and the API server.
    """
    cluster = kindcluster.current()
    listed = cluster.kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", "json")
    homes: dict[str, list[str]] = {}
    for pod in json.loads(listed.output)["items"]:
        if pod["status"].get("podIP"):
            homes.setdefault(pod["spec"]["nodeName"], []).append(pod["status"]["podIP"])
    if not homes or cluster.nodes[0] in homes:
        raise ClusterError(f"the pods of {selector} must run on workers to be cut off, were on {sorted(homes)}")
    addresses = _api_addresses(cluster)
    try:
        for node, pods in homes.items():
            cuts.apply(cluster.docker, node, rules.pods_api_cut(addresses, API_PORT, pods))
        yield
    finally:
        for node in homes:
            cuts.apply(cluster.docker, node, rules.lifted(rules.PODS))


def restart(node: str, *, abrupt: bool = False, timeout_seconds: float = _HEAL_SECONDS) -> None:
    """Restart a node and wait until it is Ready again.

    `abrupt` is a power failure: every process on the node is killed at once. Its cuts end with the restart.
    """
    cluster = kindcluster.current()
    name = _resolved(cluster, node)
    if abrupt:
        cluster.docker.run("kill", name)
        cluster.docker.run("start", name)
    else:
        cluster.docker.run("restart", "--time", "10", name, timeout_seconds=90)
    # The old Ready condition outlives the restart, so wait for a sign of life of the new kubelet first.
    limit = time.monotonic() + timeout_seconds
    while not _lives_again(cluster, name):
        if time.monotonic() > limit:
            raise ClusterError(f"the kubelet of {name} did not report within {timeout_seconds:.0f} s of the restart")
        time.sleep(0.3)
    kindcluster.await_ready(cluster, {name}, max(1.0, limit - time.monotonic()))


def _resolved(cluster: Cluster, node: str) -> str:
    name = config.full_node_name(cluster.name, node)
    if name is None:
        raise ClusterError(f"there is no node {node!r}; the nodes are {', '.join(cluster.nodes)}")
    return name


def _lives_again(cluster: Cluster, node: str) -> bool:
    """Tell whether the node's kubelet renewed its lease since the container started."""
    command = [
        "-n",
        "kube-node-lease",
        "get",
        "lease",
        node,
        "-o",
        "jsonpath={.spec.renewTime}",
        "--request-timeout=5s",
    ]
    renewed = cluster.kubectl(*command, check=False, timeout_seconds=15).output
    started = cluster.docker.run("inspect", "--format", "{{.State.StartedAt}}", node).output
    # Both are UTC in the same notation; to the microsecond they compare as text.
    return renewed[:26] > started[:26]


def _api_rules(cluster: Cluster, node: str) -> str:
    addresses = _api_addresses(cluster)
    if node == cluster.nodes[0]:
        return rules.api_cut_at_home(addresses, API_PORT, _pod_range(cluster, node))
    return rules.api_cut(addresses, API_PORT)


def _api_addresses(cluster: Cluster) -> list[str]:
    network = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}"
    return cluster.docker.run("inspect", "--format", network, cluster.nodes[0]).output.split()


def _pod_range(cluster: Cluster, node: str) -> str:
    found = cluster.kubectl("get", "node", node, "-o", "jsonpath={.spec.podCIDR}").output
    if not found:
        raise ClusterError(f"the node {node} has no pod range yet")
    return found


def _targets(cluster: Cluster, component: str) -> list[rules.Target]:
    label = f"app.kubernetes.io/component={component}"
    listed = cluster.kubectl("get", "pods", "--all-namespaces", "-l", label, "-o", "json")
    targets = [
        rules.Target(pod["status"]["podIP"], pod["spec"].get("nodeName", ""))
        for pod in json.loads(listed.output)["items"]
        # A pod on its node's own network shares the node's address: cutting that would cut the node.
        if pod["status"].get("podIP") and not pod["spec"].get("hostNetwork")
    ]
    if not targets:
        raise ClusterError(f"no running pod carries the label {label}: there is nothing to cut off from")
    return targets
