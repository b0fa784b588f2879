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
from tests.cluster.conftest import ensure_market_day_lasts, new_account
from tests.cluster.desks import Desk
from tests.cluster.plugin import tsn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
# The shortest of the three: about two minutes.
DRILL = "exchange-band-jump"
GATES = {"drills": [DRILL], "drillMaxAgeTradingDays": 30}


@contextmanager
def gated(stand: Kubectl, exchange: Exchange) -> Iterator[Desk]:
    """A session in mode Live whose gate asks for one drill; gone afterwards."""
    account = new_account()
    name = f"gates-{account.lower()}"
    manifest = yaml.safe_load(SAMPLE.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["account"]["id"] = account
    manifest["spec"]["gates"] = GATES
    ensure_market_day_lasts(exchange, minutes=11)
    stand.apply(yaml.safe_dump(manifest))
    desk = Desk(Session(stand, name), account, exchange)
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


def reasons(desk: Desk) -> set[str]:
    """The reasons of the session's events."""
    selector = f"involvedObject.name={desk.session.name},involvedObject.kind=TradingSession"
    events = desk.session.kubectl.json("get", "events", "--field-selector", selector)["items"]
    return {event["reason"] for event in events}


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
        desk.session.wait_for_leader("a leader on paper", 60, states=("PAPER", "HALTED"))
        assert desk.session.condition("LiveAllowed")["status"] == "False"

        tsn(stand, "drill", desk.session.name)
        wait_for_gate(desk, "False", "Proving", 30)
        assert list(ours(desk.log)) == []
        wait_for_gate(desk, "True", "Passed", 420)
        (drill,) = desk.session.status()["drills"]
        judged = desk.session.status()["gates"]["configHash"]
        assert (drill["name"], drill["verdict"], drill["configHash"]) == (DRILL, "Passed", judged)
        desk.session.becomes_live(60)
        assert desk.session.condition("LiveAllowed")["status"] == "True"
        assert "gates open" in " ".join(tsn(stand, "status", desk.session.name).split())
        told = {"DrillStarted", "DrillError", "DrillPassed", "GatesPassed", "LiveForbidden", "LiveAllowedAgain"}
        assert told <= reasons(desk)

        # The status is the record: what Kubernetes removes is not run again.
        stand.run("delete", "job", drill["job"], "--wait=true")
        assert desk.session.status()["drills"] == [drill]
        assert desk.session.condition("LiveAllowed")["status"] == "True"
        desk.judge()


def running(desk: Desk) -> list[dict[str, Any]]:
    """The drill's pods that run."""
    return [pod for pod in desk.session.job_pods("drill") if pod["status"].get("phase") == "Running"]
