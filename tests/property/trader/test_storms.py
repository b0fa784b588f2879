"""Seeded storms over the bracket machine's own rules, weighted towards what markets and networks do to an open bracket.

Hypothesis shrinks well and wanders little; a storm wanders. `sometimes` proves that the storms reach what they are meant to.
"""

import random
from collections import Counter

import pytest

from tests.property.trader.test_bracket_machine import PRICES, BracketMachine
from tests.unit.trader.domain.world import BANK, bank, nifty
from trader.domain.effects import Announce, GuardTripped
from trader.domain.values import Standing
from trader.domain.views import view

SEEDS = 120
STEPS = 70
FATES = ["ok"] * 12 + ["refused", "rate_limited", "lost", "unanswered", "unanswered"]
WEIGHTS = {
    "call": 24,
    "update": 16,
    "lose_update": 2,
    "read": 12,
    "fill": 10,
    "trigger": 3,
    "cancel": 1,
    "quote": 6,
    "time": 12,
    "crash": 1.5,
    "standing": 1.0,
    "flap": 0.7,
    "refuse": 0.5,
    "kill": 0.5,
    "human": 0.7,
}


class Storm(BracketMachine):
    """One schedule, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed, self.random = seed, random.Random(seed)
        self.world.replays_always = False

    def begin(self) -> None:
        """Every third storm has two brackets, in two instruments."""
        if self.seed % 3:
            super().begin()
            return
        world = self.world
        world.instruments = (nifty(), bank())
        world.start()
        session = world.state.market.session
        assert session is not None
        world.pass_time(session.end - world.market_time)
        world.run(0.1)
        for step in [0, 2_000, -2_000, *[0] * 9]:
            world.quote(2_400_000 + step)
            world.quote(5_200_000 + step, BANK)
            world.run(30, step_ms=1000)
        world.exchange.liquidity = False
        world.quote(2_402_500)
        world.quote(5_197_000, BANK)

    def blow(self) -> None:
        """Begin, be hit by every kind of weather, heal."""
        self.begin()
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        for _ in range(STEPS):
            self.happen(self.random.choices(names, weights)[0])
            self.check()
        self.teardown()
        self.world.check_replay()

    def happen(self, name: str) -> None:
        draw, world = self.random, self.world
        if name == "call" and world.calls:
            self.call_arrives(draw.choice([0, 0, 0, 1, 2]), draw.choice(FATES))
        elif name == "update" and world.exchange.updates:
            self.update_arrives(draw.choice([0, 0, 1, 2]), draw.random() < 0.2)
        elif name == "lose_update" and world.exchange.updates:
            self.update_is_lost()
        elif name == "read" and world.reads:
            self.read_is_answered(draw.random() < 0.1)
        elif name in ("fill", "trigger", "cancel", "quote", "time", "human"):
            self.market_moves(name)
        elif name in ("crash", "standing", "flap", "kill", "refuse"):
            self.process_suffers(name)

    def market_moves(self, name: str) -> None:
        draw = self.random
        match name:
            case "fill":
                self.order_fills(draw.randrange(6), draw.choice([1, 5, 12, 27, 27]))
            case "trigger":
                self.stop_triggers_and_fills(draw.randrange(6))
            case "cancel":
                self.exchange_cancels(draw.randrange(6))
            case "quote":
                self.quote_comes(draw.choice(PRICES))
                if len(self.world.instruments) > 1:
                    self.world.quote(5_200_000 + draw.choice([-9_000, -3_000, 0, 4_000, 20_000]), BANK)
            case "time":
                self.time_passes(draw.choice([100, 100, 200, 400, 1_000, 3_000, 20_000]))
            case "human":
                self.human_closes(draw.choice([1, 5, 27]))

    def process_suffers(self, name: str) -> None:
        draw = self.random
        match name:
            case "refuse":
                self.world.refuses_risk = not self.world.refuses_risk
            case "crash":
                if draw.random() < 0.5:
                    self.world.lose_emergency_journal()
                self.process_crashes([draw.random() < 0.5 for _ in range(4)])
            case "standing":
                self.standing_changes(draw.choice([Standing.EPOCH_ONLY, Standing.LEASE_ONLY, Standing.LEADER]))
            case "flap":
                self.stream_flaps(draw.random() < 0.6)
            case "kill" if self.killed_at is None:
                self.kill_is_engaged()

    def check(self) -> None:
        self.no_order_twice()
        self.one_entry_per_signal()
        self.nothing_new_after_a_kill()
        self.orders_are_legal()
        self.budget_is_kept()

    def reached(self) -> Counter[str]:
        """What happened in this storm, by name."""
        names = {each.name for each in self.world.effects if isinstance(each, Announce)}
        guards = {each.code.value for each in self.world.effects if isinstance(each, GuardTripped)}
        durable = self.world.state.durable
        brackets = [*durable.open.values(), *durable.closed.values()]
        reasons = {f"exit:{each.exiting}" for each in brackets if each.exiting}
        orders = {f"{order.leg.name}:{order.status.name}" for each in brackets for order in each.orders.values()}
        return Counter(names | guards | reasons | orders)


@pytest.mark.parametrize("first", range(120, 120 + SEEDS, 40))
def test_every_storm_heals(first: int) -> None:
    """Whatever happens to a bracket, its invariants hold, and after healing it is flat or protected and the books agree."""
    for seed in range(first, first + 40):
        storm = Storm(seed)
        try:
            storm.blow()
        except AssertionError as broken:
            raise AssertionError(f"storm {seed} broke: {broken}") from broken


def test_storms_reach_what_they_are_meant_to() -> None:
    """The first storms together saw reversals, doubt, absence, refusals, restarts, kills and other people's trades."""
    reached: Counter[str] = Counter()
    for seed in range(90):
        storm = Storm(seed)
        storm.blow()
        reached += storm.reached()

    expected = {
        "bracket_reversed",
        "order_in_doubt",
        "order_absent",
        "order_refused",
        "mutation_refused",
        "flat_proven",
        "exit:killed",
        "exit:stop_passed",
        "exit:stop_unfilled",
        "STOP:ABSENT",
        "EXIT:CANCELLED",
        "DUPLICATE",
        "NOT_LEADER",
        "foreign_position_seen",
    }
    assert expected - set(reached) == set()


class FairWeather(Storm):
    """Every call is answered at once and every update comes; only the market and the process misbehave."""

    def check(self) -> None:
        super().check()
        self.world.fate = lambda _: "ok"
        self.world.pump()
        if self.world.state.control.book.requested_at is not None:
            self.world.run(2, step_ms=200)
            picture = view(self.world.state)
            working = [each for each in picture.brackets if each.state == "unprotected"]
            assert not working, working
            assert picture.orphans == 0, picture.brackets


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_in_fair_weather_nothing_is_ever_naked(first: int) -> None:
    """I5, I6: two seconds after any event, what is held has its stop or its exit, and no exit works for nothing."""
    for seed in range(first, first + 20):
        storm = FairWeather(seed)
        try:
            storm.blow()
        except AssertionError as broken:
            raise AssertionError(f"fair weather {seed} broke: {broken}") from broken
