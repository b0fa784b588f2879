"""Proves the cluster and its faults by hand: `python -m ops.cluster.selfcheck`.

Pods over all nodes, a Service by its name, every kind of cut with its
opposite (what must still work is asked as well), healing, both restarts.
Takes some minutes and works in a namespace of its own, which it removes.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ops.cluster import base_image, cuts, faults, kindcluster
from ops.cluster.console import say, step
from ops.cluster.errors import ClusterError
from ops.cluster.kindcluster import Cluster

NAMESPACE = "cluster-self-check"
# Asks over a new connection; or twice over one and the same, with time for a cut between the questions.
_PROBE = """
import http.client, ssl, sys, time
host, port, tls, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'tls', sys.argv[4]
def connect():
    if tls: return http.client.HTTPSConnection(host, port, timeout=2, context=ssl._create_unverified_context())
    return http.client.HTTPConnection(host, port, timeout=2)
def ask(connection):
    try:
        connection.request('GET', '/version' if tls else '/'); connection.getresponse().read(); return 'answers'
    except OSError as error: return 'silent' if isinstance(error, TimeoutError) else 'error:' + repr(error)
if mode == 'new': print(ask(connect()))
else:
    kept = connect(); first = ask(kept); time.sleep(6); print(first, 'then', ask(kept))
"""
_SERVER = (
    "import http.server as h; h.BaseHTTPRequestHandler.protocol_version = 'HTTP/1.1'; "
    "h.test(h.SimpleHTTPRequestHandler, port=8080)"
)


def main() -> None:
    """Run every check in turn; exit 1 at the first that fails."""
    cluster = kindcluster.up()
    try:
        _deploy(cluster)
        _check_service(cluster)
        for _ in range(2):  # the second restart finds what the first one wrote
            _restart_service_proxies(cluster)
            _check_service(cluster)
        _check_cut(cluster, "api", lost=_api, kept=[_database, _broker])
        _check_cut(cluster, "database", lost=_database, kept=[_api, _broker])
        _check_cut(cluster, "broker", lost=_broker, kept=[_api, _database])
        _check_home_api_cut(cluster)
        _check_link(cluster)
        for abrupt in (False, True):
            with step(f"restart worker {'abruptly' if abrupt else 'in order'}"):
                faults.restart("worker", abrupt=abrupt)
            _check_service(cluster)
        cluster.kubectl("delete", "namespace", NAMESPACE, timeout_seconds=120)
    except ClusterError as error:
        sys.stderr.write(f"self-check failed: {error}\n")
        sys.exit(1)
    say("the cluster and its faults work")


def _deploy(cluster: Cluster) -> None:
    image = base_image.ensure(cluster.docker)
    with step("load the image and start pods on all nodes"):
        cluster.kind("load", "docker-image", image, timeout_seconds=300)
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout_seconds=120)
        pods = [
            _pod("probe-worker", "tsn-probe", "worker", image),
            _pod("probe-worker2", "tsn-probe", "worker2", image),
        ]
        pods += [_pod("probe-home", "tsn-probe", "control-plane", image)]
        pods += [_pod(name, name, "control-plane", image) for name in ("postgresql", "kitesim")]
        services = [_service("postgresql"), _service("kitesim"), _service("tsn-probe")]
        namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"
        cluster.kubectl("apply", "-f", "-", text="---\n".join([namespace, *pods, *services]))
        ready = ["wait", "pods", "--all", "--for=condition=Ready", "--timeout=90s"]
        cluster.kubectl("-n", NAMESPACE, *ready, timeout_seconds=100)


def _pod(name: str, component: str, node: str, image: str) -> str:
    node = f"{kindcluster.current().name}-{node}"
    return f"""apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {NAMESPACE}, labels: {{app.kubernetes.io/component: {component}}}}}
spec:
  nodeName: {node}
  tolerations: [{{operator: Exists}}]
  terminationGracePeriodSeconds: 1
  containers:
  - name: server
    image: {image}
    command: [python3, -c, "{_SERVER}"]
    readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
