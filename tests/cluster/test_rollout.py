"""A configuration earns its size on the real cluster: judged by what the traders report, carried by no restart.

Market time runs sixty times as fast as the machine's (a market minute a second), so that a stage of half a market hour takes
half a minute. Each test has an account of its own; the exchange's log says whether the promises held meanwhile.
"""

from collections.abc import Iterator

import pytest

from ops.clients.exchange import Exchange
from ops.clients.kubectl import Kubectl
from ops.clients.session import wait_for
from ops.faulting import kill_trader
from session_operator.domain.requests import Verb
from tests.cluster.rollouts import CHECKS, FULL, STABLE, Rollouts, canary, freeze, hash_of, rollouts_with

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def rollouts(stand: Kubectl, exchange: Exchange) -> Iterator[Rollouts]:
    """A session that is LIVE with a stable configuration; gone afterwards."""
    with rollouts_with(stand, exchange, STABLE) as made:
        yield made


@pytest.fixture
def beginners(stand: Kubectl, exchange: Exchange) -> Iterator[Rollouts]:
    """A session that never had a stable configuration, and begins with a canary; gone afterwards."""
    with rollouts_with(stand, exchange, [canary(minimumMarketTime="24h"), FULL]) as made:
        yield made


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
    beginners.session.wait_for_leader("PAPER", 120, old.epoch, states=("PAPER",))
    beginners.ask(Verb.RESUME)
    beginners.leader(old.epoch)
    beginners.judge()
