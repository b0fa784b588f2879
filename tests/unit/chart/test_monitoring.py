"""The alerts and scrapes that the chart ships."""

from typing import Any

import pytest
import yaml

from tests.unit.chart.conftest import REPOSITORY, Render

# The first test of a fresh machine waits until Helm is built.
pytestmark = pytest.mark.timeout(900)

CRDS = "--api-versions=monitoring.coreos.com/v1/PrometheusRule"
ON = "--set=monitoring.enabled=true"


def shipped(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The objects of prometheus-operator, by name and kind."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each
        for each in objects
        if each["apiVersion"].startswith("monitoring.coreos.com")
    }


@pytest.mark.parametrize(
    ("settings", "count"),
    [((), 0), ((CRDS,), 3), ((ON,), 3), ((CRDS, "--set=monitoring.enabled=false"), 0)],
    ids=["without CRDs", "with CRDs", "asked for", "declined"],
)
def test_on_where_the_cluster_knows_the_kinds(render: Render, settings: tuple[str, ...], count: int) -> None:
    """A cluster without prometheus-operator refuses its objects, so `auto` asks first."""
    assert len(shipped(render(*settings))) == count


def test_the_rules_are_the_repositorys_own(render: Render) -> None:
    """Nothing is lost on the way through Helm, whose braces are Prometheus' braces too."""
    rule = shipped(render(ON))["PrometheusRule/trading-session-operator"]
    assert rule["spec"] == yaml.safe_load((REPOSITORY / "ops" / "slo_alerts.yml").read_text())


def test_runbooks_may_be_served(render: Render) -> None:
    """Each link gets the base, and nothing else changes."""
    rule = shipped(render(ON, "--set=monitoring.runbookBase=https://desk.example/runbooks/"))
    alerts = [
        each
        for group in rule["PrometheusRule/trading-session-operator"]["spec"]["groups"]
        for each in group["rules"]
        if "alert" in each
    ]
    assert {each["annotations"]["runbook_url"].rpartition("/")[0] for each in alerts} == {
        "https://desk.example/runbooks"
    }


def test_traders_are_scraped_wherever_the_operator_looks(render: Render) -> None:
    """The whole cluster, or the namespaces that it watches; every 5 s; the session's name becomes a label."""
    everywhere = shipped(render(ON))["PodMonitor/trading-session-operator-traders"]["spec"]
    (endpoint,) = everywhere["podMetricsEndpoints"]
    assert everywhere["namespaceSelector"] == {"any": True}
    assert (endpoint["port"], endpoint["interval"]) == ("http", "5s")
    assert endpoint["relabelings"][0]["targetLabel"] == "session"
    some = shipped(render(ON, "--set=operator.watchNamespaces={desk,other}"))
    assert some["PodMonitor/trading-session-operator-traders"]["spec"]["namespaceSelector"] == {
        "matchNames": ["desk", "other"]
    }


def test_the_operators_own_words_win(render: Render) -> None:
    """Its metrics name sessions of other namespaces: the scrape must not write its own over them."""
    (endpoint,) = shipped(render(ON))["PodMonitor/trading-session-operator-operator"]["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True


def test_a_prometheus_may_select_by_label(render: Render) -> None:
    """As kube-prometheus-stack does."""
    objects = shipped(render(ON, "--set=monitoring.labels.release=prometheus")).values()
    assert {each["metadata"]["labels"]["release"] for each in objects} == {"prometheus"}
