"""`docs/reference/invariants.md` names tests: each exists, and each row that asks for a property has one."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/invariants.md").read_text(encoding="utf-8")
FOLDERS = dict(re.findall(r"\b([A-Z]) is `(tests/[^`]+)`", PAGE))
NAMED = re.findall(r"`([A-Z])/([\w/]+\.py)::([\w.]+)`", PAGE)
# The rows of the lessons that are held by a property or a state machine, not by examples alone.
PROPERTIES = {*range(1, 17), 18, 19, 20, 21, 22, 27, 28, 33, 35, 37, 39, 40, 43}


@cache
def names_in(path: Path) -> frozenset[str]:
    """Functions, and methods with their class, of a test module."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return frozenset(names)


def test_every_named_test_exists() -> None:
    """A renamed test takes its row along."""
    missing = [
        f"{FOLDERS[folder]}/{file}::{name}"
        for folder, file, name in NAMED
        if not (ROOT / FOLDERS[folder] / file).exists() or name not in names_in(ROOT / FOLDERS[folder] / file)
    ]
    assert missing == []
    assert len(NAMED) > 70


def test_every_row_is_held_by_something_and_properties_by_properties() -> None:
    """No row without a test; those that ask for a property name one of the property tests, or one with its number."""
    rows = {int(number): rest for number, rest in re.findall(r"^\| (\d+) \| (.*)$", PAGE, re.MULTILINE)}
    assert set(rows) == set(range(1, 46)) - {41}
    for number, row in rows.items():
        assert "::" in row, number
        if number in PROPERTIES:
            assert "`P/" in row or f"test_i{number:02d}_" in row, number


def test_a_number_in_a_test_s_name_is_its_row() -> None:
    """`test_i09_i10_…` stands in the rows 9 and 10."""
    rows = {int(number): rest for number, rest in re.findall(r"^\| (\d+) \| (.*)$", PAGE, re.MULTILINE)}
    folder = ROOT / "tests/property/trader"
    for name in names_in(folder / "test_rows.py") | names_in(folder / "test_recovery_rows.py"):
        for number in re.findall(r"(?<=_)i(\d\d)(?=_)", name):
            assert name in rows[int(number)], name
