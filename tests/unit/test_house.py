"""What the layout promises."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_top_level_folder_shadows_the_standard_library() -> None:
    """`operator/` and `trader/` are folders, never packages: the standard library has a module `operator`."""
    assert not (ROOT / "operator/__init__.py").exists()
    assert not (ROOT / "trader/__init__.py").exists()
    assert not (ROOT / "kitesim/__init__.py").exists()


def test_every_module_keeps_the_ceiling_of_400_lines() -> None:
    """A module that grows past 400 lines is two modules."""
    folders = ("operator", "trader", "kitesim", "ops", "tests")
    modules = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]

    assert modules
    assert [str(path) for path in modules if len(path.read_text().splitlines()) > 400] == []
