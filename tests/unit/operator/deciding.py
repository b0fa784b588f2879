"""How the tests of the decision ask, and what they read from the answer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from session_operator.domain.actions import Apply, Configure, Delete, Emit, WriteStatus
from session_operator.domain.configs import hash_of
from session_operator.domain.decide import Decision, decide
from session_operator.domain.observed import Child, Observed, PodFacts, child_of
from session_operator.domain.reports import Figures, TraderReport
from tests.unit.operator import builders
from tests.unit.operator.builders import NOW, TERMS, observed


def look(seen: Observed) -> Decision:
    """Decide."""
    return decide(seen, TERMS, NOW)


def applied(decision: Decision) -> list[dict[str, Any]]:
    """List the manifests that would be applied."""
    return [action.manifest for action in decision.actions if isinstance(action, Apply)]


def orders(decision: Decision) -> list[Configure]:
    """List what the traders would be told."""
    return [action for action in decision.actions if isinstance(action, Configure)]


def told(decision: Decision) -> list[str]:
    """List the reasons of the events."""
    return [action.reason for action in decision.actions if isinstance(action, Emit)]


def status(decision: Decision) -> dict[str, Any]:
    """Find the status that would be written."""
    (body,) = [action.body for action in decision.actions if isinstance(action, WriteStatus)]
    return body


def condition(decision: Decision, kind: str) -> dict[str, Any]:
    """Find a condition that would be written."""
    (found,) = [each for each in status(decision)["conditions"] if each["type"] == kind]
    return dict(found)


def performed(seen: Observed, decision: Decision) -> Observed:
    """The world after the actions; traders do as they are told."""
    children = dict(seen.children)
    current = seen.session
    reports = dict(seen.reports)
    for action in decision.actions:
        match action:
            case Apply(manifest):
                metadata = {"uid": f"uid-{manifest['metadata']['name']}"} | manifest["metadata"]
                children[child_of(manifest)] = manifest | {"metadata": metadata}
            case Delete(kind, name):
                del children[Child(kind, name)]
            case Configure():
                reports[action.pod] = obeyed(reports[action.pod], action)
            case WriteStatus(body):
                current = dataclasses.replace(current, status=kept(body, current.status))
            case Emit():
                pass
    return dataclasses.replace(seen, session=current, children=children, reports=reports, status_age_seconds=0.0)


def kept(applied: Mapping[str, Any], standing: Mapping[str, Any]) -> dict[str, Any]:
    """What the API server makes of an applied status (seen of Kubernetes 1.34): a list that an apply empties is gone."""
    found: dict[str, Any] = {}
    for name, value in applied.items():
        before = standing.get(name)
        if isinstance(value, dict):
            found[name] = kept(value, before if isinstance(before, dict) else {})
        elif value != [] or not before:
            found[name] = value
    return found


def obeyed(report: TraderReport, order: Configure) -> TraderReport:
    """What a trader says once it took a configuration; it counts anew."""
    figures = None
    if report.is_leader:
        figures = Figures(order.hash, order.epoch, order.run, 0, 0, 0, None, 0, 0)
    return dataclasses.replace(report, in_force=order.hash, run=order.run, figures=figures)


def settled(seen: Observed, looks: int = 12) -> Observed:
    """The world once the operator has nothing more to do in it."""
    for _ in range(looks):
        decision = look(seen)
        if not decision.actions:
            return seen
        seen = performed(seen, decision)
    raise AssertionError(f"the operator does not come to rest: {look(seen).actions}")


def answer(pod: str, **fields: Any) -> TraderReport:
    """A trader's report; a standby's unless told otherwise."""
    given: dict[str, Any] = {
        "pod": pod,
        "is_leader": False,
        "epoch": 0,
        "in_force": "",
        "waiting": "",
        "run": "",
        "trading_date": "2026-11-23",
        "figures": None,
        "kills": None,
    }
    return TraderReport(**(given | fields))


def running(seen: Observed | None = None, **lease: Any) -> Observed:
    """A world in which the pair runs the configuration it boots on and the first one leads, LIVE, with epoch 7."""
    start = seen or observed()
    after = performed(start, look(start))
    workload = after.children[Child("StatefulSet", "index-trader")]
    file = workload["spec"]["template"]["metadata"]["annotations"]["tradeops.dev/session-file"]
    booted = hash_of(after.children[Child("ConfigMap", "index-config")]["data"]["profile.yaml"])
    pods = tuple(
        PodFacts(f"index-trader-{n}", file, is_ready=True, is_deleting=False, address=f"10.0.0.{n}") for n in (0, 1)
    )
    holder = lease.get("holder", "index-trader-0_uid_nonce")
    epoch = lease.get("annotations", {}).get("tradeops.dev/epoch", "7")
    reports = {pod.name: answer(pod.name, in_force=booted) for pod in pods}
    leader = holder.partition("_")[0]
    if leader in reports and epoch:
        reports[leader] = answer(leader, in_force=booted, is_leader=True, epoch=int(epoch))
    children = dict(after.children)
    held = dict(children[Child("Lease", "account-ab1234")])
    report = lease.get("report", builders.report(config=booted))
    held["metadata"] = held["metadata"] | {
        "annotations": held["metadata"]["annotations"]
        | {"tradeops.dev/epoch": "7", "tradeops.dev/trading-state": "LIVE", "tradeops.dev/report": report}
        | lease.get("annotations", {})
    }
    held["spec"] = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    children[Child("Lease", "account-ab1234")] = held
    return dataclasses.replace(after, children=children, pods=pods, reports=reports)
