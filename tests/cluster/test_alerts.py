"""A real Prometheus fires each of the eight alerts by a real fault, and none in a clean session.

The two that stay for a window of five minutes after a slow kill or a slow acknowledgement are not waited for here;
`make alert-proof` does.
"""

import json
from collections.abc import Iterator

import pytest

from ops.alerting import proof, rules
from ops.clients.kubectl import Kubectl
from ops.monitoring import installing
from ops.monitoring.prometheus import Prometheus

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def prometheus(stand: Kubectl) -> Iterator[Prometheus]:
    """prometheus-operator, Prometheus, and the chart's rules in it; gone afterwards, for it eats the other tests' time."""
    assert stand.namespace
    yield proof.ready_monitoring()
    installing.down(with_crds=False)


@pytest.fixture(scope="module")
def report(prometheus: Prometheus) -> proof.Report:
    """The faults, once for all tests."""
    return proof.prove(prometheus, print, waits_for_windows=False)


@pytest.mark.parametrize("alert", rules.EIGHT)
def test_a_real_fault_fires_it(report: proof.Report, alert: str) -> None:
    """Within a minute and a half, with its summary filled in; and it ends after the fault."""
    (row,) = [each for each in report.rows if each.alert == alert]
    assert row.problem == ""
    assert row.fired_seconds is not None
    assert row.cleared_seconds is not None or row.is_cleared_by_window
    assert proof.PREFIX in row.summary


def test_nothing_fires_without_a_fault(report: proof.Report) -> None:
    """Not in the clean session, nor beside the faults of the others; and somebody did look."""
    assert report.looks > 60
    assert (report.problems, report.unexpected) == ([], [])


def test_the_dashboard_of_the_first_hour_has_answers(report: proof.Report) -> None:
    """Every query of it, for a session that trades."""
    assert report.unanswered == []


def test_everything_is_scraped_and_the_rules_are_the_charts(prometheus: Prometheus, stand: Kubectl) -> None:
    """The rules in the cluster are the repository's, and the operator answers its scrapes."""
    (rule,) = stand.json("get", "prometheusrules")["items"]
    assert rule["spec"]["groups"] == rules.groups()
    assert set(rules.alerts()) <= prometheus.rule_names()
    jobs = {each["scrapePool"]: each["health"] for each in prometheus.targets()}
    assert any("operator" in pool and health == "up" for pool, health in jobs.items()), json.dumps(jobs)
