"""What counts as proved, and what does not."""

import datetime as dt
import time

import pytest

from ops.alerting import desks, proof, rules
from ops.alerting.faults import LINES
from ops.alerting.observing import Observer
from ops.clients.kubectl import Kubectl, KubectlError
from ops.monitoring.prometheus import Firing, Prometheus
from trader.domain.values import MarketTime


def report(**changes: object) -> proof.Report:
    """All eight fired."""
    rows = [proof.Row(alert, "a fault", fired_seconds=12.0, cleared_seconds=6.0) for alert in rules.EIGHT]
    made = proof.Report(rows=rows)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_all_eight_and_nothing_else_is_proved() -> None:
    """One that never fired, one that never ended, one too many: not proved."""
    assert report().holds
    assert not report(unexpected=["LeaderLockLost of proof-clean"]).holds
    silent = report()
    silent.rows[3].fired_seconds = None
    assert not silent.holds
    endless = report()
    endless.rows[3].problem = "still fires"
    assert not endless.holds
    assert not report(rows=report().rows[:-1]).holds


def test_each_of_the_eight_has_one_fault() -> None:
    """And one session has none."""
    faults = [fault for line in LINES.values() for fault in line]
    assert sorted(fault.alert for fault in faults) == sorted(rules.EIGHT)
    assert () in LINES.values()


class Replay(Prometheus):
    """Answers with these looks, one after the other, then with the last."""

    def __init__(self, looks: list[list[Firing] | None]) -> None:
        super().__init__(Kubectl("none"))
        self._left = looks

    def alerts(self) -> list[Firing]:
        """The next look; None is a Prometheus that does not answer."""
        look = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if look is None:
            raise KubectlError("away")
        return look


def alert(state: str) -> Firing:
    """One alert of one session."""
    return Firing("HeatGuardBreach", state, {"session": "s"}, {"summary": f"s is {state}"})


def test_the_observer_remembers_when_it_fired_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pending is not firing, and a look that failed is no sign of an end."""
    monkeypatch.setattr("ops.alerting.observing.LOOK_SECONDS", 0.01)
    looks = [[], [alert("pending")], [alert("firing")], None, [alert("firing")], []]
    pair = ("s", "HeatGuardBreach")
    begin = time.monotonic()
    with Observer(Replay(looks)).watching() as observer:
        fired = observer.fired_at(pair, begin, 5)
        assert fired is not None
        cleared = observer.cleared_at(pair, fired, 5)
        assert cleared is not None
        assert cleared > fired
        assert observer.fired_at(("other", "HeatGuardBreach"), begin, 0.1) is None
        assert observer.summary(pair) == "s is firing", "also when it is over"
        assert observer.summary(("other", "HeatGuardBreach")) == ""
    assert observer.fired_since(begin) == {pair}


def test_only_the_proofs_own_sessions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fires for somebody else's session says nothing about the proof; what concerns no session does."""
    monkeypatch.setattr("ops.alerting.observing.LOOK_SECONDS", 0.01)
    look = [
        Firing("HeatGuardBreach", "firing", {"session": "proof-first"}, {}),
        Firing("HeatGuardBreach", "firing", {"session": "proof-clean"}, {}),
        Firing("HeatGuardBreach", "firing", {"session": "somebody"}, {}),
        Firing("OperatorTelemetryAbsent", "firing", {}, {}),
    ]
    with Observer(Replay([look])).watching() as observer:
        observer.fired_at(("proof-clean", "HeatGuardBreach"), time.monotonic(), 5)
        assert proof.unexpected(observer, 0.0) == [
            "HeatGuardBreach of proof-clean",
            "OperatorTelemetryAbsent of the stand",
        ]


@pytest.mark.parametrize(
    ("time_of_day", "leaves"),
    [("09:30:00", True), ("09:33:00", True), ("09:33:01", False), ("09:58:00", False), ("09:59:59", False)],
)
def test_the_market_is_slowed_down_at_a_sessions_beginning_only(time_of_day: str, leaves: bool) -> None:
    """In the last two minutes of each half an hour nobody enters: in real time longer than a proof waits for an entry."""
    now = dt.datetime.fromisoformat(f"2026-11-23T{time_of_day}+05:30")
    assert desks.leaves_time(MarketTime(int(now.timestamp()) * 10**9)) is leaves
