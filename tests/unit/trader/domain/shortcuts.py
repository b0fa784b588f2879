"""What is remembered to save time must change nothing: checked after each step of every test of the domain."""

from collections.abc import Sequence

from trader.domain.effects import Effect
from trader.domain.engine import step
from trader.domain.events import BookRead, Event
from trader.domain.evolving import evolve
from trader.domain.quiescence import ends_quiet, is_quiescent
from trader.domain.state import EngineState


def check_shortcuts(before: EngineState, event: Event, after: EngineState, effects: Sequence[Effect]) -> None:
    """Rows of the book that were told before, and a quiet that nothing ended."""
    if is_quiescent(before):
        assert ends_quiet(before, after) is not is_quiescent(after)
    if isinstance(event, BookRead) and before.control.told:
        forgetful, same = step(evolve(before, control=evolve(before.control, told={})), event)
        assert same == effects
        assert evolve(forgetful, control=evolve(forgetful.control, told=after.control.told)) == after
