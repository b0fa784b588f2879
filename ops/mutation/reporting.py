"""Writes `docs/reference/mutation.md`: the numbers, and each survivor with the reason why it may live."""

from pathlib import Path

import yaml

from ops.bench.figures import ROOT, commit
from ops.mutation.verdicts import Survivor, counts, survivors
from ops.mutation.workspace import MODULES, TESTS

PAGE = ROOT / "docs" / "reference" / "mutation.md"
EXPLANATIONS = Path(__file__).with_name("survivors.yaml")
_COLUMNS = ("killed", "timed out", "survived", "untested", "not judged")

_HEAD = """\
# Mutation testing

<!-- Written by `make mutation`; do not edit. -->

mutmut plants one small bug at a time (a comparison turned, a constant moved, an argument lost) in the modules that decide
what is risked, what protects it and when it is flat, and runs the tests that reach the changed function. A bug that no test
notices is a survivor: a test is missing, or the change means nothing. `make mutation` goes on where it stopped; a survivor
that is neither killed by a test nor explained in `ops/mutation/survivors.yaml` fails it.

Only the tests about these modules run here ({tests} files of `tests/unit/trader/domain`): what only a random storm would
notice counts as not noticed. A mutant that makes the tests run into their time limit (an endless loop) is noticed as well.
Tables at the level of a module (`GUARDS`, `TRANSITIONS`) are not mutated; tests compare them with their enumerations.

Measured at commit `{commit}`.

| module | mutants | {columns} |
|---|---|{dashes}|
"""


def write_report() -> list[str]:
    """Write the page; return what is still open."""
    explanations: dict[str, str] = yaml.safe_load(EXPLANATIONS.read_text()) or {}
    lines = [
        _HEAD.format(
            tests=len(TESTS), commit=commit(), columns=" | ".join(_COLUMNS), dashes="|".join("---" for _ in _COLUMNS)
        )
    ]
    open_questions = []
    for module in MODULES:
        found = counts(module)
        cells = " | ".join(str(found[column]) for column in _COLUMNS)
        lines.append(f"| `{module}` | {sum(found.values())} | {cells} |\n")
        waiting = found["untested"] + found["not judged"]
        if waiting or not found:
            open_questions.append(f"{module}: {waiting} mutants are not judged by any test")
    alive = survivors()
    lines.append("\n## Survivors\n\n" + ("" if alive else "None.\n"))
    for survivor in alive:
        reason = explanations.get(survivor.key)
        lines.append(_told(survivor, reason or "**Not explained.**"))
        if reason is None:
            open_questions.append(f"survivor without a test or an explanation: {survivor.key}")
    stale = set(explanations) - {survivor.key for survivor in alive}
    open_questions += [f"explained, but no survivor any more: {key}" for key in sorted(stale)]
    PAGE.write_text("".join(lines))
    return open_questions


def _told(survivor: Survivor, reason: str) -> str:
    return (
        f"**`{survivor.module}.{survivor.function}`**: {reason.strip()}\n\n"
        f"```diff\n- {survivor.before}\n+ {survivor.after}\n```\n\n"
    )
