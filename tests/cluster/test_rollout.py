"""A configuration earns its size on the real cluster: judged by what the traders report, carried by no restart.

Market time runs sixty times as fast as the machine's (a market minute a second), so that a stage of half a market hour takes
half a minute. Each test has an account of its own; the exchange's log says whether the promises held meanwhile.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for
from ops.faulting import kill_trader
from session_operator.domain.configs import build_revision
from session_operator.domain.requests import Request, Verb, write_request
from tests.cluster.conftest import new_account
from tests.cluster.desks import Desk

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
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


@pytest.fixture
def rollouts(stand: Kubectl, exchange: Exchange, request: pytest.FixtureRequest) -> Iterator[Rollouts]:
    """A session that is LIVE with a stable configuration; gone afterwards."""
    yield from made(stand, exchange, request, STABLE)


@pytest.fixture
def beginners(stand: Kubectl, exchange: Exchange, request: pytest.FixtureRequest) -> Iterator[Rollouts]:
    """A session that never had a stable configuration, and begins with a canary; gone afterwards."""
    yield from made(stand, exchange, request, [canary(minimumMarketTime="24h"), FULL])


def made(
    stand: Kubectl, exchange: Exchange, request: pytest.FixtureRequest, stages: list[dict[str, Any]]
) -> Iterator[Rollouts]:
    """Make a session, wait for its leader, and delete it in the end."""
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
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)
        wait_for("the traders to be gone", lambda: desk.session.pods() == [] or None, 90)


def test_canary_to_full_without_a_restart(rollouts: Rollouts) -> None:
    """The canary trades its time within the SLOs, the day's kill was quick, and the full limits hold in the same processes."""
    rollouts.wait_for_configs("paper", "paper")
    before = rollouts.uids()
    # A market of random prices may give no order in half an hour, and then the rollout rightly pauses.
    rollouts.wants(canary(minimumMarketTime="90m", analysis=[*CHECKS, {"slo": "KillFlatten"}]), FULL)
    rollouts.wait_for_rollout("Progressing", stage="canary")
    rollouts.wait_for_configs("canary-live", "paper")
    drill(rollouts)
    wait_for("two orders under the canary", lambda: rollouts.status()["rollout"]["orders"] >= 2 or None, 120)
    freeze(rollouts.exchange, 90)
    done = rollouts.wait_for_rollout("Complete", "Promoted", seconds=300)
    assert done["stage"] == "full"
    rollouts.wait_for_configs("full-live", "full-live")
    assert rollouts.uids() == before
    assert rollouts.status()["config"]["stable"] == hash_of("full-live")
    assert {"RolloutStarted", "RolloutComplete", "ConfigPromoted"} <= rollouts.reasons()
    rollouts.session.kubectl.run(
        "wait", "--for=condition=RolloutComplete", f"tradingsession/{rollouts.session.name}", "--timeout=10s"
    )
    rollouts.judge()


def drill(desk: Rollouts) -> None:
    """Kill, be flat, release: the sample of the day."""
    desk.session.patch({"killSwitch": {"engaged": True, "reason": "the day's drill", "release": ""}})
    kill = wait_for("flat", lambda: flat_kill(desk), 30)
    desk.session.patch({"killSwitch": {"engaged": False, "reason": "", "release": kill}})
    desk.leader()


def flat_kill(desk: Rollouts) -> str | None:
    """The kill that stands, once it is flat."""
    kill = desk.status().get("kill") or {}
    return str(kill["id"]) if kill.get("flatAt") else None


def test_a_breached_slo_in_the_canary_rolls_back(rollouts: Rollouts) -> None:
    """Orders that are acknowledged after 900 ms; the stable limits hold again, nobody restarted, nothing is retried."""
    before = rollouts.uids()
    slow = {"kind": "delay", "method": "POST", "path": "/orders/.*", "user_id": rollouts.account, "delay_ms": 900}
    rollouts.exchange.post("/sim/faults", {**slow, "for_seconds": 300})
    rollouts.wants(canary(minimumMarketTime="24h"), FULL)
    failed = rollouts.wait_for_rollout("RolledBack", "AnalysisFailed", seconds=300)
    assert "OrderAck: p95" in failed["message"]
    rollouts.wait_for_configs("paper", "paper")
    assert rollouts.uids() == before
    assert rollouts.status()["config"]["failed"] == [failed["revision"]]
    assert "RolloutRolledBack" in rollouts.reasons()
    rollouts.judge()


def test_no_data_pauses_and_a_person_decides(rollouts: Rollouts) -> None:
    """Half a market hour without enough orders is no success; promote goes on, whatever."""
    freeze(rollouts.exchange, 60)
    rollouts.wants(canary(minimumSamples={"orders": 9999}), FULL)
    paused = rollouts.wait_for_rollout("Paused", "Inconclusive", seconds=180)
    assert "of 9999 orders" in paused["message"]
    rollouts.wait_for_configs("canary-live", "paper")
    rollouts.ask(Verb.PROMOTE)
    rollouts.wait_for_rollout("Complete")
    rollouts.wait_for_configs("full-live", "full-live")


def test_a_leader_killed_in_mid_canary_is_succeeded_on_stable_and_paused(rollouts: Rollouts) -> None:
    """With the operator away or not: nobody but that leader ever heard of the candidate."""
    freeze(rollouts.exchange, 90)
    rollouts.wants(canary(minimumMarketTime="24h"), FULL)
    rollouts.wait_for_configs("canary-live", "paper")
    old = rollouts.leader()
    rollouts.session.kubectl.run("delete", "pod", old.pod, "--wait=false")
    rollouts.leader(old.epoch)
    rollouts.wait_for_rollout("Paused", "LeaderChanged")
    rollouts.wait_for_configs("paper", "paper", seconds=120)
    rollouts.ask(Verb.RESUME)
    rollouts.wait_for_rollout("Progressing", attempt=2)
    rollouts.wait_for_configs("canary-live", "paper")
    rollouts.judge()


def test_a_first_canary_that_loses_its_leader_takes_no_new_risk(beginners: Rollouts) -> None:
    """There is nothing stable to trade with: PAPER, until somebody resumes."""
    assert "stable" not in beginners.status()["config"]
    freeze(beginners.exchange, 90)
    old = beginners.leader()
    kill_trader(beginners.session, old.pod)
    beginners.wait_for_rollout("Paused", "LeaderChanged")
    assert beginners.session.condition("LiveAllowed")["reason"] == "NoStableConfiguration"
    wait_for("PAPER", lambda: beginners.session.leads(old.epoch, states=("PAPER",)), 120)
    beginners.ask(Verb.RESUME)
    beginners.leader(old.epoch)
    beginners.judge()
