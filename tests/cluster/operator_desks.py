"""Desks of the tests of the operator: a namespace with the Secrets that sessions name, and sessions whose pods do not start
unless a test says so, so that each Lease is the test's own to write."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import wait_for

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
SECRETS = {
    "kitesim-credentials": "control_token=none",
    "trading-db": "url=postgresql://nowhere/none",
    "trading-redis": "url=redis://nowhere",
}
SOON = 20.0
Edit = Callable[[dict[str, Any]], None]


def manifest(name: str, account: str, edit: Edit | None = None) -> dict[str, Any]:
    """The sample session, with an image that does not exist."""
    found: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())
    found["metadata"]["name"] = name
    found["spec"]["account"]["id"] = account
    found["spec"]["trader"] = {"image": "does.not.exist/trader:0"}
    if edit is not None:
        edit(found)
    return found


class Desk:
    """A namespace with the Secrets that sessions name."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def apply(self, name: str, account: str, edit: Edit | None = None) -> str:
        """Apply a session."""
        return self.kubectl.apply(yaml.safe_dump(manifest(name, account, edit)))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Read an object."""
        found: dict[str, Any] = self.kubectl.json("get", kind, name)
        return found

    def condition(self, name: str, kind: str) -> dict[str, str]:
        """Read a condition; empty if there is none yet."""
        status = self.get("tradingsession", name).get("status") or {}
        return next((each for each in status.get("conditions", []) if each["type"] == kind), {})

    def wait_for_reason(self, name: str, kind: str, reason: str) -> dict[str, str]:
        """Wait until a condition has that reason."""

        def look() -> dict[str, str] | None:
            found = self.condition(name, kind)
            return found if found.get("reason") == reason else None

        return wait_for(f"{kind} {reason}", look, SOON)

    def wait_for_status(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the status is as wanted."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get("tradingsession", name).get("status") or {}
            return found if holds(found) else None

        return wait_for("the status", look, SOON)

    def lead(self, account: str, pod: str, epoch: int, state: str = "LIVE", **report: Any) -> None:
        """Write the Lease as a leader would."""
        numbers = {"openPositions": 1, "workingOrders": 2, "heatPaise": 1_234_500, "dayProfitPaise": -5_050}
        text = json.dumps(
            {"config": "", "kill": None, **numbers, "netLiquidationPaise": 10**8, "message": "", **report}
        )
        spec = {
            "holderIdentity": f"{pod}_uid_nonce",
            "leaseDurationSeconds": 15,
            "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        }
        annotations = {"epoch": str(epoch), "trading-state": state, "report": text}
        metadata = {"annotations": {f"tradeops.dev/{key}": value for key, value in annotations.items()}}
        patch = json.dumps({"metadata": metadata, "spec": spec})
        self.kubectl.run("patch", "lease", f"account-{account.lower()}", "--type", "merge", "-p", patch)

    def reasons(self, name: str) -> list[str]:
        """List the reasons of a session's events."""
        selector = f"involvedObject.name={name},involvedObject.kind=TradingSession"
        return [each["reason"] for each in self.kubectl.json("get", "events", "--field-selector", selector)["items"]]


def read_secret(kubectl: Kubectl, name: str, key: str) -> str:
    """A value of a Secret that stands."""
    return base64.b64decode(kubectl.json("get", "secret", name)["data"][key]).decode()


def secret(name: str, pair: str = "") -> str:
    """A Secret of the desk, with this `key=value` or the one it usually has."""
    key, _, value = (pair or SECRETS[name]).partition("=")
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}}
    return yaml.safe_dump(document)


def desks_in(stand: Kubectl, *namespaces: str) -> Iterator[tuple[Desk, ...]]:
    """Desks in namespaces of their own; gone afterwards, with all that is in them."""
    found = []
    for namespace in namespaces:
        stand.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
        found.append(Desk(Kubectl(namespace, stand.kubeconfig, stand.program)))
        for name in SECRETS:
            found[-1].kubectl.apply(secret(name))
    yield tuple(found)
    for namespace in namespaces:
        stand.run("delete", "namespace", namespace, "--timeout=120s", seconds=130)


def without_sessions(*desks: Desk) -> None:
    """Delete what a test has made."""
    for each in desks:
        each.kubectl.run("delete", "tradingsessions", "--all", "--timeout=30s", seconds=40)
        each.kubectl.run("delete", "leases", "--all", seconds=40)
