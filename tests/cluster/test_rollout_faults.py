"""What keeps a configuration, or a build, from new risk, and what does not: halts, approvals, drills that fail, and operators
that die or are away.

Each test has a session of its own. The drill that fails takes two minutes, and runs beside them.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import Kubectl
from ops.clients.session import Session, wait_for
from ops.faulting import kill_container, kill_trader
from ops.judging.checkers import Interval
from ops.judging.history import of_account, ours
from session_operator.domain.requests import Verb
from tests.cluster import operators, planted
from tests.cluster.conftest import SAMPLE, ensure_market_day_lasts, new_account
from tests.cluster.plugin import tsn
from tests.cluster.rollouts import FULL, STABLE, Rollouts, canary, freeze, hash_of, rollouts_with
from trader.app.paper import paper_account
from trader.domain.values import Leg

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SHORT = {"name": "canary", "profile": "canary-live", "minimumMarketTime": "10m"}
DRILL = "exchange-band-jump"
LEASE_SECONDS = 15
DRILL_SECONDS = 420


@pytest.fixture
def rollouts(stand: Kubectl, exchange: Exchange) -> Iterator[Rollouts]:
    """A session that is LIVE with a stable configuration; gone afterwards."""
    with rollouts_with(stand, exchange, STABLE) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def broken(stand: Kubectl, exchange: Exchange) -> Iterator[Rollouts]:
    """A session in mode Live whose traders were built without the band check, and whose gate asks for the drill of it."""
    account = new_account()
    manifest = yaml.safe_load(SAMPLE.read_text())
    name = manifest["metadata"]["name"] = f"broken-{account.lower()}"
    manifest["spec"]["account"]["id"] = account
    manifest["spec"]["gates"] = {"drills": [DRILL], "drillMaxAgeTradingDays": 30}
    manifest["spec"]["trader"] = {"image": planted.image_with("band_check_off", planted.trader_image(stand))}
    ensure_market_day_lasts(exchange, minutes=11)
    stand.apply(yaml.safe_dump(manifest))
    try:
        yield Rollouts(Session(stand, name), account, exchange)
    finally:
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)


def told(desk: Rollouts, pod: str, hashes: tuple[str, ...]) -> list[str]:
    """What a trader was told of these, in its own audit trail: configuration, stage, and the epoch that it was meant for."""
    lines = desk.session.kubectl.run("logs", pod).splitlines()
    audited = [json.loads(line) for line in lines if '"audited"' in line]
    details = [each["detail"] for each in audited if (each["action"], each["outcome"]) == ("config", "taken")]
    return [each for each in details if each.split()[1] in hashes]


def entries(desk: Rollouts) -> list[str]:
    """Tags of the accepted orders that open something."""
    return [each.tag for each in ours(desk.log) if each.parts.leg is Leg.ENTRY]


def test_a_breach_with_halt_takes_no_new_risk_and_keeps_the_candidate_for_a_look(rollouts: Rollouts) -> None:
    """Until a person aborts: then it trades with the stable limits again, in the same processes."""
    before = rollouts.uids()
    slow = {"kind": "delay", "method": "POST", "path": "/orders/.*", "user_id": rollouts.account, "delay_ms": 900}
    rollouts.exchange.post("/sim/faults", {**slow, "for_seconds": 120})
    stages = [canary(minimumMarketTime="24h", analysis=[{"slo": "OrderAck"}]), FULL]
    rollouts.session.patch({"config": {"stages": stages, "onFailure": "Halt"}})
    halted = rollouts.wait_for_rollout("Halted", "AnalysisFailed", seconds=180)
    assert "OrderAck: p95" in halted["message"]
    rollouts.session.wait_for_leader("no new risk", 30, states=("REDUCING", "PAPER"))
    assert rollouts.session.condition("LiveAllowed")["reason"] == "RolloutHalted"
    opened = entries(rollouts)
    rollouts.wait_for_configs("canary-live", "paper")
    assert rollouts.status()["config"]["failed"] == [halted["revision"]]
    assert {"RolloutHalted", "LiveForbidden"} <= rollouts.reasons()
    assert entries(rollouts) == opened
    rollouts.ask(Verb.ABORT)
    rollouts.wait_for_rollout("RolledBack", "Aborted")
    rollouts.leader()
    rollouts.wait_for_configs("paper", "paper")
    assert rollouts.uids() == before
    rollouts.judge()


def test_a_stage_that_asks_for_approval_waits_for_a_person(rollouts: Rollouts) -> None:
    """It has passed, and its small limits hold on; `kubectl tsn promote` is the last word."""
    freeze(rollouts.exchange, 30)
    rollouts.wants({**SHORT, "approval": "Required"}, FULL)
    paused = rollouts.wait_for_rollout("Paused", "ApprovalRequired")
    assert paused["message"] == "stage canary passed: kubectl tsn promote goes on"
    rollouts.wait_for_configs("canary-live", "paper")
    assert rollouts.session.leads() is not None
    tsn(rollouts.session.kubectl, "promote", rollouts.session.name)
    rollouts.wait_for_rollout("Complete", "Promoted")
    rollouts.wait_for_configs("full-live", "full-live")


def test_an_operator_killed_in_mid_step_is_succeeded_and_each_step_is_taken_once(
    rollouts: Rollouts, stand: Kubectl
) -> None:
    """SIGKILL as soon as the stage stands in the status; by the traders' own audit trails nothing was told twice."""
    freeze(rollouts.exchange, 60)
    leader, before = rollouts.leader(), rollouts.uids()
    working = operators.at_work(stand)
    rollouts.wants(SHORT, FULL)
    rollouts.wait_for_rollout("Progressing", stage="canary")
    kill_container(rollouts.session, working)
    done = rollouts.wait_for_rollout("Complete", "Promoted", seconds=120)
    assert done["attempt"] == 1
    rollouts.wait_for_configs("full-live", "full-live")
    small, full = (hash_of(each) for each in ("canary-live", "full-live"))
    assert told(rollouts, leader.pod, (small, full)) == [
        f"config {small} stage canary epoch {leader.epoch}",
        f"config {full} stage stable epoch {leader.epoch}",
    ]
    (standby,) = ({pod["metadata"]["name"] for pod in rollouts.session.pods()}) - {leader.pod}
    assert told(rollouts, standby, (small, full)) == [f"config {full} stage stable epoch 0"]
    assert rollouts.uids() == before
    assert rollouts.leader() == leader


