"""From a quote to the order command, through all guards, in process: ours against NautilusTrader's.

Each side is a process of its own (`step_ours`, `peers.nautilus`; each says what its laps hold), on the same core, and they take
turns of a few hundred laps, so that whatever else the machine does meets both. A round starts both anew; the figures are ratios
of the medians over the rounds. Nautilus lives in an environment under `build/`, installed by hash on first use.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles

from ops.bench.figures import ROOT, Figure
from ops.bench.peers.installing import peer_python

ROUNDS, TURNS, LAPS = 7, 15, 200
"""Rounds, turns of each side in a round, and laps of a turn; Kite's day of 5,000 orders bounds turns x laps."""
_TURN_SECONDS = 60
Percentiles = tuple[float, float]
"""p50 and p99 in microseconds."""


class Side:
    """A process that runs laps when told to."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self._process = process
        self._name = name
        self.taken: list[int] = []
        self.disturbed = 0

    def run(self, laps: int) -> None:
        """One turn.

        Raises:
            RuntimeError: the process ended; what it said stands above.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{laps}\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise RuntimeError(f"the laps of {self._name} ended early") from error
        self.taken += told["taken"]
        self.disturbed += told["disturbed"]

    @property
    def percentiles(self) -> Percentiles:
        """Of all turns so far."""
        cuts = quantiles(self.taken, n=100)
        return cuts[49] / 1000, cuts[98] / 1000


def measure() -> dict[str, Figure]:
    """The ratios of p50 and p99, and both sides' own in microseconds."""
    python = peer_python()
    ours, peer = zip(*(_round(python) for _ in range(ROUNDS)), strict=True)
    figures = {}
    for place, name in enumerate(("p50", "p99")):
        mine, theirs = [each[place] for each in ours], [each[place] for each in peer]
        ratios = [round(a / b, 3) for a, b in zip(mine, theirs, strict=True)]
        value, other = median(mine), median(theirs)
        figures[f"step_{name}_ratio"] = Figure(round(value / other, 3), "ratio", None, ratios, "<= 1.0")
        figures[f"step_{name}_us"] = Figure(round(value, 1), "us", round(other, 1), [round(each, 1) for each in mine])
    return figures


def _round(python: Path) -> tuple[Percentiles, Percentiles]:
    with ExitStack() as stack:
        ours = stack.enter_context(_side(Path(sys.executable), "ops.bench.step_ours"))
        peer = stack.enter_context(_side(python, "ops.bench.peers.nautilus"))
        for _ in range(TURNS):
            ours.run(LAPS)
            peer.run(LAPS)
    return ours.percentiles, peer.percentiles


@contextmanager
def _side(python: Path, module: str) -> Iterator[Side]:
    process = subprocess.Popen(
        [str(python), "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Side(process, module)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_TURN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
