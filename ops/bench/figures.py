"""How figures are taken and written down: `build/bench.json`, one object per figure, with machine and commit."""

import json
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "bench.json"


class PeerMissing(Exception):  # noqa: N818 - says what is missing
    """A peer cannot be had on this machine; its figures are left as they were."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `peer` is what it was measured against in the same run, in its own unit; None without one."""

    value: float
    unit: str
    peer: float | None = None
    runs: list[float] = field(default_factory=list)
    target: str = ""


Part = Callable[[], dict[str, Figure]]


def side_by_side(
    ours: Callable[[], float], peer: Callable[[], float], rounds: int = 5
) -> tuple[float, float, list[float]]:
    """Measure both in turns and return (median of ours, median of the peer's, ratio of each round).

    Taking turns cancels what else the machine does; each callable returns its rate or its time.
    """
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(ours())
        theirs.append(peer())
    return median(mine), median(theirs), [a / b for a, b in zip(mine, theirs, strict=True)]


def write(figures: dict[str, Figure]) -> Path:
    """Merge the figures into build/bench.json: a part measured alone does not erase the others."""
    OUTPUT.parent.mkdir(exist_ok=True)
    known = json.loads(OUTPUT.read_text())["figures"] if OUTPUT.exists() else {}
    known |= {name: asdict(figure) for name, figure in figures.items()}
    OUTPUT.write_text(json.dumps({"figures": known, "machine": machine(), "commit": commit()}, indent=2) + "\n")
    return OUTPUT


def machine() -> str:
    """Processor, cores and Python, as a reader needs them to judge a figure."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor()
    return f"{model} x {len(models) or 1}, {platform.python_implementation()} {platform.python_version()}"


def commit() -> str:
    """The commit that was measured, with a mark when files differ from it."""
    said = _git(["describe", "--always", "--dirty", "--abbrev=10"])
    return said or "unknown"


def _git(arguments: Sequence[str]) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.strip()
