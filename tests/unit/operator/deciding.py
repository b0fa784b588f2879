"""How the tests of the decision ask, and what they read from the answer."""

import dataclasses
from typing import Any

from session_operator.domain.actions import Apply, Delete, Emit, WriteStatus
from session_operator.domain.decide import Decision, decide
from session_operator.domain.observed import Child, Observed, PodFacts, child_of
from tests.unit.operator import builders
from tests.unit.operator.builders import NOW, TERMS, observed


def look(seen: Observed) -> Decision:
    """Decide."""
    return decide(seen, TERMS, NOW)


def applied(decision: Decision) -> list[dict[str, Any]]:
    """List the manifests that would be applied."""
    return [action.manifest for action in decision.actions if isinstance(action, Apply)]


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
    """The world after the actions."""
    children = dict(seen.children)
    current = seen.session
    for action in decision.actions:
        match action:
            case Apply(manifest):
                children[child_of(manifest)] = manifest
            case Delete(kind, name):
                del children[Child(kind, name)]
            case WriteStatus(body):
                current = dataclasses.replace(current, status=body)
            case Emit():
                pass
    return dataclasses.replace(seen, session=current, children=children, status_age_seconds=0.0)


def running(seen: Observed | None = None, **lease: Any) -> Observed:
    """A world in which the pair runs the wanted configuration and the first one leads."""
    start = seen or observed()
    after = performed(start, look(start))
    workload = after.children[Child("StatefulSet", "index-trader")]
    wanted = workload["spec"]["template"]["metadata"]["annotations"]["tradeops.dev/config"]
    pods = tuple(PodFacts(f"index-trader-{n}", wanted, is_ready=True, is_deleting=False) for n in (0, 1))
    children = dict(after.children)
    held = dict(children[Child("Lease", "account-ab1234")])
    report = lease.get("report", builders.report(config=wanted))
    held["metadata"] = held["metadata"] | {
        "annotations": held["metadata"]["annotations"]
        | {"tradeops.dev/epoch": "7", "tradeops.dev/trading-state": "LIVE", "tradeops.dev/report": report}
        | lease.get("annotations", {})
    }
    held["spec"] = {"holderIdentity": lease.get("holder", "index-trader-0_uid_nonce"), "leaseDurationSeconds": 15}
    children[Child("Lease", "account-ab1234")] = held
    return dataclasses.replace(after, children=children, pods=pods)
