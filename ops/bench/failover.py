"""How long leadership takes to change hands on the real cluster: planned, by a crash of the engine or of its
whole container, by a lost node.

From the pod's deletion, the SIGKILL or the cut of the link until the successor's epoch stands on the Lease with a state: then it
has committed its epoch, waited out the longest send and may protect and exit. Time to LIVE (new entries) is reported beside it.
`FAILOVER_RUNS` says how often each is measured.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubernetes import config, watch
from kubernetes.client import CoordinationV1Api

from ops.bench.figures import ROOT, Figure
from ops.clients.session import Leadership, Session, wait_for
from ops.cluster import faults
from ops.deploying import deploy, kubectl
from ops.faulting import kill_container, kill_trader

RUNS = int(os.environ.get("FAILOVER_RUNS", "5"))
SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
NAME, LEASE, LEASE_SECONDS = "index-intraday", "account-ab1234", 15


@dataclass(frozen=True, slots=True)
class HandOver:
    """Seconds until the successor may reduce risk, and until it may add to it."""

    leads: float
    live: float


def measure() -> dict[str, Figure]:
    """Four kinds of hand-over, each `FAILOVER_RUNS` times."""
    deploy()
    stand = kubectl()
    stand.apply(SAMPLE)
    session = Session(stand, NAME)
    ways: dict[str, tuple[Callable[[Session, Leadership], Callable[[], None]], float]] = {
        "handover_planned_s": (_delete_pod, 3.0),
        "handover_crash_s": (_kill_process, 4.0),
        "handover_container_killed_s": (_kill_container, LEASE_SECONDS + 4.0),
        "handover_node_lost_s": (_cut_node, LEASE_SECONDS + 4.0),
    }
    figures = {}
    for name, (break_it, target) in ways.items():
        taken = [_once(session, break_it) for _ in range(RUNS)]
        figures[name] = _figure([each.leads for each in taken], f"<= {target:g}")
        figures[name.replace("_s", "_to_live_s")] = _figure([each.live for each in taken], "")
    return figures


def _figure(seconds: list[float], target: str) -> Figure:
    """The 95th percentile, which of few runs is the longest."""
    ordered = sorted(seconds)
    worst = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    return Figure(round(worst, 2), "s (p95)", None, [round(each, 2) for each in seconds], target)


def _once(session: Session, break_it: Callable[[Session, Leadership], Callable[[], None]]) -> HandOver:
    # The status of a pod that was cut off is old: each trader is asked itself, or a standby that is still starting is measured.
    wait_for("two warm traders", lambda: session.warm_traders() == 2 or None, 180)
    old = wait_for("a LIVE leader", session.leads, 120)
    configure: Any = config.load_kube_config
    configure(str(session.kubectl.kubeconfig))
    begin = time.monotonic()
    repair = break_it(session, old)
    leads = live = 0.0
    try:
        watching: Any = watch.Watch  # the client carries no types
        stream = watching().stream(
            CoordinationV1Api().list_namespaced_lease,
            session.kubectl.namespace,
            field_selector=f"metadata.name={LEASE}",
            timeout_seconds=90,
        )
        for event in stream:
            notes = event["object"].metadata.annotations or {}
            epoch = notes.get("tradeops.dev/epoch", "")
            if not epoch.isdecimal() or int(epoch) <= old.epoch:
                continue
            leads = leads or time.monotonic() - begin
            if notes.get("tradeops.dev/trading-state") == "LIVE":
                live = time.monotonic() - begin
                break
    finally:
        repair()
    if not live:
        raise RuntimeError(f"no successor of epoch {old.epoch} was LIVE within 90 s")
    return HandOver(leads, live)


def _delete_pod(session: Session, old: Leadership) -> Callable[[], None]:
    session.kubectl.run("delete", "pod", old.pod, "--wait=false")
    return _nothing


def _kill_process(session: Session, old: Leadership) -> Callable[[], None]:
    kill_trader(session, old.pod)
    return _nothing


def _kill_container(session: Session, old: Leadership) -> Callable[[], None]:
    kill_container(session, old.pod)
    return _nothing


def _cut_node(session: Session, old: Leadership) -> Callable[[], None]:
    node = session.node_of(old.pod)
    faults.partition(node, from_="all")
    return lambda: faults.heal(node)


def _nothing() -> None:
    """Kubernetes repairs this by itself."""
