"""What Helm refuses, and what it accepts."""

import subprocess
from collections.abc import Callable

import pytest

from ops.cluster import pins
from tests.unit.chart.conftest import CHART

# The first test of a fresh machine waits until Helm is built.
pytestmark = pytest.mark.timeout(900)

Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("values", [(), (f"--values={CHART / 'values-kind.yaml'}",)], ids=["defaults", "kind"])
def test_lint_is_content(helm: Helm, values: tuple[str, ...]) -> None:
    """`helm lint --strict` finds nothing."""
    done = helm("lint", "--strict", str(CHART), f"--kube-version={pins.kubernetes_version()}", *values)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("operatr.logLevel=INFO", "operatr"),
        ("operator.replicas=0", "/operator/replicas"),
        ("postgresql.auth.password=secret", "password"),
        ("kitesim.speed=0", "/kitesim/speed"),
        ("kitesim.market=nasdaq", "/kitesim/market"),
        ("kitesim.start=9", "/kitesim/start"),
        ("operator.watchNamespaces={Desk}", "/operator/watchNamespaces/0"),
        ("operator.logLevel=LOUD", "/operator/logLevel"),
        ("trader.image.digest=sha256:12", "/trader/image/digest"),
        ("profiles.extra.Mine=x", "Mine"),
        ("postgresql.settings.max_connections=50", "/postgresql/settings/max_connections"),
        ("postgresql.runAsUser=0", "/postgresql/runAsUser"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(template: Helm, setting: str, named: str) -> None:
    """An unknown key or a value out of bounds stops Helm, and the message says which."""
    done = template(f"--set={setting}")

    assert done.returncode != 0
    assert named in done.stderr


def test_values_of_a_parent_chart_are_accepted(template: Helm) -> None:
    """As a subchart it gets `global`, whatever is in it."""
    assert template("--set=global.anything=1").returncode == 0


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("trading", "trading-session-operator"),
        ("trading-session-operator", "trading-session-operator"),
        ("desk", "desk-trading-session-operator"),
    ],
)
def test_names_repeat_nothing(helm: Helm, release: str, name: str) -> None:
    """The operator's objects are named after the release and the chart, without saying either twice."""
    arguments = ("--show-only=templates/operator/deployment.yaml", f"--kube-version={pins.kubernetes_version()}")
    done = helm("template", release, str(CHART), *arguments)

    assert f"\n  name: {name}\n" in done.stdout


def test_an_old_cluster_is_refused(helm: Helm) -> None:
    """Helm says which versions will do instead of leaving the CRD to fail."""
    done = helm("template", "trading", str(CHART), "--kube-version=v1.25.0")

    assert done.returncode != 0
    assert "requires kubeVersion" in done.stderr
