"""A mutant that lives unexplained is an open question, and so is an explanation of one that is dead."""

import json
from pathlib import Path

import pytest
import yaml

from ops.bench.figures import ROOT
from ops.mutation import reporting, verdicts, workspace
from ops.mutation.verdicts import Survivor

ALIVE = Survivor("guards", "judge", "if detail:", "if not detail:")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with one module of four verdicts, one of them a survivor."""
    meta = tmp_path / "mutants" / "src" / "trader" / "domain" / "guards.py.meta"
    meta.parent.mkdir(parents=True)
    codes = {"killed": 1, "alive": 0, "slow": 36, "internal": 3}
    meta.write_text(
        json.dumps(
            {"exit_code_by_key": {f"trader.domain.guards.x_{name}__mutmut_1": code for name, code in codes.items()}}
        )
    )
    monkeypatch.setattr(verdicts, "WORKSPACE", tmp_path)
    monkeypatch.setattr(reporting, "MODULES", ("guards",))
    monkeypatch.setattr(reporting, "PAGE", tmp_path / "mutation.md")
    monkeypatch.setattr(reporting, "EXPLANATIONS", tmp_path / "survivors.yaml")
    monkeypatch.setattr(reporting, "survivors", lambda: [ALIVE])
    return tmp_path / "mutation.md"


def explain(page: Path, *keys: str) -> None:
    page.with_name("survivors.yaml").write_text(yaml.safe_dump(dict.fromkeys(keys, "It means nothing.")))


def test_verdicts_are_counted(page: Path) -> None:
    """Two ways to be killed, one to run out of time, one to live."""
    assert verdicts.counts("guards") == {"killed": 2, "survived": 1, "timed out": 1}
    assert verdicts.undecided("guards") == ["trader.domain.guards.x_alive__mutmut_1"]
    assert verdicts.counts("brackets") == {}


def test_an_explained_survivor_may_live(page: Path) -> None:
    """Its reason stands on the page, beside its change and the numbers."""
    explain(page, ALIVE.key)
    assert reporting.write_report() == []
    text = page.read_text()
    assert "| `guards` | 4 | 2 | 1 | 1 | 0 | 0 |" in text
    assert "**`guards.judge`**: It means nothing.\n\n```diff\n- if detail:\n+ if not detail:\n```" in text


def test_what_is_unexplained_or_dead_is_asked(page: Path) -> None:
    """A survivor without a reason, and a reason without a survivor."""
    explain(page, "guards.judge: something => else")
    questions = reporting.write_report()
    assert questions == [
        f"survivor without a test or an explanation: {ALIVE.key}",
        "explained, but no survivor any more: guards.judge: something => else",
    ]
    assert "**Not explained.**" in page.read_text()


def test_a_module_that_was_not_judged_is_asked(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table proves nothing."""
    explain(page, ALIVE.key)
    monkeypatch.setattr(reporting, "MODULES", ("brackets",))
    assert reporting.write_report() == ["brackets: 0 mutants are not judged by any test"]


def test_the_tests_that_judge_exist() -> None:
    """A renamed file would leave its mutants to nobody."""
    folder = ROOT / "tests" / "unit" / "trader" / "domain"
    assert [name for name in workspace.TESTS if not (folder / name).exists()] == []
    modules = ROOT / "trader" / "src" / "trader" / "domain"
    assert [name for name in workspace.MODULES if not (modules / f"{name}.py").exists()] == []
