"""`ops/slo_alerts.yml` as data, and promtool over it.

promtool is built from the pinned Prometheus module, once per pin, so that the rules are judged by the release that runs them.
"""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops.cluster import binaries, pins

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "ops" / "slo_alerts.yml"
TESTS = Path(__file__).resolve().parent / "tests"
RUNBOOKS = REPOSITORY / "ops" / "runbooks"
EIGHT = (
    "KillFlattenSLOBreach",
    "OrderAckLatencySLOBreach",
    "DuplicateClientIDs",
    "OrphanOCOSiblings",
    "HeatGuardBreach",
    "LeaderLockLost",
    "MarketDataHeartbeatStale",
    "OrderStreamHeartbeatStale",
)
"""The checklist's names."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule."""

    name: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def runbook(self) -> Path:
        """The file that its `runbook_url` names."""
        return REPOSITORY / self.annotations["runbook_url"]


def groups() -> list[dict[str, Any]]:
    """All groups, as they stand in the file."""
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return found


def alerts() -> dict[str, Alert]:
    """All alerts by name."""
    rules = [rule for group in groups() for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]) for rule in rules}


@cache
def promtool() -> Path:
    """The program; built if it is not there yet, or the error says what is missing."""
    return binaries.ensure([pins.PROMTOOL])[pins.PROMTOOL.name]


def run_promtool(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run promtool; judging its exit code is the caller's."""
    return subprocess.run([promtool(), *arguments], capture_output=True, text=True, timeout=seconds, check=False)


def run_tests(document: dict[str, Any], rules: str, folder: Path, only: str) -> subprocess.CompletedProcess[str]:
    """Run promtool's unit tests over a text of rules; those whose name matches."""
    (folder / "rules.yml").write_text(rules)
    (folder / "tests.yml").write_text(yaml.safe_dump({**document, "rule_files": ["rules.yml"]}, sort_keys=False))
    return run_promtool("test", "rules", "--run", only, str(folder / "tests.yml"))
