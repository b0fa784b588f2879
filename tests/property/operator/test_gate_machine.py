"""Whatever happens to a desk with gates, in whatever order, no new risk is allowed with one unsatisfied.

The machine below is a desk whose days pass, whose drills pass, fail, say nonsense or lose their pods, whose specs and limits
change, whose leader falls silent, and whose operator dies between two of its actions. The gates are judged here once more, from
what was observed alone.
"""

import dataclasses
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from session_operator.domain.actions import Apply, Delete, WriteStatus
from session_operator.domain.decide import Decision, decide
from session_operator.domain.observed import Child, Observed
from tests.unit.operator.builders import TERMS
from tests.unit.operator.deciding import performed
from tests.unit.operator.proving import NSE, asked_for, at_market, concluded, ended, gated_desk, jobs, respecified, runs
from tests.unit.operator.rollouts import is_live_allowed

pytestmark = pytest.mark.timeout(180)

LIMIT = 16
DATES = ("2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03")
DAYS_OFF = ("2026-11-28", "2026-11-29")
STABLE = {"stages": [{"name": "full", "profile": "paper"}]}
CANARY = {
    "stages": [
        {"name": "canary", "profile": "canary-live", "minimumMarketTime": "1h"},
        {"name": "full", "profile": "full-live"},
    ]
}
TIGHT = {"stages": [{"name": "full", "profile": "canary-live"}]}
CONFIGS = (STABLE, CANARY, TIGHT)
VERDICTS = st.sampled_from(["Passed", "Passed", "Passed", "Failed", "Error"])
GATES: tuple[dict[str, Any] | None, ...] = (
    None,
    {"drills": ["dual-runner"]},
    {"drills": ["dual-runner", "exchange-band-jump"], "drillMaxAgeTradingDays": 2},
    {"burnInDays": 1},
    {"burnInDays": 2, "drills": ["exchange-band-jump"]},
)
WORKLOAD = Child("StatefulSet", "index-trader")


def jobs_under_way(machine: Any) -> bool:
    """Whether the first run's Job exists and has not ended."""
    if not hasattr(machine, "workload") or not runs(machine.seen):
        return False
    live = machine.seen.children.get(Child("Job", runs(machine.seen)[0]["job"]))
    return live is not None and not (live.get("status") or {}).get("conditions")


