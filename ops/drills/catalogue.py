"""Which drills there are."""

from ops.drills import dual_runner, exchange_band_jump, red_team, ws_flap_child_placement
from ops.drills.framework import Drill

NAMED = (dual_runner.DRILL, ws_flap_child_placement.DRILL, exchange_band_jump.DRILL)
"""The three that a session's gates ask for."""
DRILLS: tuple[Drill, ...] = (*NAMED, red_team.DRILL)


def chosen(name: str) -> tuple[Drill, ...]:
    """The drill of this name; `all` is the named three.

    Raises:
        KeyError: there is no such drill.
    """
    if name == "all":
        return NAMED
    return ({each.name: each for each in DRILLS}[name],)
