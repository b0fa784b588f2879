"""What freezing costs: making and copying the domain's values, beside the standard library's way of doing the same."""

import time
from collections.abc import Callable
from dataclasses import fields, make_dataclass, replace

from ops.bench.figures import Figure, side_by_side
from trader.domain.evolving import evolve
from trader.domain.records import OrderPlanned
from trader.domain.state import Control
from trader.domain.values import MachineTime

_TIMES = 20_000


def measure() -> dict[str, Figure]:
    """Nanoseconds of an OrderPlanned made, and of a changed copy of Control, over the plain frozen dataclass's."""
    names = [each.name for each in fields(OrderPlanned)]
    plain = make_dataclass("Plain", names, frozen=True, slots=True)
    content = dict.fromkeys(names, 1)
    control, now = Control(), MachineTime(1)
    return {
        "value_make_ratio": _figure(lambda: OrderPlanned(**content), lambda: plain(**content)),  # type: ignore[arg-type]
        "value_copy_ratio": _figure(lambda: evolve(control, touched_at=now), lambda: replace(control, touched_at=now)),
    }


def _figure(ours: Callable[[], object], peer: Callable[[], object]) -> Figure:
    mine, theirs, ratios = side_by_side(lambda: _nanoseconds(ours), lambda: _nanoseconds(peer), rounds=9)
    return Figure(round(mine / theirs, 3), "ratio", round(theirs), [round(each, 3) for each in ratios], "<= 0.5")


def _nanoseconds(make: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    for _ in range(_TIMES):
        make()
    return (time.perf_counter_ns() - begin) / _TIMES
