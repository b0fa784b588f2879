"""Whatever happens to a desk, in whatever order, its rollout keeps its promises.

The machine below is a desk: traders that obey or do not answer, leaders that change, figures good and bad, people who ask,
configurations that come and go, an operator that dies between two of its actions. After each step the operator may look as
often as it likes.
"""

import dataclasses
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from session_operator.domain.actions import Apply, Configure, Delete, Emit, WriteStatus
from session_operator.domain.configs import build_plan, hash_of
from session_operator.domain.decide import Decision, decide
from session_operator.domain.observed import Child, Observed
from session_operator.domain.profiles import ProfileSource, read_profiles
from tests.unit.operator.builders import TERMS
from tests.unit.operator.deciding import answer, performed
from tests.unit.operator.rollouts import (
    PROFILES,
    asked,
    config,
    drilled,
    is_live_allowed,
    leader_of,
    measured,
    new_desk,
    old_desk,
    rollout,
    stages,
    succeeded,
    wanting,
)

WORKLOAD = Child("StatefulSet", "index-trader")
LIMIT = 16
CONFIGS = (
    stages(),
    stages(approval="Required"),
    stages() | {"onFailure": "Halt"},
    stages(minimumSamples=None, analysis=[{"slo": "Duplicates"}]),
    {"stages": [{"name": "full", "profile": "paper"}]},
    {"stages": [{"name": "full", "profile": "full-live", "minimumMarketTime": "30m"}]},
)
FIGURES = st.fixed_dictionaries(
    {
        "market_seconds": st.sampled_from([0, 600, 3600, 9000]),
        "orders": st.sampled_from([0, 4, 8]),
        "acknowledged": st.sampled_from([0, 4, 8]),
        "acknowledgement_p95_ms": st.sampled_from([None, 212, 900]),
        "duplicates": st.sampled_from([0, 0, 0, 1]),
        "orphans": st.sampled_from([0, 0, 0, 1]),
    }
)


