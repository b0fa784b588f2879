"""`session-operator run`: the operator's process. Exit code 2: its environment is wrong; 1: the cluster is."""

import asyncio
import sys

import click
import structlog

from session_operator.app.logs import set_up
from session_operator.app.running import run
from session_operator.app.settings import read_settings
from session_operator.errors import ApiForbiddenError, ApiNotFoundError, OperatorError, SettingsError

HINTS = {
    ApiNotFoundError: "is the CRD installed? kubectl apply --server-side -f crds/tradingsession.yaml",
    ApiForbiddenError: "the operator's RBAC lacks a rule; docs/reference/operator-rbac.md lists them all",
}


@click.group()
def main() -> None:
    """Reconcile TradingSessions."""


@main.command("run")
def run_command() -> None:
    """Run the operator until a signal comes; settings come from OPERATOR_… variables."""
    try:
        settings = read_settings()
    except SettingsError as error:
        click.echo(f"session-operator: {error}", err=True)
        sys.exit(2)
    set_up(settings.log_level)
    try:
        asyncio.run(run(settings))
    except SettingsError as error:
        click.echo(f"session-operator: {error}", err=True)
        sys.exit(2)
    except OperatorError as error:
        hint = next((text for kind, text in HINTS.items() if isinstance(error, kind)), None)
        structlog.get_logger().error("operator_failed", error=str(error), hint=hint)
        sys.exit(1)


if __name__ == "__main__":
    main()