class GateMachine(RuleBasedStateMachine):
    """One desk."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Observed
        self.number = 0
        self.minute = 0
        self.date = 0
        self.phase = "OPEN"
        self.hidden: dict[str, Any] = {}
        self.shown: set[tuple[str, str, str, str]] = set()
        """Drills that have passed: name, configuration, image, trading date; whatever came after."""
        self.sealed: set[str] = set()
        """Trading dates that were sealed and clean under limits that were never loosened since."""
        self.is_tight = False

    @initialize(wanted=st.sampled_from(GATES), config=st.sampled_from(CONFIGS))
    def begin(self, wanted: dict[str, Any] | None, config: dict[str, Any]) -> None:
        """A desk on a Thursday."""
        self.parts: dict[str, Any] = {"gates": wanted, "config": config, "calendar": NSE, "postClose": {}}
        self.seen = (
            gated_desk(phase="OPEN", **_without_none(self.parts)) if wanted is None else gated_desk(**self.parts)
        )
        self.clock()
        self.workload = self.seen.children[WORKLOAD]

    def clock(self) -> None:
        """The leader tells the market's time."""
        if not self.hidden:
            phase = "CLOSED" if DATES[self.date] in DAYS_OFF else self.phase
            self.seen = at_market(self.seen, phase, DATES[self.date])

    # --- what happens to it ---

    @rule()
    def the_market_moves_on(self) -> None:
        """Before, open, closed, and the next day."""
        order = ("BEFORE", "OPEN", "CLOSED")
        place = order.index(self.phase)
        if place < 2:
            self.phase = order[place + 1]
        elif self.date + 1 < len(DATES):
            self.date, self.phase = self.date + 1, "BEFORE"
        self.clock()

    @precondition(jobs_under_way)
    @rule(verdict=VERDICTS)
    def a_job_ends(self, verdict: str) -> None:
        """With its verdict."""
        run = runs(self.seen)[0]
        self.seen = ended(self.seen, verdict)
        if verdict == "Passed" and run["kind"] == "Drill":
            self.shown.add((run["name"], run["configHash"], run["image"], run["tradingDate"]))
        if verdict == "Passed" and run["kind"] == "PostClose":
            self.sealed.add(run["tradingDate"])
        if self.seen.profiles:
            self.look()

    @precondition(jobs_under_way)
    @rule(text=st.sampled_from(["", "{}", '{"passed": true}', "killed"]))
    def a_job_ends_with_nonsense(self, text: str) -> None:
        """Its pod said nothing that could be read."""
        self.seen = ended(self.seen, text=text, exit_code=0)

    @precondition(jobs_under_way)
    @rule()
    def a_job_runs_out_of_time(self) -> None:
        """Its deadline ended it."""
        self.seen = concluded(self.seen, "Failed", "DeadlineExceeded")

    @rule()
    def jobs_are_removed(self) -> None:
        """Their time is over, or somebody deleted them."""
        children = {child: live for child, live in self.seen.children.items() if child.kind != "Job"}
        self.seen = dataclasses.replace(self.seen, children=children, job_pods=())

    @rule(verdicts=st.lists(VERDICTS, min_size=1, max_size=4))
    def a_day_goes_by(self, verdicts: list[str]) -> None:
        """As on most days: drills in the morning, the seal in the evening."""
        for _ in range(3):
            self.the_market_moves_on()
            self.comes_to_rest()
            for verdict in verdicts:
                if jobs_under_way(self):
                    self.a_job_ends(verdict)
                    self.comes_to_rest()

    @rule(wanted=st.sampled_from(GATES), suspend=st.sampled_from([False, False, False, True]))
    def the_desk_applies_other_gates(self, wanted: dict[str, Any] | None, suspend: bool) -> None:
        """Stricter or laxer."""
        self.parts |= {"gates": wanted, "suspend": suspend}
        self.seen = respecified(self.seen, **_without_none(self.parts))

    @rule(config=st.sampled_from(CONFIGS), rests=st.booleans())
    def the_desk_applies_other_limits(self, config: dict[str, Any], rests: bool) -> None:
        """Tighter or looser."""
        self.parts |= {"config": config}
        self.seen = respecified(self.seen, **_without_none(self.parts))
        if rests:
            self.comes_to_rest()

    @rule(kind=st.sampled_from(["Drill", "PostClose"]))
    def somebody_asks(self, kind: str) -> None:
        """By the command."""
        self.number += 1
        self.seen = asked_for(self.seen, kind, str(self.number))

    @rule(days=st.integers(min_value=0, max_value=3))
    def profiles_are_broken_for_a_while(self, days: int) -> None:
        """The market goes on meanwhile."""
        there, self.seen = self.seen.profiles, dataclasses.replace(self.seen, profiles={})
        for _ in range(days):
            self.the_market_moves_on()
            self.comes_to_rest()
        self.comes_to_rest()
        self.seen = dataclasses.replace(self.seen, profiles=there)

    @rule(days=st.integers(min_value=0, max_value=3))
    def the_leader_is_silent_for_a_while(self, days: int) -> None:
        """The market goes on meanwhile; then it answers as if nothing had been."""
        self.hidden, self.seen = dict(self.seen.reports), dataclasses.replace(self.seen, reports={})
        for _ in range(days):
            self.the_market_moves_on()
            self.comes_to_rest()
        self.comes_to_rest()
        self.seen, self.hidden = dataclasses.replace(self.seen, reports=self.hidden), {}
        self.clock()

    @rule()
    def everything_passes(self) -> None:
        """Whatever is due is run, and shows what it should."""
        for _ in range(8):
            self.comes_to_rest()
            if jobs_under_way(self):
                self.a_job_ends("Passed")
        self.comes_to_rest()

    @rule()
    def time_passes(self) -> None:
        """A minute."""
        self.minute += 1

    # --- what the operator does ---

    @rule(done=st.integers(min_value=0, max_value=4))
    def the_operator_dies_in_between(self, done: int) -> None:
        """It performs so many of its actions and no more."""
        decision = self.decided()
        self.perform(dataclasses.replace(decision, actions=decision.actions[:done]))

    @rule()
    def look(self) -> None:
        """It looks once."""
        self.perform(self.decided())

    @rule()
    def comes_to_rest(self) -> None:
        """However it stands, the operator comes to rest; then the gates are satisfied, or no new risk is allowed."""
        for _ in range(LIMIT):
            decision = self.decided()
            if not decision.actions:
                break
            self.perform(decision)
        else:
            raise AssertionError(f"no rest: {self.decided().actions}")
        assert len([job for job in jobs(self.seen) if not (job.get("status") or {}).get("conditions")]) <= 1
        self.check_gates()

    def perform(self, decision: Decision) -> None:
        """Do it; limits count from when the status tells of them."""
        self.seen = performed(self.seen, decision)
        if self.seen.profiles and any(isinstance(action, WriteStatus) for action in decision.actions):
            is_tight = self.parts["config"] is TIGHT
            if self.is_tight and not is_tight:
                self.sealed.clear()
            self.is_tight = is_tight

    def decided(self) -> Decision:
        """What the operator would do, with every promise about that checked."""
        now = f"2026-11-23T{9 + self.minute // 60:02d}:{self.minute % 60:02d}:00Z"
        decision = decide(self.seen, TERMS, now)
        assert decision == decide(self.seen, TERMS, now)
        told = {run["job"] for run in runs(self.seen)}
        for action in decision.actions:
            if isinstance(action, Apply) and action.manifest["kind"] == "Job":
                assert action.manifest["metadata"]["name"] in told, "a Job is made only once the status tells of it"
                assert Child("Job", action.manifest["metadata"]["name"]) not in self.seen.children
            if isinstance(action, Delete):
                assert action.kind in ("ConfigMap", "Job"), "neither pods nor their workload are ever deleted"
        return decision

    def check_gates(self) -> None:
        """Judge the gates from what was shown, not from what the operator remembers."""
        gates: dict[str, Any] | None = self.parts["gates"]
        if gates is None or not is_live_allowed(self.seen):
            return
        status = self.seen.session.status
        judged, today = status["gates"]["configHash"], status["tradingDay"]["date"]
        most = gates.get("drillMaxAgeTradingDays", 1)
        for name in gates.get("drills", []):
            subject = (name, judged, TERMS.trader_image)
            dates = {date for *proved, date in self.shown if tuple(proved) == subject}
            # A day that was first seen after its close is taken for a holiday: nothing can be opened on it any more.
            unseen = today not in DAYS_OFF and not status["tradingDay"].get("isMarketDay", False)
            ages = [max(0, _market_days(date, today) - unseen) for date in dates]
            assert any(age < most for age in ages), (
                f"{name} was never shown for {judged[:10]}: {today}, {dates}, {status}"
            )
        assert len(self.sealed) >= gates.get("burnInDays", 0)

    # --- what always holds ---

    @invariant()
    def nobody_restarts(self) -> None:
        """No gate, open or closed, touches the traders: what is open stays protected by them."""
        if hasattr(self, "workload"):
            assert self.seen.children[WORKLOAD] == self.workload

    @invariant()
    def closed_gates_and_new_risk_exclude_each_other(self) -> None:
        """In every status that was ever written."""
        if hasattr(self, "workload") and (self.seen.session.status.get("gates") or {}).get("missing"):
            assert not is_live_allowed(self.seen)

    @invariant()
    def no_verdict_is_lost(self) -> None:
        """Whatever Kubernetes removed: the last verdict of each drill and configuration stands."""
        if hasattr(self, "workload"):
            known = {(each["name"], each["configHash"]) for each in self.seen.session.status.get("drills", [])}
            assert known >= self.known
            self.known = known

    known: Any = frozenset()


def _market_days(date: str, today: str) -> int:
    """How many trading days have come since, by the calendar of this test."""
    return sum(date < each <= today for each in DATES if each not in DAYS_OFF)


def _without_none(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


TestGates = GateMachine.TestCase
TestGates.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
