"""A verdict as others read it: JSON for programs, JUnit for CI, a few lines for people, and 4,096 bytes for Kubernetes."""

import datetime as dt
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from ops.drills.framework import DrillVerdict, Outcome, VariantVerdict

SCHEMA = "tradeops.dev/drill/v1"
TERMINATION_BYTES = 4096
"""What Kubernetes keeps of a termination message (kubernetes.io/docs, determine-reason-pod-failure)."""
_MARKS = {Outcome.PASSED: "[green]passed[/]", Outcome.FAILED: "[bold red]FAILED[/]", Outcome.ERROR: "[yellow]error[/]"}


def as_json(verdict: DrillVerdict) -> dict[str, Any]:
    """Everything (docs/seams.md §7)."""
    return _head(verdict) | {
        "variants": [
            _variant(each) | {"hypotheses": [_hypothesis(one) for one in each.hypotheses]} for each in verdict.variants
        ],
        "failed": _failed(verdict),
    }


def for_termination(verdict: DrillVerdict) -> str:
    """The same in what Kubernetes keeps: hypotheses are left out, and reasons are cut until it fits."""
    failed = _failed(verdict)
    for most in (400, 160, 60, 0):
        kept = [{name: text[:most] for name, text in each.items()} for each in failed[: most // 40]]
        variants = [_variant(each, most) for each in verdict.variants]
        head = _head(verdict) | {"reason": verdict.reason[: most * 2]}
        text = json.dumps(head | {"variants": variants, "failed": kept}, separators=(",", ":"))
        if len(text.encode()) <= TERMINATION_BYTES:
            return text
    raise ValueError(f"a verdict of {len(verdict.variants)} variants does not fit into {TERMINATION_BYTES} bytes")


def as_junit(verdicts: list[DrillVerdict]) -> str:
    """A suite for each drill, a case for each hypothesis of each variant."""
    root = ET.Element("testsuites")
    for verdict in verdicts:
        suite = ET.SubElement(root, "testsuite", name=verdict.name, timestamp=_time(verdict.started_at))
        cases = failures = errors = 0
        for variant in verdict.variants:
            group = f"{verdict.name}.{variant.name}"
            for each in variant.hypotheses:
                case = ET.SubElement(suite, "testcase", classname=group, name=each.statement)
                cases += 1
                if not each.held:
                    failures += 1
                    ET.SubElement(case, "failure", message=f"expected {each.expected}, was {each.observed}")
            if variant.outcome is Outcome.ERROR:
                cases, errors = cases + 1, errors + 1
                case = ET.SubElement(suite, "testcase", classname=group, name="could be run")
                ET.SubElement(case, "error", message=variant.reason)
        for name, value in (("tests", cases), ("failures", failures), ("errors", errors)):
            suite.set(name, str(value))
        suite.set("time", f"{(verdict.ended_at - verdict.started_at).total_seconds():.3f}")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def show(console: Console, verdicts: list[DrillVerdict]) -> None:
    """A table of all variants, and below it whatever did not hold."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("drill", "variant", "verdict", "held", "seconds"):
        table.add_column(name, justify="right" if name in {"held", "seconds"} else "left")
    for verdict in verdicts:
        for each in verdict.variants:
            held = f"{len(each.hypotheses) - len(each.failed)}/{len(each.hypotheses)}"
            table.add_row(verdict.name, each.name, _MARKS[each.outcome], held, f"{each.seconds:.0f}")
    console.print(table)
    for verdict in verdicts:
        for each in verdict.variants:
            for one in each.failed:
                console.print(
                    f"[red]{verdict.name} {each.name}[/]: {one.statement}: expected {one.expected}, was {one.observed}"
                )
            if each.outcome is Outcome.ERROR:
                console.print(f"[yellow]{verdict.name} {each.name}[/] could not be run: {each.reason}")


def write(path: Path, text: str) -> None:
    """Write what a program reads; `/dev/termination-log` is a mounted file, so it is written in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _head(verdict: DrillVerdict) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": verdict.name,
        "verdict": verdict.outcome.value,
        "passed": verdict.outcome is Outcome.PASSED,
        "reason": verdict.reason,
        "startedAt": _time(verdict.started_at),
        "endedAt": _time(verdict.ended_at),
        "seconds": round((verdict.ended_at - verdict.started_at).total_seconds(), 1),
        "seed": verdict.seed,
        "configHash": verdict.config_hash,
        "versions": verdict.versions,
    }


def _variant(variant: VariantVerdict, longest: int = 10_000) -> dict[str, Any]:
    found = {"name": variant.name, "verdict": variant.outcome.value, "seconds": round(variant.seconds, 1)}
    return found | ({"reason": variant.reason[:longest]} if variant.reason and longest else {})


def _hypothesis(one: Any) -> dict[str, Any]:
    return {"statement": one.statement, "expected": one.expected, "observed": one.observed, "held": one.held}


def _failed(verdict: DrillVerdict) -> list[dict[str, str]]:
    return [
        {"variant": each.name, "statement": one.statement, "expected": one.expected, "observed": one.observed}
        for each in verdict.variants
        for one in each.failed
    ]


def _time(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
