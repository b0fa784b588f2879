"""Brings the kind cluster up and down, and tells how it is.

`up` may be called at any time: a healthy cluster is left alone, one whose
nodes were stopped is started again, and one that a crash left half made is
made anew. A marker in the cluster, written last, tells whole from half made.
"""

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ops.cluster import binaries, config, cuts, docker, node_image, pins, places, private_daemon
from ops.cluster.console import say, step
from ops.cluster.docker import Docker
from ops.cluster.errors import ClusterError
from ops.cluster.running import Result, follow, run

_MARKER = "trading-session-cluster"
_CREATE_SECONDS = 420
_READY_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Cluster:
    """One kind cluster by its name, on one daemon."""

    name: str
    docker: Docker

    @property
    def nodes(self) -> list[str]:
        """The names of its nodes."""
        return config.node_names(self.name)

    def kind(self, *arguments: str, timeout_seconds: float = 60) -> Result:
        """Run one kind command."""
        command = [str(binaries.location(pins.KIND)), *arguments, "--name", self.name]
        return run(command, environment=self.docker.environment(), timeout_seconds=timeout_seconds)

    def kubectl(
        self, *arguments: str, timeout_seconds: float = 30, text: str | None = None, check: bool = True
    ) -> Result:
        """Run one kubectl command against this cluster."""
        command = [str(binaries.location(pins.KUBECTL)), f"--kubeconfig={places.KUBECONFIG}", *arguments]
        return run(command, timeout_seconds=timeout_seconds, text=text, check=check)

    def containers(self) -> dict[str, str]:
        """Return the state (running, exited, …) of each node container there is."""
        listed = self.docker.run(
            *("ps", "--all", "--filter", f"label=io.x-k8s.kind.cluster={self.name}"),
            *("--format", "{{.Names}} {{.State}}"),
        )
        return dict(line.split() for line in listed.output.splitlines())

    def write_kubeconfig(self) -> None:
        """Write the kubeconfig into this clone, whichever clone made the cluster."""
        text = self.kind("get", "kubeconfig").output
        if places.KUBECONFIG.exists() and places.KUBECONFIG.read_text() == text:
            return
        places.KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=places.KUBECONFIG.parent, delete=False) as aside:
            aside.write(text)  # made with mode 0600, which the rename keeps
        Path(aside.name).replace(places.KUBECONFIG)

    def ready_nodes(self) -> set[str]:
        """Return the nodes that the API server counts as Ready."""
        listed = self.kubectl("get", "nodes", "-o", "json", "--request-timeout=5s", check=False, timeout_seconds=15)
        if listed.code != 0:
            return set()
        return {
            node["metadata"]["name"]
            for node in json.loads(listed.output)["items"]
            if any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
        }

    def marker(self) -> str | None:
        """Return what the cluster was made from, None if it was never finished or does not answer."""
        command = [
            "-n",
            "kube-system",
            "get",
            "configmap",
            _MARKER,
            "-o",
            "jsonpath={.data.image}",
            "--request-timeout=5s",
        ]
        found = self.kubectl(*command, check=False, timeout_seconds=15)
        return found.output if found.code == 0 else None


def named(docker_found: Docker) -> Cluster:
    """Return the cluster that the environment names, `tsn` by default."""
    return Cluster(os.environ.get("CLUSTER_NAME") or "tsn", docker_found)


def current() -> Cluster:
    """Return the cluster on the daemon that answers now. Raises ClusterError if there is none."""
    found = docker.running()
    cluster = named(found) if found else None
    if cluster is None or not cluster.containers():
        raise ClusterError("there is no cluster; make it with: python -m ops.cluster up")
    if not places.KUBECONFIG.exists():
        cluster.write_kubeconfig()
    return cluster


def up(*, fsync: bool = False) -> Cluster:
    """Bring the cluster up, whatever state it is in."""
    cluster = named(docker.ensure())
    binaries.ensure_tools()
    states = cluster.containers()
    if states:
        if _revive(cluster, states):
            return cluster
        with step("remove the half-made cluster"):
            _delete_nodes(cluster)
    image = _image(cluster.docker)
    _create(cluster, image, fsync=fsync)
    return cluster


def down(*, purge_cache: bool = False) -> None:
    """Delete the cluster, and a private daemon with it unless it carries another cluster."""
    found = docker.running()
    if found is None and (private_daemon.leaves_traces() or private_daemon.has_containers()):
        found = _recover_private()
    if found is not None:
        delete(named(found))
        if purge_cache:
            found.run("image", "rm", node_image.name(), check=False)
        if found.is_private and not _other_clusters(found):
            private_daemon.empty(found.run)
            private_daemon.stop()
            found = None
    places.KUBECONFIG.unlink(missing_ok=True)
    if purge_cache:
        if found is None:
            private_daemon.purge()
        for kept in ("bin", "binaries", "images"):
            shutil.rmtree(places.cache() / kept, ignore_errors=True)


