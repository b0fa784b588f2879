"""The pure core as the engine calls it: a few functions, so that tests may put a small core in its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from trader.domain.effects import Effect, PlaceOrder
from trader.domain.engine import apply, step
from trader.domain.events import Event
from trader.domain.quiescence import ends_quiet, is_quiescent
from trader.domain.records import Record
from trader.domain.state import EngineSettings as DomainSettings
from trader.domain.state import EngineState, initial_state
from trader.domain.superseding import is_superseded
from trader.domain.views import StateView, news, view

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Domain(Generic[State]):
    """Pure functions over one state."""

    initial: Callable[[], State]
    step: Callable[[State, Event], tuple[State, Sequence[Effect]]]
    apply: Callable[[State, Record], State]
    """Fold one record of the journal."""
    view: Callable[[State], StateView]
    """Called when somebody looks, at most ten times a second."""
    news: Callable[[State], tuple[object, ...]]
    """What of it is worth telling at once; called ten times a second, cheap."""
    is_quiescent: Callable[[State], bool]
    """Whether time alone brings nothing that cannot wait for half a second."""
    ends_quiet: Callable[[State, State], bool]
    """Whether the second state, which came of the first by a step, is not quiescent, when the first was."""
    risk_generation: Callable[[State], int]
    is_superseded: Callable[[State, PlaceOrder], bool]
    """Whether this order, decided a moment ago and durable now, must not leave any more; called right before it would."""


def trading_domain(settings: DomainSettings) -> Domain[EngineState]:
    """The real one."""
    return Domain(
        initial=lambda: initial_state(settings),
        step=step,
        apply=apply,
        view=view,
        news=news,
        is_quiescent=is_quiescent,
        ends_quiet=ends_quiet,
        risk_generation=attrgetter("control.risk_generation"),
        is_superseded=is_superseded,
    )
