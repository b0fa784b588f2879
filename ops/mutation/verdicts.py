"""What mutmut found, read from its files: one verdict per mutant, and the line that each survivor changed."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.mutation.workspace import MODULES, WORKSPACE

_SHOW_SECONDS = 60
_KILLED = (1, 3)
_TIMED_OUT = (36, 24, -24, 152, 255)
_UNTESTED = (5, 33)


@dataclass(frozen=True, slots=True)
class Survivor:
    """A bug that no test noticed."""

    module: str
    function: str
    before: str
    after: str

    @property
    def key(self) -> str:
        """What names it in `survivors.yaml`, whatever number mutmut gave it."""
        return f"{self.module}.{self.function}: {self.before} => {self.after}"


def counts(module: str) -> Counter[str]:
    """How many mutants of a module were killed, timed out, survived, met no test or were not judged yet."""
    return Counter(_word(code) for _, code in _verdicts(module))


def undecided(module: str) -> list[str]:
    """Names of the mutants that a new test may decide otherwise, or that were not judged yet."""
    return [name for name, code in _verdicts(module) if _word(code) in ("survived", "untested", "not judged")]


def survivors() -> list[Survivor]:
    """Every mutant that lives or met no test, with its change."""
    names = [(module, name) for module in MODULES for name, code in _verdicts(module) if _word(code) == "survived"]
    return [_survivor(module, name) for module, name in names]


def _verdicts(module: str) -> Iterator[tuple[str, int | None]]:
    path = WORKSPACE / "mutants" / "src" / "trader" / "domain" / f"{module}.py.meta"
    if path.exists():
        yield from json.loads(path.read_text())["exit_code_by_key"].items()


def _word(code: int | None) -> str:
    if code is None:
        return "not judged"
    if code == 0:
        return "survived"
    for word, codes in (("killed", _KILLED), ("timed out", _TIMED_OUT), ("untested", _UNTESTED)):
        if code in codes:
            return word
    return "not judged"


def _survivor(module: str, name: str) -> Survivor:
    command = [str(Path(sys.executable).with_name("mutmut")), "show", name]
    shown = subprocess.run(command, cwd=WORKSPACE, capture_output=True, text=True, timeout=_SHOW_SECONDS, check=True)
    lines = shown.stdout.splitlines()
    before, after = (_lines(lines, sign) for sign in "-+")
    function = name.rpartition("__mutmut_")[0].rpartition(".")[2].removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
    return Survivor(module, function, before, after)


def _lines(diff: list[str], sign: str) -> str:
    """The changed lines of one side, without the head of the diff."""
    return " ".join(line[1:].strip() for line in diff if line.startswith(sign) and not line.startswith(sign * 3))
