"""Runs the command line: `python -m ops.chart sync|check`."""

import sys

import click

from ops.chart import sync
from ops.cluster.console import answer


@click.group()
def cli() -> None:
    """Keep the chart's copies equal to the repository's CRD, profiles and alerts."""


@cli.command(name="sync")
def copy() -> None:
    """Copy the CRD, the profiles and the alerts into the chart."""
    for path in sync.copy():
        answer(f"updated {path.relative_to(sync.REPOSITORY)}")


@cli.command()
def check() -> None:
    """Exit with 1 if a copy differs, and say which."""
    differing = sync.differing()
    for path in differing:
        answer(f"{path.relative_to(sync.REPOSITORY)} differs from its source; run: python -m ops.chart sync")
    sys.exit(1 if differing else 0)


cli()