def delete(cluster: Cluster) -> None:
    """Delete the cluster and kind's Docker network."""
    if cluster.containers():
        with step(f"delete the cluster {cluster.name}"):
            binaries.ensure([pins.KIND])
            _delete_nodes(cluster)
    # Only an unused network can be removed: another cluster of the user's keeps it.
    cluster.docker.run("network", "rm", "kind", check=False)


def await_ready(cluster: Cluster, nodes: set[str], timeout_seconds: float = _READY_SECONDS) -> None:
    """Wait until these nodes are Ready. Raises ClusterError naming those that are not."""
    limit = time.monotonic() + timeout_seconds
    while not nodes <= (ready := cluster.ready_nodes()):
        if time.monotonic() > limit:
            late = ", ".join(sorted(nodes - ready))
            raise ClusterError(f"not Ready within {timeout_seconds:.0f} s: {late}; look with: kubectl describe node")
        time.sleep(0.3)


def _delete_nodes(cluster: Cluster) -> None:
    # kind also edits a kubeconfig; without being told which, it would be the user's own.
    cluster.kind("delete", "cluster", f"--kubeconfig={places.KUBECONFIG}", timeout_seconds=120)


def _recover_private() -> Docker | None:
    """Start a private daemon that died, so that what it carried can be removed properly; None if that is beyond repair."""
    try:
        return docker.ensure()
    except ClusterError as error:
        say(f"note: the private Docker daemon does not start any more ({error}); its data is removed instead")
        private_daemon.sweep()
        private_daemon.purge()
        return None


def _other_clusters(daemon: Docker) -> bool:
    listed = daemon.run("ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster")
    return bool(listed.output.strip())


def _image(daemon: Docker) -> str | None:
    """Return the node image to use; None stands for the stock one that kind itself pins by digest."""
    if docker.registry_reachable(daemon):
        return None
    return node_image.ensure(daemon)


def _revive(cluster: Cluster, states: dict[str, str]) -> bool:
    """Return whether the existing cluster is whole and works, after starting nodes that were stopped."""
    if set(states) != set(cluster.nodes):
        return False
    stopped = [node for node, state in states.items() if state != "running"]
    if stopped:
        with step(f"start {', '.join(stopped)} again"):
            cluster.docker.run("start", *stopped)
    cluster.write_kubeconfig()
    made_from = cluster.marker()
    if made_from is None and not stopped and "all" in cuts.active(cluster.docker, cluster.nodes[0]):
        # A test that died may have left the control plane cut off: that is no reason to lose the cluster.
        with step("heal the control plane"):
            cuts.lift(cluster.docker, cluster.nodes[0])
    # Stopped nodes need their time; so does an API server that has only just started.
    limit = time.monotonic() + (_READY_SECONDS if stopped else 15)
    while made_from is None and time.monotonic() < limit:
        time.sleep(0.5)
        made_from = cluster.marker()
    if made_from is None:
        return False
    if made_from not in ("stock", node_image.name()):
        say("note: the cluster was made from other pins; `down` and `up` renew it")
    return True


def _create(cluster: Cluster, image: str | None, *, fsync: bool) -> None:
    with (
        step(f"create the cluster {cluster.name} ({len(cluster.nodes)} nodes)") as note,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "kind.yaml"
        file.write_text(config.kind_configuration(fsync=fsync))
        command = [
            str(binaries.location(pins.KIND)),
            "create",
            "cluster",
            "--name",
            cluster.name,
            "--config",
            str(file),
        ]
        command += ["--kubeconfig", str(Path(folder) / "kubeconfig"), "--wait", "60s"]
        command += ["--image", image] if image else []
        follow(command, environment=cluster.docker.environment(), timeout_seconds=_CREATE_SECONDS, on_line=note)
        cluster.write_kubeconfig()
    with step("wait for the nodes and the cluster's DNS"):
        await_ready(cluster, set(cluster.nodes))
        dns = ["-n", "kube-system", "rollout", "status", "deployment/coredns", f"--timeout={_READY_SECONDS}s"]
        cluster.kubectl(*dns, timeout_seconds=_READY_SECONDS + 10)
        marker = ["create", "configmap", _MARKER, f"--from-literal=image={image or 'stock'}"]
        cluster.kubectl("-n", "kube-system", *marker)
