"""The dashboard of the first hour: what is committed is what is made, its queries are PromQL over metrics that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ops.alerting import rules
from ops.dashboards import first_hour
from tests.unit.alerting.test_runbooks import exported
from trader.domain.values import TradingState

pytestmark = pytest.mark.timeout(1800)


def test_the_file_is_what_the_questions_make() -> None:
    """`python -m ops.dashboards` writes it."""
    assert first_hour.FILE.read_text() == first_hour.text()


def test_every_query_is_promql_over_metrics_that_exist(tmp_path: Path) -> None:
    """promtool parses each; each names what the trader exports."""
    queries = first_hour.queries("desk", "index")
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    done = rules.run_promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    named = set(re.findall(r"\btrader_\w+", " ".join(queries)))
    assert named
    assert named - exported() == set()


def test_a_state_that_takes_no_new_risk_is_not_green() -> None:
    """Its panel shows the state's name, whose value is always 1: each colour is an override by that name."""
    (panel,) = [each for each in first_hour.dashboard()["panels"] if each["title"] == "What does it do?"]
    colours = {
        each["matcher"]["options"]: each["properties"][0]["value"]["fixedColor"]
        for each in panel["fieldConfig"]["overrides"]
    }
    assert colours == {"halted": "red", "reducing": "orange", "recovering": "orange"}
    assert {each.upper() for each in colours} < {state.value for state in TradingState}
    assert panel["targets"][0]["legendFormat"] == "{{state}}"


def test_panels_lie_side_by_side() -> None:
    """Grafana's grid is 24 wide; nothing overlaps, every panel has a query and a unique id."""
    panels = json.loads(first_hour.FILE.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] for panel in panels if panel["type"] != "row")


def test_runbooks_of_panels_exist() -> None:
    """A panel that turns red says where to read on."""
    for _, _, row in first_hour.ROWS:
        for question in row:
            if question.runbook:
                assert (rules.RUNBOOKS / f"{question.runbook}.md").is_file()
