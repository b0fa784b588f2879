"""Runs the command line: `python -m ops.monitoring up|down|status`."""

import sys

import click

from ops.clients.kubectl import KubectlError
from ops.clients.session import Waited
from ops.cluster.console import answer
from ops.cluster.errors import ClusterError
from ops.monitoring import installing
from ops.monitoring.prometheus import Prometheus


@click.group()
def cli() -> None:
    """A real Prometheus on the cluster, for alerts and dashboards."""


@cli.command()
def up() -> None:
    """Bring prometheus-operator and Prometheus up; safe to repeat."""
    found = installing.up()
    answer(f"Prometheus {found.version()} is Ready; install the chart again, so that it ships its rules and scrapes")


@cli.command()
@click.option("--with-crds", is_flag=True, help="Also remove the kinds, and with them every rule and monitor.")
def down(with_crds: bool) -> None:
    """Remove them."""
    installing.down(with_crds=with_crds)


@cli.command()
def status() -> None:
    """Show what is scraped and what fires. Exit code 0 if Prometheus answers and every target is up."""
    found = Prometheus(installing.kubectl())
    targets = found.targets()
    healthy = sum(each["health"] == "up" for each in targets)
    answer(
        f"Prometheus {found.version()}: {len(found.rule_names())} alerts loaded, {healthy} of {len(targets)} targets up"
    )
    for each in found.alerts():
        answer(f"{each.state}: {each.name} {each.session}: {each.annotations.get('summary', '')}")
    sys.exit(0 if healthy == len(targets) else 1)


def main() -> None:
    """The only place where errors become exit codes."""
    try:
        cli.main(standalone_mode=False)
    except (ClusterError, KubectlError, Waited) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(getattr(error, "exit_code", 1))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


main()
