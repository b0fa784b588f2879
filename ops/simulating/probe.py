"""The domain as the engine calls it, looked at from outside: what was proposed, decided and refused, and at which heat.

The functions are the real ones; the probe only reads what goes in and what comes out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trader.domain.effects import Announce, Effect, GuardTripped, PlaceOrder
from trader.domain.events import ClockTick, Event, Quote
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.state import Bracket, EngineSettings, EngineState
from trader.domain.values import Leg, Standing
from trader.engine.domains import Domain, trading_domain

if TYPE_CHECKING:
    from ops.simulating.process import Process


class Probe:
    """Around one process's domain."""

    def __init__(self, process: "Process", settings: EngineSettings) -> None:
        self._process = process
        self._world = process.world
        self.settings = settings
        real = trading_domain(settings)
        self._step = real.step
        self.domain: Domain[EngineState] = replace(real, step=self.step)
        self.state = real.initial()
        self.proposed = 0
        """Intents that the strategies proposed in the step under way."""
        self.events = 0
        """All but clock ticks."""

    def step(self, state: EngineState, event: Event) -> tuple[EngineState, Sequence[Effect]]:
        """One real step, noted."""
        self.proposed = 0
        after, effects = self._step(state, event)
        self.state = after
        if type(event) is not ClockTick:
            self.events += 1
            self._world.events += 1
        if effects:
            self._look(after, event, effects)
        return after, effects

    def _look(self, state: EngineState, event: Event, effects: Sequence[Effect]) -> None:
        world = self._world
        answers = 0
        for effect in effects:
            kind = type(effect)
            if kind is PlaceOrder and effect.adds_risk:  # type: ignore[union-attr]
                answers += 1
                self._decided(state, effect)  # type: ignore[arg-type]
            elif kind is GuardTripped:
                answers += 1
            elif kind is Announce:
                world.announced(self._process, effect)  # type: ignore[arg-type]
        if self.proposed and state.control.standing is not Standing.NONE:
            world.note("proposed", process=self._process.name, intents=self.proposed, answers=answers)

    def _decided(self, state: EngineState, order: PlaceOrder) -> None:
        control, market = state.control, state.market
        quote: Quote | None = market.quotes.get(order.instrument)
        profile = control.profile
        limit = (control.net_liquidation or 0) * (profile.max_heat_ppm if profile else 0) // PARTS_PER_UNIT
        self._world.note(
            "decided",
            process=self._process.name,
            tag=order.tag,
            heat=sum(worst_loss(bracket) for bracket in state.durable.open.values()),
            heat_limit=limit,
            quote_age_ns=market.now - quote.at if quote else None,
            phase=market.session.phase.value if market.session else "",
            trading_state=control.trading_state.value,
        )


def worst_loss(bracket: Bracket) -> int:
    """What a bracket loses when everything that may still fill fills, and its stop is hit: reckoned apart from the domain."""
    plan, held, cost, coming = bracket.plan, 0, 0, 0
    for order in bracket.orders.values():
        if order.leg is Leg.ENTRY:
            held += order.filled_quantity
            cost += order.filled_quantity * (order.average_price - plan.stop_price) * plan.side.sign
            if order.status.value not in ("COMPLETE", "CANCELLED", "REJECTED", "ABSENT"):
                coming += (order.quantity - order.filled_quantity) * (order.price - plan.stop_price) * plan.side.sign
    closed = sum(order.filled_quantity for order in bracket.orders.values() if order.leg is not Leg.ENTRY)
    left = max(0, held - closed)
    return (max(0, cost) * left // held if held else 0) + max(0, coming)
