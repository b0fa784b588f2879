"""Desks of the tests of rollouts: sessions whose configuration changes, and how the tests ask, wait and look."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for
from session_operator.domain.configs import build_revision
from session_operator.domain.requests import Request, Verb, write_request
from tests.cluster.conftest import SAMPLE, new_account
from tests.cluster.desks import Desk

CHECKS = [{"slo": "OrderAck"}, {"slo": "Duplicates"}, {"slo": "Orphans"}]
STABLE = [{"name": "full", "profile": "paper"}]
FULL = {"name": "full", "profile": "full-live"}


def canary(**fields: Any) -> dict[str, Any]:
    """Half a market hour with two orders."""
    given = {"minimumMarketTime": "30m", "minimumSamples": {"orders": 2}, "analysis": CHECKS}
    return {"name": "canary", "profile": "canary-live"} | given | fields


def hash_of(name: str) -> str:
    """The short hash of a profile that the chart ships."""
    text = (ROOT / "configs" / f"{name.replace('-', '_')}.yaml").read_text()
    return build_revision(yaml.safe_load(text)).short_hash


class Rollouts(Desk):
    """A desk whose configuration changes."""

    def wants(self, *stages: dict[str, Any]) -> None:
        """Apply other stages."""
        self.session.patch({"config": {"stages": list(stages)}})

    def status(self) -> dict[str, Any]:
        """What the operator says."""
        return self.session.status()

    def wait_for_rollout(self, phase: str, reason: str = "", seconds: float = 120, **fields: Any) -> dict[str, Any]:
        """Wait until the rollout stands so."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.status().get("rollout") or {}
            wanted = {"phase": phase, **({"reason": reason} if reason else {}), **fields}
            if all(found.get(key) == value for key, value in wanted.items()):
                return found
            raise ValueError(f"{found.get('phase')} {found.get('reason')}: {found.get('message')}")

        return wait_for(f"the rollout to be {phase} {reason}", look, seconds)

    def wait_for_configs(self, leader: str, standby: str, seconds: float = 60) -> None:
        """Wait until leader and standby run these, by their own word."""

        def look() -> bool | None:
            leads = self.session.leadership()
            active = {each["pod"]: each["hash"] for each in (self.status().get("config") or {}).get("active", [])}
            if leads is None or len(active) != 2:
                raise ValueError(str(active))
            (other,) = set(active) - {leads.pod}
            found = active[leads.pod], active[other]
            if found == (hash_of(leader), hash_of(standby)):
                return True
            raise ValueError(str(found))

        wait_for(f"{leader} on the leader, {standby} on the standby", look, seconds)

    def uids(self) -> set[str]:
        """The pods, and how often their containers were started."""
        return {
            f"{pod['metadata']['uid']}/{pod['status']['containerStatuses'][0]['restartCount']}"
            for pod in self.session.pods()
        }

    def ask(self, verb: Verb) -> None:
        """Ask as `kubectl tsn` does, and wait until it is carried out."""
        request = Request(f"test-{time.time_ns()}", verb, self.status()["rollout"]["revision"], "the test")
        annotation = json.dumps({"metadata": {"annotations": {"tradeops.dev/rollout-request": write_request(request)}}})
        self.session.kubectl.run("patch", "tradingsession", self.session.name, "--type", "merge", "-p", annotation)
        wait_for(
            f"{verb} to be carried out",
            lambda: self.status()["rollout"].get("handledRequest") == request.id or None,
            30,
        )

    def reasons(self) -> set[str]:
        """The reasons of the session's events."""
        selector = f"involvedObject.name={self.session.name},involvedObject.kind=TradingSession"
        events = self.session.kubectl.json("get", "events", "--field-selector", selector)["items"]
        return {event["reason"] for event in events}


def freeze(exchange: Exchange, seconds: float) -> None:
    """Let no price move for so long: no entry, no stop, and no day's loss that would end the test by its risk limit."""
    exchange.post("/sim/faults", {"kind": "frozen-prices", "for_seconds": seconds})


@contextmanager
def rollouts_with(stand: Kubectl, exchange: Exchange, stages: list[dict[str, Any]]) -> Iterator[Rollouts]:
    """Make a session with these stages, wait until its leader is LIVE, and delete it in the end, with the faults at work."""
    account = new_account()
    name = f"rollout-{account.lower()}"
    manifest = yaml.safe_load(SAMPLE.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["account"]["id"] = account
    manifest["spec"]["config"] = {"stages": stages}
    stand.apply(yaml.safe_dump(manifest))
    desk = Rollouts(Session(stand, name), account, exchange)
    try:
        desk.leader()
        yield desk
    finally:
        for each in exchange.get("/sim/faults")["faults"]:  # prices that stand still would keep the next test waiting
            exchange.delete(f"/sim/faults/{each['id']}")
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)
        wait_for("the traders to be gone", lambda: desk.session.pods() == [] or None, 90)