"""


def _service(component: str) -> str:
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {component}, namespace: {NAMESPACE}}}
spec: {{selector: {{app.kubernetes.io/component: {component}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


def _ask(cluster: Cluster, pod: str, *target: str, mode: str = "new") -> str:
    command = ["-n", NAMESPACE, "exec", pod, "--", "python3", "-c", _PROBE, *target, mode]
    return cluster.kubectl(*command, timeout_seconds=30).output.strip()


def _api(cluster: Cluster, pod: str, mode: str = "new") -> str:
    return _ask(cluster, pod, "kubernetes.default.svc", "443", "tls", mode=mode)


def _database(cluster: Cluster, pod: str, mode: str = "new") -> str:
    return _ask(cluster, pod, "postgresql", "80", "plain", mode=mode)


def _broker(cluster: Cluster, pod: str, mode: str = "new") -> str:
    return _ask(cluster, pod, "kitesim", "80", "plain", mode=mode)


def _expect(question: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise ClusterError(f"{question}: expected {wanted!r}, was {found!r}")


def _check_service(cluster: Cluster) -> None:
    with step("reach a Service with endpoints on all nodes, by name, from each node"):
        for pod in ("probe-worker", "probe-worker2", "probe-home"):
            limit = time.monotonic() + 60
            # After a restart the pods of the node come back a little later than the node itself.
            while (found := _try(cluster, pod)) != "answers" and time.monotonic() < limit:
                time.sleep(1)
            for _ in range(8):
                _expect(f"tsn-probe from {pod}", found, "answers")
                found = _ask(cluster, pod, "tsn-probe", "80", "plain")


def _restart_service_proxies(cluster: Cluster) -> None:
    with step("restart kube-proxy on all nodes"):
        cluster.kubectl("-n", "kube-system", "rollout", "restart", "daemonset/kube-proxy")
        cluster.kubectl("-n", "kube-system", "rollout", "status", "daemonset/kube-proxy", "--timeout=60s")


def _try(cluster: Cluster, pod: str) -> str:
    try:
        return _ask(cluster, pod, "tsn-probe", "80", "plain")
    except ClusterError as error:
        return str(error)


class Question(Protocol):
    """Asks one target from one pod; `kept` asks twice over one connection."""

    __name__: str

    def __call__(self, cluster: Cluster, pod: str, mode: str = "new") -> str:
        """Return what became of the question."""


def _check_cut(cluster: Cluster, cut: str, *, lost: Question, kept: list[Question]) -> None:
    with step(f"cut worker from {cut}"), ThreadPoolExecutor() as threads:
        standing = threads.submit(lost, cluster, "probe-worker", "kept")
        time.sleep(3)  # the standing connection has asked once by now; it asks again at six seconds
        with faults.cut("worker", cut):
            _expect(f"{cut} over a standing connection", standing.result(), "answers then silent")
            _expect(f"{cut} from the cut node", lost(cluster, "probe-worker"), "silent")
            _expect(f"{cut} from another node", lost(cluster, "probe-worker2"), "answers")
            for question in kept:
                _expect(
                    f"{question.__name__} from the node cut from {cut}", question(cluster, "probe-worker"), "answers"
                )
            if cut == "api":
                _await_not_ready(cluster, f"{cluster.name}-worker")
        for question in (lost, *kept):
            _expect(f"{question.__name__} after healing", question(cluster, "probe-worker"), "answers")
        _expect("cuts after healing", str(sorted(cuts.active(cluster.docker, f"{cluster.name}-worker"))), "[]")


def _check_home_api_cut(cluster: Cluster) -> None:
    with step("cut the control plane's pods from the API server"):
        with faults.cut("control-plane", "api"):
            _expect("_api from the control plane", _api(cluster, "probe-home"), "silent")
            _expect("_api from a worker", _api(cluster, "probe-worker"), "answers")
            _expect("_database from the control plane", _database(cluster, "probe-home"), "answers")
        _expect("_api after healing", _api(cluster, "probe-home"), "answers")


def _check_link(cluster: Cluster) -> None:
    node = f"{cluster.name}-worker"
    with step("cut worker from all"):
        with faults.cut("worker"):
            _expect("cuts", str(sorted(cuts.active(cluster.docker, node))), "['all']")
            _await_not_ready(cluster, node)
        _expect("_database after healing", _database(cluster, "probe-worker"), "answers")


def _await_not_ready(cluster: Cluster, node: str) -> None:
    started = time.monotonic()
    while node in cluster.ready_nodes():
        if time.monotonic() - started > 60:
            raise ClusterError(f"{node} still counts as Ready 60 s after the cut")
        time.sleep(0.5)
    say(f"  {node} is NotReady {time.monotonic() - started:.0f} s after the cut")


if __name__ == "__main__":
    main()
