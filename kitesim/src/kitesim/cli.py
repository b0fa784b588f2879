"""The console script `kitesim`."""

import asyncio
import gc
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click

from kitesim import __version__, logs
from kitesim.calendars import load_calendar
from kitesim.config import SimulatorConfig, control_token, load
from kitesim.errors import ConfigInvalid
from kitesim.exchange.charges import load_charges
from kitesim.faults import load_scenario
from kitesim.market.feeding import inspect
from kitesim.server import start


def _refuse(error: ConfigInvalid) -> NoReturn:
    click.echo(f"kitesim: {error}", err=True)
    sys.exit(2)


@click.group()
@click.version_option(__version__, prog_name="kitesim")
def main() -> None:
    """A Kite Connect exchange on your machine."""


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port for REST, WebSocket and control; 0 takes a free one.  [default: 8080]")
@click.option("--seed", type=int, help="Seed of the market.  [default: 1]")
@click.option("--date", "day", help="First trading day, YYYY-MM-DD.  [default: today]")
@click.option("--start", "moment", help="Market time to start at, HH:MM:SS.  [default: 09:15:00]")
@click.option("--speed", type=float, help="Market seconds per machine second.  [default: 1]")
@click.option("--market", help="always-open or nse (the exchange's own hours and holidays).  [default: always-open]")
@click.option("--control-token", "token_file", help="File with the bearer token of the control routes.")
@click.option("--funds", type=float, help="Rupees of a user that login makes.  [default: 1000000]")
@click.option("--faults", "scenario", help="YAML file with a list of faults that are at work from the start.")
@click.option("--replay", "recording", help="Recorded ticks that the market follows: CSV or Parquet.")
@click.option("--mirror", is_flag=True, default=None, help="Follow pushed quotes only, by the machine's clock.")
@click.option("--config", "file", type=click.Path(path_type=Path), help="YAML file; options given here win over it.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def serve(  # noqa: PLR0917
    host: str | None,
    port: int | None,
    seed: int | None,
    day: str | None,
    moment: str | None,
    speed: float | None,
    market: str | None,
    token_file: str | None,
    funds: float | None,
    scenario: str | None,
    recording: str | None,
    mirror: bool | None,
    file: Path | None,
    log_level: str,
) -> None:
    """Serve an exchange until told to stop."""
    logs.configure(log_level)
    try:
        config = load(
            file,
            host=host,
            port=port,
            seed=seed,
            date=day,
            start=moment,
            speed=speed,
            market=market,
            control_token_file=token_file,
            funds=funds,
            faults_file=scenario,
            replay=recording,
            mirror=mirror,
        )
        asyncio.run(_serve(config))
    except ConfigInvalid as error:
        _refuse(error)


async def _serve(config: SimulatorConfig) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    running = await start(config)
    # The instruments live as long as the process: the collector need not look at them while orders wait.
    gc.collect()
    gc.freeze()
    click.echo(f"kitesim listening on {running.url}")
    sys.stdout.flush()
    waits = [asyncio.create_task(each) for each in (stopping.wait(), running.broken())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()
    await running.stop()
    if not stopping.is_set():
        sys.exit(1)


@main.group()
def config() -> None:
    """Look at configuration files."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a configuration file; exit code 2 when it cannot be used."""
    try:
        loaded = load(file)
        control_token(loaded)
        load_calendar(loaded.market, loaded.calendar_file)
        load_charges(loaded.charges.file)
        if loaded.faults_file:
            load_scenario(loaded.faults_file)
        if loaded.replay:
            inspect(loaded.replay)
    except ConfigInvalid as error:
        _refuse(error)
    click.echo(f"{file}: good, checked {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}")


@config.command()
def fields() -> None:
    """List every field with its default and its meaning."""
    _list(SimulatorConfig, "")


def _list(model: type, prefix: str) -> None:
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        kind = field.annotation
        if isinstance(kind, type) and hasattr(kind, "model_fields"):
            _list(kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        meaning = f"  {field.description}" if field.description else ""
        click.echo(f"{prefix}{name} = {default}{meaning}")
