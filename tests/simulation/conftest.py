"""Simulations are quiet: what happened stands in their history."""

import pytest
import structlog

from ops.simulating.running import quiet


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.reset_defaults()
    quiet()
