"""Runs the command line: `python -m ops.alerting prove`."""

import sys
import time

import click
from rich.console import Console
from rich.table import Table

from ops.alerting import proof
from ops.clients.kubectl import KubectlError
from ops.clients.session import Waited
from ops.cluster.errors import ClusterError
from ops.deploying import DeployError

console = Console(highlight=False)
if not console.is_terminal:  # a log file has no edge to wrap at
    console = Console(highlight=False, width=150)


@click.group()
def cli() -> None:
    """The alerts, proved on the cluster."""


@cli.command()
@click.option(
    "--windows/--no-windows",
    default=True,
    show_default=True,
    help="Wait until the alerts with a window of five minutes have ended, too.",
)
def prove(windows: bool) -> None:
    """Let each of the eight fire by a real fault; exit code 0 if all fired and ended, and nothing else fired."""
    begin = time.monotonic()
    prometheus = proof.ready_monitoring()
    report = proof.prove(
        prometheus,
        lambda text: console.print(f"[dim]{time.monotonic() - begin:6.1f} s[/dim]  {text}"),
        waits_for_windows=windows,
    )
    show(report)
    sys.exit(0 if report.holds else 1)


def show(report: proof.Report) -> None:
    """Print the table."""
    table = Table("alert", "fault", "fired after", "cleared after", box=None, header_style="bold")
    for row in report.rows:
        fired = "-" if row.fired_seconds is None else f"{row.fired_seconds:.1f} s"
        cleared = "by its window" if row.is_cleared_by_window else "-"
        if row.cleared_seconds is not None:
            cleared = f"{row.cleared_seconds:.1f} s"
        table.add_row(f"[{'green' if row.holds else 'red'}]{row.alert}[/]", row.fault, fired, row.problem or cleared)
    console.print(table)
    for each in report.problems:
        console.print(f"[red]{each}[/red]")
    for each in report.unexpected:
        console.print(f"[red]fired without a fault: {each}[/red]")
    verdict = "[bold green]All eight fired, and nothing else did[/]" if report.holds else "[bold red]Not proved[/]"
    console.print(f"{verdict} [dim]({report.seconds:.0f} s, {report.looks} looks; {proof.RESULT.name})[/dim]")


def main() -> None:
    """The only place where errors become exit codes."""
    try:
        cli.main(standalone_mode=False)
    except (ClusterError, KubectlError, Waited, DeployError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


main()
