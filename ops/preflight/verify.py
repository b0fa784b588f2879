"""Everything about a checkout that can be judged without running it, as one list: `make verify`.

    make verify

Profiles, sessions, calendars and tables by the models that will read them; the alert rules by promtool; the chart by Helm; the
generated files against what generates them; the migrations on an empty database. Each line says what it looked at; a red line
says what is wrong and what to do. Exit code 1 if any is red.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import create_engine, inspect

from ops.alerting import rules
from ops.chart import sync
from ops.clients.kubectl import ROOT
from ops.demo.story import Story
from session_operator import crd
from session_operator.app.schemas import profile_schema
from session_operator.domain.sessions import read_session
from trader.adapters.sql.migrating import upgrade
from trader.adapters.sql.tables import metadata

PROGRAMS = Path(sys.executable).parent
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list."""

    what: str
    problems: Callable[[], list[str]]
    """What is wrong, in words; empty if nothing is."""


def configurations() -> list[str]:
    """Profiles, calendars and tables, as the trader reads them."""
    files = [*sorted((ROOT / "configs").glob("*.yaml")), *sorted((ROOT / "configs" / "calendars").glob("*.yaml"))]
    return _run(str(PROGRAMS / "trader"), "config", "check", *(str(path) for path in files))


def sessions() -> list[str]:
    """Sample sessions, as the operator reads them."""
    found = []
    for path in sorted((ROOT / "configs" / "samples").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document.get("kind") != "TradingSession":
                continue
            document["metadata"] = {"namespace": "desk", "uid": "none", **document["metadata"]}
            if error := read_session(document).spec_error:
                found.append(f"{path.relative_to(ROOT)}: {error}")
    return found


def alert_rules() -> list[str]:
    """The alerts, by promtool of the pinned Prometheus."""
    done = rules.run_promtool("check", "rules", "--lint=all", "--lint-fatal", str(ROOT / "ops" / "slo_alerts.yml"))
    return _words(done)


def chart() -> list[str]:
    """The chart, with its defaults and with the values of the kind cluster."""
    folder = ROOT / "charts" / "trading-session-operator"
    helm = _ask(sys.executable, "-m", "ops.cluster", "tool-path", "helm")
    kind = f"--values={folder / 'values-kind.yaml'}"
    return _run(helm, "lint", "--strict", str(folder)) + _run(helm, "lint", "--strict", str(folder), kind)


def generated() -> list[str]:
    """What is generated, or copied, is what its source says."""
    found = [f"{path.relative_to(ROOT)} differs from its source: python -m ops.chart sync" for path in sync.differing()]
    written = (ROOT / "crds" / "tradingsession.yaml").read_text(encoding="utf-8")
    if written != crd.as_yaml():
        found.append("crds/tradingsession.yaml differs: python -m session_operator.crd > crds/tradingsession.yaml")
    packaged = yaml.safe_load((ROOT / "configs" / "schema" / "profile.schema.json").read_text(encoding="utf-8"))
    if packaged != profile_schema():
        found.append("configs/schema/profile.schema.json differs from the copy in the operator's package")
    return found


def migrations() -> list[str]:
    """`alembic upgrade head` on an empty database gives the tables that the code expects, and again changes nothing."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        url = f"sqlite:///{folder}/empty.db"
        upgrade(url)
        upgrade(url)
        inspector = inspect(create_engine(url))
        found = []
        for name, table in metadata.tables.items():
            if not inspector.has_table(name):
                found.append(f"no migration makes table {name}")
                continue
            there = {column["name"] for column in inspector.get_columns(name)}
            wanted = {column.name for column in table.columns}
            if there != wanted:
                found.append(f"table {name}: migrations and code differ in {sorted(there ^ wanted)}")
    return found


CHECKS = (
    Check("profiles, calendars, tables of charges and freeze quantities", configurations),
    Check("sample sessions", sessions),
    Check("alert rules", alert_rules),
    Check("the chart", chart),
    Check("generated files: CRD, schema, the chart's copies", generated),
    Check("migrations: alembic upgrade head on an empty database", migrations),
)


def _run(*command: str) -> list[str]:
    return _words(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False))


def _words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The complaints of a program that failed."""
    if done.returncode == 0:
        return []
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[-10:] or [f"{done.args[0]} ended with exit code {done.returncode}"]


def _ask(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=True).stdout.strip()


def run() -> int:
    """Show the list; the exit code says whether all of it is green."""
    story = Story()
    story.chapter("Verify this checkout")
    for check in CHECKS:
        try:
            problems = check.problems()
        except Exception as error:  # a check that cannot be made is a red line, and the others are still made
            problems = [f"could not be checked: {type(error).__name__}: {error}"]
        story.verdict(check.what, problems, "")
    return story.end()


if __name__ == "__main__":
    sys.exit(run())