class RolloutMachine(RuleBasedStateMachine):
    """One desk."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Observed
        self.epoch = 7
        self.minute = 0
        self.number = 0
        self.hidden: dict[str, Any] = {}

    @initialize(is_new=st.booleans(), wanted=st.sampled_from(CONFIGS))
    def begin(self, is_new: bool, wanted: dict[str, Any]) -> None:
        """A desk with or without a stable configuration."""
        self.seen = new_desk(wanted) if is_new else old_desk(wanted)
        self.workload = self.seen.children[WORKLOAD]

    # --- what happens to it ---

    @rule(figures=FIGURES)
    def trades(self, figures: dict[str, Any]) -> None:
        """The leader measures."""
        if not self.hidden:
            self.seen = measured(self.seen, **figures)

    @rule(slow=st.booleans(), today=st.booleans())
    def is_drilled(self, slow: bool, today: bool) -> None:
        """Somebody kills and releases."""
        if not self.hidden:
            self.seen = drilled(self.seen, 2500 if slow else 900, "2026-11-23" if today else "2026-11-20")

    @rule(is_seen_at_once=st.booleans())
    def leader_dies(self, is_seen_at_once: bool) -> None:
        """The other pod leads; perhaps before the operator looks again."""
        if self.hidden:
            return
        self.epoch += 1
        self.seen = succeeded(self.seen, self.epoch)
        if is_seen_at_once:
            self.look()

    @rule()
    def a_trader_boots(self) -> None:
        """The standby begins anew, with what pods boot on."""
        if not self.hidden:
            (standby,) = set(self.seen.reports) - {leader_of(self.seen)}
            fresh = answer(standby, in_force=self.seen.reports[standby].in_force)
            self.seen = dataclasses.replace(self.seen, reports={**self.seen.reports, standby: fresh})

    @rule(verb=st.sampled_from(["promote", "abort", "pause", "resume"]))
    def somebody_asks(self, verb: str) -> None:
        """By the command."""
        self.number += 1
        self.seen = asked(self.seen, verb, number=str(self.number))

    @rule(wanted=st.sampled_from(CONFIGS))
    def another_configuration_is_wanted(self, wanted: dict[str, Any]) -> None:
        """The desk applies a manifest; the request of before stays where it is."""
        request = self.seen.session.request
        self.seen = wanting(self.seen, wanted)
        self.seen = dataclasses.replace(self.seen, session=dataclasses.replace(self.seen.session, request=request))

    @precondition(lambda self: not self.hidden)
    @rule()
    def traders_fall_silent(self) -> None:
        """Nobody answers."""
        self.hidden = dict(self.seen.reports)
        self.seen = dataclasses.replace(self.seen, reports={})

    @precondition(lambda self: self.hidden)
    @rule()
    def traders_answer_again(self) -> None:
        """As if nothing had been."""
        self.seen = dataclasses.replace(self.seen, reports=self.hidden)
        self.hidden = {}

    @rule()
    def time_passes(self) -> None:
        """A minute."""
        self.minute += 1

    # --- what the operator does ---

    @rule(done=st.integers(min_value=0, max_value=4))
    def the_operator_dies_in_between(self, done: int) -> None:
        """It performs so many of its actions and no more."""
        decision = self.decided()
        self.seen = performed(self.seen, dataclasses.replace(decision, actions=decision.actions[:done]))

    @rule()
    def look(self) -> None:
        """It looks once."""
        self.seen = performed(self.seen, self.decided())

    @rule()
    def comes_to_rest(self) -> None:
        """However it stands, the operator comes to rest, and then the traders run what they shall."""
        for _ in range(LIMIT):
            decision = self.decided()
            if not decision.actions:
                break
            self.seen = performed(self.seen, decision)
        else:
            raise AssertionError(f"no rest: {self.decided().actions}")
        if not self.hidden:
            leader = self.seen.reports[leader_of(self.seen)]
            allowed = {self.hash_of_stable(), self.hash_of_stage()}
            assert not is_live_allowed(self.seen) or leader.in_force in allowed

    def decided(self) -> Decision:
        """What the operator would do, with every promise about that checked."""
        now = f"2026-11-23T{9 + self.minute // 60:02d}:{self.minute % 60:02d}:00Z"
        decision = decide(self.seen, TERMS, now)
        again = decide(self.seen, TERMS, now)
        assert decision == again
        kinds = {type(action) for action in decision.actions}
        assert kinds <= {Apply, Delete, Configure, WriteStatus, Emit}
        stable = config(self.seen).get("stable")
        for action in decision.actions:
            if isinstance(action, Delete):
                assert action.kind == "ConfigMap"
                assert stable is None or not action.name.endswith(stable)
            if isinstance(action, Configure):
                self.check_order(action, stable)
        return decision

    def check_order(self, order: Configure, stable: str | None) -> None:
        """A standby hears of nothing but stable; a leader of a candidate only once the status tells of it."""
        report = self.seen.reports[order.pod]
        assert order.epoch == report.epoch
        if order.is_stable:
            assert order.hash[:10] == stable
            return
        assert report.is_leader
        told = rollout(self.seen)
        assert order.run == f"{told['revision']}/{told['stage']}/{told['attempt']}"
        assert (told["epoch"], told["phase"]) != (None, "RolledBack")
        assert told["epoch"] == order.epoch
        assert order.hash == self.hash_of_stage()

    # --- what always holds ---

    @invariant()
    def nobody_restarts(self) -> None:
        """No step of a rollout changes the pod template, nor how many pods there are."""
        if hasattr(self, "seen"):
            assert self.seen.children[WORKLOAD] == self.workload

    @invariant()
    def a_stable_configuration_has_earned_it(self) -> None:
        """Complete and stable say the same; a failed one is never complete, unless another one made stable what it would become."""
        if not hasattr(self, "seen"):
            return
        told = rollout(self.seen)
        if told["phase"] == "Complete":
            assert config(self.seen)["stable"] is not None
            assert told["revision"] not in config(self.seen).get("failed", []) or told["reason"] == "Stable"
        if told["phase"] in ("RolledBack", "Halted"):
            assert told["revision"] in config(self.seen)["failed"]

    @invariant()
    def nothing_stable_and_nothing_under_way_is_no_new_risk(self) -> None:
        """The gate: with no stable configuration, only a stage that is observed may trade."""
        if not hasattr(self, "seen"):
            return
        told = rollout(self.seen)
        is_observed = told["phase"] in ("Progressing", "Paused") and told["reason"] != "LeaderChanged"
        if "stable" not in config(self.seen) and not is_observed:
            assert not is_live_allowed(self.seen)
        if told["phase"] == "Halted":
            assert not is_live_allowed(self.seen)

    def hash_of_stage(self) -> str:
        """The revision of the stage that the status tells of."""
        spec = self.seen.session.spec
        assert spec is not None
        names = [stage.profile for stage in spec.config.stages]
        source = ProfileSource("desk/profiles", TERMS.profile_source.validator)
        found = read_profiles(names, ["opening-range-breakout"], PROFILES, source)
        assert isinstance(found, dict)
        plan = build_plan(spec, found)
        step = min(int(rollout(self.seen)["step"]), len(plan.steps))
        return plan.steps[step - 1].revision.hash

    def hash_of_stable(self) -> str:
        """The stable revision, as its history has it."""
        stable = config(self.seen).get("stable")
        live = self.seen.children.get(Child("ConfigMap", f"index-config-{stable}"))
        return hash_of(str(live["data"]["profile.yaml"])) if live is not None else ""


TestRollouts = RolloutMachine.TestCase
TestRollouts.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