def test_with_no_operator_a_leader_that_dies_is_succeeded_and_the_operator_catches_up(
    rollouts: Rollouts, stand: Kubectl
) -> None:
    """In mid-canary, with a position: the successor leads on stable, protects and trades; then the status tells of it."""
    rollouts.wants(canary(minimumMarketTime="24h"), FULL)
    rollouts.wait_for_configs("canary-live", "paper")
    old = rollouts.leader()
    with operators.away(stand):
        rollouts.wait_for_position()
        begin = kill_trader(rollouts.session, old.pod)
        new, seen = rollouts.successor(old.epoch, seconds=45)
        assert (
            seen - begin
        ) / 1e9 < LEASE_SECONDS / 2  # it was given back; a drill runs beside, so no exact limit here
        rollouts.leader(old.epoch)
        rollouts.wait_for_orders_of(new.epoch)
        assert rollouts.status()["leader"]["epoch"] == old.epoch
    wait_for("the status", lambda: rollouts.status()["leader"]["epoch"] == new.epoch or None, 60)
    rollouts.wait_for_rollout("Paused", "LeaderChanged")
    rollouts.wait_for_configs("paper", "paper")
    wait_for("the event", lambda: "LeaderChanged" in rollouts.reasons() or None, 20)
    rollouts.judge(Interval(begin, seen))


def test_a_build_that_fails_its_drill_never_trades(broken: Rollouts) -> None:
    """Failed, not Error: a promise was broken, by name; the gate stays closed, and the account never sees an order."""

    def verdict() -> dict[str, Any] | None:
        found: list[dict[str, Any]] = broken.status().get("drills") or []
        return found[0] if found else None

    drill = wait_for("the drill's verdict", verdict, DRILL_SECONDS)
    assert (drill["name"], drill["verdict"]) == (DRILL, "Failed")
    assert "FREEZE_BAND denies the entry" in drill["reason"]
    # Each market day runs it again, and one may have begun: the gate is closed meanwhile, and has its last word after that.
    assert broken.session.condition("GatesPassed")["status"] == "False"
    closed = wait_for("the gate", lambda: gate(broken, "NotPassed"), DRILL_SECONDS)
    assert "FREEZE_BAND denies the entry" in closed["message"]
    assert broken.status()["drills"][0]["reason"] in closed["message"]
    assert broken.session.condition("LiveAllowed")["reason"] == "GatesNotPassed"
    # It trades on paper, where the market may take the day's loss from it.
    broken.session.wait_for_leader("a leader on paper", 60, states=("PAPER",), may_lose_the_day=True)
    wait_for(
        "orders on paper",
        lambda: ours(of_account(broken.exchange.read_log(), paper_account(broken.account))) or None,
        180,
    )
    assert "DrillFailed" in broken.reasons()
    assert "Failed" in tsn(broken.session.kubectl, "status", broken.session.name)
    assert ours(broken.log) == []


def gate(desk: Rollouts, reason: str) -> dict[str, Any] | None:
    """The closed gate, once it has this reason."""
    found = desk.session.condition("GatesPassed")
    return found if (found.get("status"), found.get("reason")) == ("False", reason) else None
