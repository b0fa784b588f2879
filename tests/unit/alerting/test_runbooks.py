"""A runbook that names a command or a metric which does not exist costs minutes when minutes count."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from ops.alerting import rules
from session_operator.adapters.measures import PrometheusMeasures
from session_operator.kubectl import main as tsn
from session_operator.status import Status
from tests.unit.trader.app.pictures import SNAPSHOT
from tests.unit.trader.app.test_telemetry import telemetry
from trader.domain.values import SECOND, GuardCode, MachineTime

pytestmark = pytest.mark.timeout(1800)

HEADINGS = [
    "Meaning",
    "First two minutes",
    "What the engine has done",
    "Diagnosis",
    "Recovery",
    "How to prove that it is over",
]
RUNBOOKS = sorted(path for path in rules.RUNBOOKS.glob("*.md") if path.name != "README.md")
TEXTS = [*RUNBOOKS, rules.RUNBOOKS / "README.md", rules.REPOSITORY / "ops" / "FIRST_HOUR_MONITORING.md"]
VERBS = {"get", "describe", "logs", "patch", "delete", "top", "port-forward"}
KINDS = {"pods", "pod", "lease", "leases", "tradingsession", "deployment", "podmonitors", "prometheusrules"}
PROVED = Status.model_validate(
    {
        "gates": {"configHash": "5a"},
        "drills": [
            {"name": "dual-runner", "configHash": "5a", "verdict": "Passed", "tradingDate": "d", "at": "t", "job": "j"}
        ],
        "postClose": {"date": "d", "verdict": "Passed", "at": "t", "job": "j"},
        "burnIn": {"revision": "5a"},
    }
)
# Prometheus' own, and what our rules record.
KNOWN = {"up", *(rule["record"] for group in rules.groups() for rule in group["rules"] if "record" in rule)}


def exported() -> set[str]:
    """Every name that the trader and the operator export."""
    measures = PrometheusMeasures()
    measures.phase("desk", "index", "Live")
    measures.proofs("desk", "index", PROVED)
    made = telemetry(SNAPSHOT, MachineTime(99 * SECOND))
    made.performed("book", "answered", 0.1)
    made.committed("committed", 0.1)
    text = made.page().decode() + measures.exposition().decode()
    return set(re.findall(r"^(\w+)[ {]", text, re.MULTILINE)) | KNOWN


def blocks(path: Path, language: str) -> list[str]:
    """The lines of all blocks in a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def ids(path: Path) -> str:
    """A test's name."""
    return path.stem


@pytest.mark.parametrize("path", RUNBOOKS, ids=ids)
def test_each_page_has_the_same_headings(path: Path) -> None:
    """In the order in which they are needed; and each page belongs to an alert."""
    assert re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE) == HEADINGS
    assert path.read_text().startswith(f"# {path.stem}\n")
    assert path.stem in rules.alerts()


@pytest.mark.parametrize("path", TEXTS, ids=ids)
def test_commands_exist(path: Path) -> None:
    """kubectl's verbs on kinds that are there, and `kubectl tsn` with options that it has."""
    for line in blocks(path, "sh"):
        words = shlex.split(line)
        assert words[0] in {"kubectl", "make"}, line
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (rules.REPOSITORY / "Makefile").read_text(), re.MULTILINE), line
        elif words[1] == "tsn":
            assert isinstance(tsn, click.Group)
            command = tsn.commands[words[2]]
            command.make_context(words[2], words[3:], resilient_parsing=False, parent=click.Context(tsn, obj=()))
        else:
            without_namespace = words[3:] if words[1] == "-n" else words[1:]
            assert without_namespace[0] in VERBS, line
            target = without_namespace[1].partition("/")[0]
            assert target in KINDS or without_namespace[1] in {"--raw", "-l"}, line


@pytest.mark.parametrize("path", TEXTS, ids=ids)
def test_metrics_exist(path: Path) -> None:
    """Every metric that a page names is exported or recorded."""
    text = path.read_text()
    named = set(re.findall(r"\b((?:trader|operator|session:trader|session:operator)_\w+(?::\w+)?)\b", text))
    histograms = {name.removesuffix("_bucket") for name in exported() if name.endswith("_bucket")}
    assert named - exported() - histograms == set()
    assert set(re.findall(r'guard="(\w+)"', text)) <= {code.value for code in GuardCode}


@pytest.mark.parametrize("path", TEXTS, ids=ids)
def test_expressions_are_promql(path: Path, tmp_path: Path) -> None:
    """promtool parses each of them."""
    lines = blocks(path, "promql")
    if path in RUNBOOKS:
        assert lines, f"{path.name} names nothing to look at"
    if not lines:
        return
    recorded = [{"record": f"line:{number}", "expr": line} for number, line in enumerate(lines)]
    file = tmp_path / "lines.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "lines", "rules": recorded}]}))
    done = rules.run_promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_judge_metrics_that_exist() -> None:
    """A renamed metric would silence its alert; the twin would tell, this test tells earlier."""
    expressions = " ".join(rule["expr"] for group in rules.groups() for rule in group["rules"])
    named = set(re.findall(r"(?<![:\w])((?:trader|operator)_\w+)\b", expressions))
    assert named
    assert named - exported() == set()
