"""Where mutmut works: a copy of the trader and of its domain's tests under `build/mutation`, with a configuration of its own.

mutmut writes beside the sources and reads one `pyproject.toml`; neither is wanted in the repository. Files are copied only when
they differ, so that what was judged before stays judged: mutmut goes by the time of a file and by the hash of each function.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from ops.bench.figures import ROOT

WORKSPACE = ROOT / "build" / "mutation"
MODULES = ("guards", "brackets", "orders", "flattening", "exiting")
"""Of `trader.domain`."""
TESTS = (
    "test_guard_bounds.py",
    "test_guard_cases.py",
    "test_guards.py",
    "test_brackets.py",
    "test_orders.py",
    "test_order_rows.py",
    "test_flatness.py",
    "test_flattening.py",
    "test_exit_prices.py",
    "test_exit_wants.py",
    "test_protection.py",
    "test_doubt.py",
)
"""Those that are about these modules: what only a storm would notice is not held well enough."""
_FOLDERS = (("trader/src", "src"), ("tests/unit/trader/domain", "tests/unit/trader/domain"))

_CONFIGURATION = """\
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib", "-p", "no:randomly"]
pythonpath = ["."]
timeout = 60

[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
"""


def prepare() -> bool:
    """Bring the copy up to date; say whether a test differs, so that survivors must be asked again."""
    changed = [_copy(source, target) for folder, copy in _FOLDERS for source, target in _pairs(folder, copy)]
    modules = [f"src/trader/domain/{each}.py" for each in MODULES]
    tests = [f"tests/unit/trader/domain/{each}" for each in TESTS]
    _write(WORKSPACE / "pyproject.toml", _CONFIGURATION.format(modules=modules, tests=tests))
    return any(path.name.startswith("test_") for path in changed if path is not None)


def _pairs(folder: str, copy: str) -> Iterator[tuple[Path, Path]]:
    """Each file with its place in the copy; what is gone from the folder goes from the copy."""
    source, target = ROOT / folder, WORKSPACE / copy
    wanted = {
        path.relative_to(source) for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    for path in [each for each in target.rglob("*.py") if each.relative_to(target) not in wanted]:
        path.unlink()
    for each in sorted(wanted):
        yield source / each, target / each


def _copy(source: Path, target: Path) -> Path | None:
    """The file, if it was copied."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
