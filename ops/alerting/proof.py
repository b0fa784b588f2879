"""The proof that each alert fires by a real fault, ends after it, and that none fires in a clean session.

Three sessions run side by side on the stand's exchange; faults befall two of them, one line of faults each. A real Prometheus is
asked once a second what fires. Whatever fires that no fault explains fails the proof.
"""

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.alerting import rules
from ops.alerting.desks import Desk, desks, market_at
from ops.alerting.faults import LINES, WINDOW_SECONDS, Fault, Position
from ops.alerting.observing import Observer, Pair
from ops.clients.exchange import exchange_in
from ops.clients.kubectl import ROOT
from ops.clients.session import wait_for
from ops.dashboards import first_hour
from ops.deploying import install_chart, kubectl
from ops.monitoring import installing
from ops.monitoring.prometheus import Prometheus

RESULT = ROOT / "build" / "alert-proof.json"
PREFIX = "proof-"
FIRES_WITHIN_SECONDS = 90.0
CLEARS_WITHIN_SECONDS = 60.0
# An earlier run may have left alerts with a window of five minutes.
SILENT_WITHIN_SECONDS = WINDOW_SECONDS + 90.0
BITES_WITHIN_SECONDS = 120.0
ANSWERS_WITHIN_SECONDS = 30.0
# In real time a position lives through its faults.
MARKET_SPEED = 1.0
Tell = Callable[[str], None]


@dataclass(slots=True)
class Row:
    """What became of one fault."""

    alert: str
    fault: str
    fired_seconds: float | None = None
    cleared_seconds: float | None = None
    summary: str = ""
    problem: str = ""
    is_cleared_by_window: bool = False
    """Its end was not waited for: it stays for its window."""

    @property
    def holds(self) -> bool:
        """Whether it fired, and ended where that was waited for."""
        return not self.problem and self.fired_seconds is not None


@dataclass(slots=True)
class Report:
    """The whole table."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Of sessions that no fault befalls."""
    unexpected: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Queries of the dashboard that Prometheus answered with nothing for the clean session."""
    looks: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether all eight fired and ended, and nothing else did."""
        clean = not self.unexpected and not self.problems
        return clean and {row.alert for row in self.rows if row.holds} == set(rules.EIGHT)

    def write(self, path: Path = RESULT) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"holds": self.holds, **dataclasses.asdict(self)}, indent=2) + "\n")


def ready_monitoring() -> Prometheus:
    """Prometheus on the cluster, with the chart's own rules loaded and everything scraped."""
    prometheus = installing.up()
    install_chart()
    wanted = set(rules.alerts())
    wait_for("the chart's rules in Prometheus", lambda: wanted <= prometheus.rule_names() or None, 180)
    wait_for("the operator's metrics", lambda: bool(prometheus.query("operator_build_info")) or None, 60)
    return prometheus


def prove(prometheus: Prometheus, tell: Tell, *, waits_for_windows: bool) -> Report:
    """Do all of it; what did not hold stands in the report."""
    begin = time.monotonic()
    report = Report()
    stand = kubectl()
    accounts = {f"{PREFIX}{line}": f"AP{number:04d}" for number, line in enumerate(LINES)}
    with exchange_in(stand) as exchange, Observer(prometheus).watching() as observer:
        tell(f"{len(accounts)} sessions: {', '.join(accounts)}")
        with desks(stand, exchange, accounts) as made:
            tell("all are LIVE")
            # The steady state is the gate: a machine that starts traders too slowly for their alerts proves nothing.
            wait_for("silence", lambda: _is_silent(observer), SILENT_WITHIN_SECONDS)
            calm = time.monotonic()
            tell("no alert fires")
            lines = [
                _Line(made[f"{PREFIX}{line}"], faults, observer, tell=tell, waits=waits_for_windows)
                for line, faults in LINES.items()
            ]
            with market_at(exchange, MARKET_SPEED):
                _run(lines)
            report.problems = [line.problem for line in lines if line.problem]
            report.unexpected = unexpected(observer, calm)
            report.unanswered = unanswered(prometheus, made[f"{PREFIX}clean"])
        report.rows = [row for line in lines for row in line.rows]
        report.looks = observer.looks
    report.rows.sort(key=lambda row: rules.EIGHT.index(row.alert))
    report.seconds = round(time.monotonic() - begin, 1)
    report.write()
    return report


