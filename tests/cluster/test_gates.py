"""Gates on the real cluster: drills run as Jobs against nobody's account, and new risk waits for what they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for
from ops.judging.history import ours
from session_operator.domain.requests import Verb
from tests.cluster.conftest import ensure_market_day_lasts, new_account
from tests.cluster.desks import Desk
from tests.cluster.plugin import tsn
from tests.cluster.rollouts import FULL, Rollouts, canary

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
# The shortest of the three: about two minutes.
DRILL = "exchange-band-jump"
GATES = {"drills": [DRILL], "drillMaxAgeTradingDays": 30}


@contextmanager
def gated(stand: Kubectl, exchange: Exchange, *stages: dict[str, Any]) -> Iterator[Rollouts]:
    """A session in mode Live whose gate asks for one drill, with these stages or the sample's; gone afterwards."""
    account = new_account()
    name = f"gates-{account.lower()}"
    manifest = yaml.safe_load(SAMPLE.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["account"]["id"] = account
    manifest["spec"]["gates"] = GATES
    manifest["spec"]["config"]["stages"] = list(stages) or manifest["spec"]["config"]["stages"]
    ensure_market_day_lasts(exchange, minutes=11)
    stand.apply(yaml.safe_dump(manifest))
    desk = Rollouts(Session(stand, name), account, exchange)
    try:
        yield desk
    finally:
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)
        wait_for("the pods to be gone", lambda: desk.session.pods() + desk.session.job_pods("drill") == [] or None, 90)


def wait_for_gate(desk: Desk, status: str, reason: str, seconds: float) -> dict[str, Any]:
    """Wait until GatesPassed says so."""

    def look() -> dict[str, Any] | None:
        found = desk.session.condition("GatesPassed")
        if (found.get("status"), found.get("reason")) == (status, reason):
            return found
        raise ValueError(str(found))

    return wait_for(f"GatesPassed {status} {reason}", look, seconds)


def test_new_risk_waits_for_a_drill_that_runs_in_the_cluster(stand: Kubectl, exchange: Exchange) -> None:
    """Not allowed while it runs, nor when its pod is killed; asked for again it passes, and only then there are orders."""
    with gated(stand, exchange) as desk:
        closed = wait_for_gate(desk, "False", "Proving", 120)
        assert f"drill {DRILL} has not passed within 30 trading days (it runs now)" in closed["message"]
        assert desk.session.condition("LiveAllowed")["reason"] == "GatesNotPassed"
        (pod,) = wait_for("the drill's pod", lambda: running(desk) or None, 60)
        mounts = pod["spec"]["containers"][0]["volumeMounts"]
        assert not [each for each in mounts if "serviceaccount" in each["mountPath"]]

        stand.run("delete", "pod", pod["metadata"]["name"], "--wait=false")
        broken = wait_for_gate(desk, "False", "NotPassed", 180)
        (drill,) = desk.session.status()["drills"]
        assert drill["verdict"] == "Error"
        assert drill["reason"] in broken["message"]
        assert "runs" not in desk.session.status(), "what is empty is absent"
        # It trades on paper meanwhile, where the market may take the day's loss from it.
        desk.session.wait_for_leader("a leader on paper", 60, states=("PAPER",), may_lose_the_day=True)
        assert desk.session.condition("LiveAllowed")["status"] == "False"

        tsn(stand, "drill", desk.session.name)
        wait_for_gate(desk, "False", "Proving", 30)
        assert list(ours(desk.log)) == []
        wait_for_gate(desk, "True", "Passed", 420)
        (drill,) = desk.session.status()["drills"]
        judged = desk.session.status()["gates"]["configHash"]
        assert (drill["name"], drill["verdict"], drill["configHash"]) == (DRILL, "Passed", judged)
        desk.session.becomes_live(60, lifts_any_kill=False)
        assert desk.session.condition("LiveAllowed")["status"] == "True"
        assert "gates open" in " ".join(tsn(stand, "status", desk.session.name).split())
        told = {"DrillStarted", "DrillError", "DrillPassed", "GatesPassed", "LiveForbidden", "LiveAllowedAgain"}
        assert told <= desk.reasons()

        # The status is the record: what Kubernetes removes is not run again.
        stand.run("delete", "job", drill["job"], "--wait=true")
        assert desk.session.status()["drills"] == [drill]
        assert desk.session.condition("LiveAllowed")["status"] == "True"
        desk.judge()


def test_a_stage_whose_drill_did_not_pass_is_not_begun_though_a_person_promotes_it(
    stand: Kubectl, exchange: Exchange
) -> None:
    """The limits that were proved trade on; the status says what to do first, and the promotion is no word for later."""
    with gated(stand, exchange, canary(minimumMarketTime="24h"), FULL) as desk:
        wait_for_gate(desk, "True", "Passed", 420)
        pod = wait_for("the drill of the stage to come", lambda: run_of_another_stage(desk), 60)
        stand.run("delete", "pod", pod, "--grace-period=1", "--wait=false")
        wait_for("its verdict", lambda: len(desk.status()["drills"]) == 2 or None, 120)
        for _ in range(2):
            desk.ask(Verb.PROMOTE)
            paused = desk.wait_for_rollout("Paused", "DrillNotPassed", stage="canary")
            assert paused["message"].startswith(f"stage full is not begun: drill {DRILL} could not be run on ")
            assert "kubectl tsn drill runs it again, then kubectl tsn resume" in paused["message"]
        assert desk.session.condition("LiveAllowed")["status"] == "True"
        assert desk.status()["config"]["profile"] == "canary-live"
        desk.session.becomes_live(60, lifts_any_kill=False)


def run_of_another_stage(desk: Desk) -> str | None:
    """The pod of the drill that runs now, with limits that are not in force yet; that of the one before may be listed still."""
    status = desk.session.status()
    jobs = [run["job"] for run in status.get("runs", []) if run["configHash"] != status["gates"]["configHash"]]
    names = [pod["metadata"]["name"] for pod in running(desk)]
    return next((name for name in names for job in jobs if name.startswith(job)), None)


def running(desk: Desk) -> list[dict[str, Any]]:
    """The drill's pods that run."""
    return [pod for pod in desk.session.job_pods("drill") if pod["status"].get("phase") == "Running"]
