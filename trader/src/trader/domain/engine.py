"""`step(state, event) -> (state, effects)`: the one door to the domain.

Pure: the same state and event give the same answer, in any process, at any time. The durable part changes only through
records that leave in the same step's `Persist`, so that `replay(journal) == durable`.
"""

from trader.domain.effects import Effect
from trader.domain.events import Event
from trader.domain.records import Record
from trader.domain.state import EngineState


def step(state: EngineState, event: Event) -> tuple[EngineState, tuple[Effect, ...]]:
    """Take one event; return the next state and what is to be done, `Persist` first."""
    raise NotImplementedError


def apply(state: EngineState, record: Record) -> EngineState:
    """Fold one record of the journal into the durable part; a record that is already in it changes nothing."""
    raise NotImplementedError