class _Line:
    """The faults of one session, one after the other, in a thread."""

    def __init__(self, desk: Desk, faults: tuple[Fault, ...], observer: Observer, *, tell: Tell, waits: bool) -> None:
        self._desk = desk
        self._faults = faults
        self._observer = observer
        self._tell = tell
        self._waits = waits
        self.rows: list[Row] = []
        self.problem = ""
        """Of a line without faults, which only trades."""

    def run(self) -> None:
        """All faults of this line; an error of one is its row's problem."""
        if not self._faults:
            self._trade()
        later: list[tuple[Row, float]] = []
        for fault in self._faults:
            row = Row(fault.alert, fault.words)
            self.rows.append(row)
            try:
                healed = self._befall(fault, row)
            except Exception as error:  # the top frame of the thread: one line must not take the others along
                row.problem = f"{type(error).__name__}: {error}"
                self._tell(f"{fault.alert}: {row.problem}")
                continue
            if fault.stays_seconds:
                row.is_cleared_by_window = not self._waits
                later += [(row, healed + fault.stays_seconds)] if self._waits else []
            else:
                self._await_end(row, healed, CLEARS_WITHIN_SECONDS)
        for row, until in later:
            self._await_end(row, until - self._window(row), self._window(row) + CLEARS_WITHIN_SECONDS)

    def _trade(self) -> None:
        try:
            self._desk.enter()
        except Exception as error:  # the top frame of the thread, as above
            self.problem = f"{self._desk.name} does not trade: {type(error).__name__}: {error}"
            self._tell(self.problem)

    def _window(self, row: Row) -> float:
        return next(fault.stays_seconds for fault in self._faults if fault.alert == row.alert)

    def _befall(self, fault: Fault, row: Row) -> float:
        """Inject, wait until it fires, heal; returns when it was healed."""
        if fault.position is Position.BEFORE and not self._desk.is_protected():
            self._desk.enter()
        with fault.inject(self._desk):
            self._tell(f"{self._desk.name}: {fault.words}")
            if fault.position is Position.WITHIN:
                self._desk.enter()
            wait_for("the fault to bite", lambda: fault.bites(self._desk) or None, BITES_WITHIN_SECONDS)
            bitten = time.monotonic()
            at = self._observer.fired_at(self._pair(row), bitten, FIRES_WITHIN_SECONDS)
            if at is None:
                row.problem = f"did not fire within {FIRES_WITHIN_SECONDS:.0f} s"
            else:
                row.fired_seconds = round(at - bitten, 1)
                row.summary = self._observer.summary(self._pair(row))
            self._tell(f"{row.alert}: {row.problem or f'fired after {row.fired_seconds} s'}")
        return time.monotonic()

    def _await_end(self, row: Row, healed: float, seconds: float) -> None:
        if row.problem:
            return
        at = self._observer.cleared_at(self._pair(row), healed, seconds)
        if at is None:
            row.problem = f"still fires {seconds:.0f} s after the fault ended"
        else:
            row.cleared_seconds = round(at - healed, 1)
        self._tell(f"{row.alert}: {row.problem or f'cleared after {row.cleared_seconds} s'}")

    def _pair(self, row: Row) -> Pair:
        return self._desk.name, row.alert


def _run(lines: list[_Line]) -> None:
    threads = [threading.Thread(target=line.run, name="line", daemon=True) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(1200)


def unanswered(prometheus: Prometheus, desk: Desk) -> list[str]:
    """Queries of the dashboard that answer nothing for a session that trades; those that filter may.

    Raises:
        Waited: Prometheus refused one of them, or gave no answer.
    """
    queries = first_hour.queries(desk.session.kubectl.namespace, desk.name)
    asked = [each for each in queries if not each.endswith("> 0") and "ALERTS" not in each]
    return [each for each in asked if not _vector(prometheus, each)]


def _vector(prometheus: Prometheus, query: str) -> list[dict[str, Any]]:
    """An empty answer is one, a lost one is none."""
    return wait_for(f"an answer to {query}", lambda: prometheus.query(query), ANSWERS_WITHIN_SECONDS)


def _is_ours(pair: Pair) -> bool:
    """Of a session of the proof, or of none at all."""
    return pair[0].startswith(PREFIX) or not pair[0]


def _is_silent(observer: Observer) -> bool:
    loud = sorted(f"{alert} of {session or 'the stand'}" for session, alert in filter(_is_ours, observer.firing()))
    if loud:
        raise ValueError(", ".join(loud))
    return True


def unexpected(observer: Observer, since: float) -> list[str]:
    """What fired and no fault explains; sessions that are not the proof's are none of its business."""
    explained = {
        (f"{PREFIX}{line}", alert)
        for line, faults in LINES.items()
        for fault in faults
        for alert in (fault.alert, *fault.also)
    }
    ours = set(filter(_is_ours, observer.fired_since(since)))
    return sorted(f"{alert} of {session or 'the stand'}" for session, alert in ours - explained)
