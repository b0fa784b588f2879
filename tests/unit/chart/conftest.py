"""Renders the chart with real Helm, which the cluster tool builds if it is not there yet."""

import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cluster import binaries, pins

REPOSITORY = Path(__file__).resolve().parents[3]
CHART = REPOSITORY / "charts" / "trading-session-operator"

Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Helm; where it is missing it is built from its pinned module, or the error says what to install."""
    program = str(binaries.ensure([pins.HELM])[pins.HELM.name])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)

    return run


@pytest.fixture(scope="session")
def template(helm: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `helm template` for the release `trading` in the namespace `trading`."""

    def run(*settings: str) -> subprocess.CompletedProcess[str]:
        version = f"--kube-version={pins.kubernetes_version()}"
        return helm("template", "trading", str(CHART), "--namespace=trading", version, *settings)

    return run


@pytest.fixture(scope="session")
def render(template: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """Render the chart into its objects; equal values are rendered once."""

    @cache
    def objects(settings: Sequence[str]) -> list[dict[str, Any]]:
        done = template(*settings)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return lambda *settings: objects(settings)
