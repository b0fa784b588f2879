"""`make verify` is green on this checkout's files and red on each kind of mistake."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from ops.clients.kubectl import ROOT
from ops.preflight import verify


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is verified, to make mistakes in."""
    for name in ("configs", "crds"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "ops").mkdir()
    shutil.copy(ROOT / "ops" / "slo_alerts.yml", tmp_path / "ops")
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Make a mistake."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_good_checkout_is_green(checkout: Path) -> None:
    """Nothing is complained of that is right."""
    assert verify.configurations() + verify.sessions() + verify.alert_rules() + verify.migrations() == []


def test_a_profile_with_an_unknown_key_is_red(checkout: Path) -> None:
    """By its file and key."""
    edit(checkout / "configs" / "paper.yaml", "max_heat", "max_heet")
    assert any("max_heet" in line for line in verify.configurations())


def test_a_session_that_the_operator_would_refuse_is_red(checkout: Path) -> None:
    """By its file and field."""
    edit(checkout / "configs" / "samples" / "index-intraday.yaml", "mode: Live", "mode: Lively")
    (problem,) = verify.sessions()
    assert "index-intraday.yaml" in problem
    assert "spec.mode" in problem


def test_a_rule_that_does_not_parse_is_red(checkout: Path) -> None:
    """promtool says where."""
    edit(checkout / "ops" / "slo_alerts.yml", "expr:", "expr: )")
    assert verify.alert_rules()


def test_an_edited_crd_is_red(checkout: Path) -> None:
    """With the command that makes it anew."""
    edit(checkout / "crds" / "tradingsession.yaml", "tradeops.dev", "tradeops.example")
    assert any("python -m session_operator.crd" in line for line in verify.generated())


def test_a_table_without_a_migration_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database of a pod would lack it."""
    forgotten = MetaData()
    Table("forgotten", forgotten, Column("id", Integer))
    monkeypatch.setattr(verify, "metadata", forgotten)
    assert verify.migrations() == ["no migration makes table forgotten"]


def test_one_red_line_is_the_exit_code_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a check cannot be made at all."""

    def broken() -> list[str]:
        raise OSError("no such tool")

    seen = []

    def last() -> list[str]:
        seen.append("last")
        return []

    monkeypatch.setattr(verify, "CHECKS", (verify.Check("one", broken), verify.Check("two", last)))
    assert verify.run() == 1
    assert seen == ["last"]
