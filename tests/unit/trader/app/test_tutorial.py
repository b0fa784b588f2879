"""The tutorial's own blocks: written to files, found by their entry point, run, and traded through the whole domain."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trader.domain.world import World, settings
from trader.app.documents import ConfigInvalid, load
from trader.app.profiles import Profile
from trader.app.settings import StrategyChoice
from trader.app.signals import SignalRequest
from trader.app.strategies import build_strategies
from trader.domain.brackets import OrderWatcher
from trader.domain.strategies import Strategy

TUTORIAL = Path(__file__).parents[4] / "docs/tutorials/write-a-strategy.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)


@dataclass
class Installed:
    """The tutorial's package, as an installer would leave it."""

    folder: Path

    def named(self, text: str) -> Path:
        """A file of the tutorial."""
        return self.folder / text


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """Write each block that names its file, and the metadata that an installer makes of pyproject.toml."""
    for _, text in BLOCKS:
        named = re.match(r"# (\S+\.\w+)\n", text)
        if named:
            (tmp_path / Path(named[1]).name).write_text(text, encoding="utf-8")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / f"dip_buyer-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in each.items()) for group, each in _points(project)]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield Installed(tmp_path)
    for name in ("dip_buyer", "test_dip_buyer", "broken"):
        sys.modules.pop(name, None)


def _points(project: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return list(project["entry-points"].items())


def built(installed: Installed) -> Strategy:
    """The strategy as a session's profile asks for it."""
    profile = load(installed.named("dip.yaml"), Profile)
    (strategy,) = build_strategies([StrategyChoice(name="dip-buyer")], profile)
    return strategy


def test_the_tutorial_s_own_test_holds(installed: Installed) -> None:
    """Section 3, as it stands."""
    module = importlib.import_module("test_dip_buyer")
    module.test_the_first_dip_is_bought_once()


def test_the_package_is_found_by_its_entry_point(installed: Installed) -> None:
    """By name, with the profile's parameters; a wrong one is named."""
    assert built(installed).dip_ticks == 50  # type: ignore[attr-defined]
    profile = load(installed.named("dip.yaml"), Profile)
    with pytest.raises(ConfigInvalid, match=r"dip_ticks must be a whole number within 1\.\.10000, was 0"):
        build_strategies(
            [StrategyChoice(name="dip-buyer")],
            profile.model_copy(update={"strategies": {"dip-buyer": {"dip_ticks": 0}}}),
        )


def test_the_command_of_the_tutorial_says_what_it_shows(installed: Installed) -> None:
    """`trader config check` in a process of its own, which finds the package beside it."""
    shown = next(text for kind, text in BLOCKS if kind == "console")
    command = [str(Path(sys.executable).parent / "trader"), "config", "check", "dip.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(installed.folder)}
    ended = subprocess.run(
        command, cwd=installed.folder, env=environment, capture_output=True, text=True, timeout=15, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip() in shown


def test_it_trades_through_the_whole_domain(installed: Installed) -> None:
    """Guards, sizing, entry, stop and target, with the strategy that a reader has just written."""
    world = World(settings=settings(strategies=(built(installed),))).start()
    world.run(1)
    for price in (2_400_000, 2_402_000, 2_401_400):
        world.quote(price)
        world.pump()

    assert world.bracket.plan.strategy == "dip-buyer"
    assert OrderWatcher(world.bracket).is_protected
    world.quote(world.bracket.plan.target_price)
    world.pump()
    world.run(1)
    assert not world.state.durable.open


def test_the_signal_that_is_shown_is_taken() -> None:
    """The body of the last section passes the model of the route."""
    body = next(text for kind, text in BLOCKS if kind == "json")
    assert SignalRequest.model_validate_json(body).signal().key == "model-7/2026-11-23/1"


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("def make(parameters): raise OSError('no model file')", "cannot build it: OSError: no model file"),
        ("def make(parameters): return object()", "its name must be 'broken', was None"),
        ("class make:\n  name = 'broken'\n  def __init__(self, p): pass", "entry_timeout must be whole nanoseconds"),
        ("class make:\n  name, entry_timeout = 'broken', 1\n  def __init__(self, p): pass", "it has no decide"),
        ("import nothing_of_the_kind", "cannot build it: ModuleNotFoundError"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(installed: Installed, code: str, complaint: str) -> None:
    """Which package, and what is wrong with what it brings: one line, not a traceback."""
    installed.named("broken.py").write_text(code)
    metadata = installed.named("broken-1.dist-info")
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-package\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[trader.strategies]\nbroken = broken:make\nopening-range-breakout = broken:make\n"
    )
    importlib.invalidate_caches()
    profile = load(installed.named("dip.yaml"), Profile).model_copy(update={"strategies": {}})

    with pytest.raises(ConfigInvalid, match=re.escape(complaint)) as refused:
        build_strategies([StrategyChoice(name="broken")], profile)

    assert "broken-package (broken:make)" in str(refused.value)
    (built_in,) = build_strategies([StrategyChoice(name="opening-range-breakout")], profile)
    assert type(built_in).__module__ == "trader.domain.opening_range"


def test_an_unknown_strategy_names_those_that_are_known(installed: Installed) -> None:
    """The built-in ones and the packages'."""
    profile = load(installed.named("dip.yaml"), Profile).model_copy(update={"strategies": {}})
    with pytest.raises(ConfigInvalid, match="known are dip-buyer, opening-range-breakout, signal-intake"):
        build_strategies([StrategyChoice(name="nobody")], profile)
