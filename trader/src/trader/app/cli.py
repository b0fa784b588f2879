"""The command line: `trader run`, `state`, `preflight`, `kill`, `config check`. Bad input is one clear message and exit code 2."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from trader.app import logging
from trader.app.documents import ConfigInvalid, first_key, load

P = ParamSpec("P")
R = TypeVar("R")

BAD_INPUT = 2
FILE = click.Path(path_type=Path)


def _says_what_is_wrong(command: Callable[P, R]) -> Callable[P, R]:
    """One line for each problem on standard error, and exit code 2."""

    @wraps(command)
    def wrapped(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return command(*arguments, **options)
        except ConfigInvalid as error:
            for problem in error.problems:
                click.echo(f"trader: {problem}", err=True)
            sys.exit(BAD_INPUT)

    return wrapped


@click.group()
@click.version_option(
    package_name="trading-session-trader",
    prog_name="trader",
    # The image says which commit its sources are of.
    message=f"%(prog)s, version %(version)s, {os.environ.get('GIT_SHA') or 'of a working copy'}",
)
def main() -> None:
    """The trading engine of a TradingSession."""


@main.command()
@click.option("--config", "profile_file", type=FILE, required=True, help="The profile: risk limits, instruments.")
@click.option("--session", "session_file", type=FILE, help="session.yaml of the operator; without it, a run by hand.")
@click.option(
    "--database", "database_url", metavar="URL", help="By hand: postgresql://… or sqlite:///…; default SQLite."
)
@click.option(
    "--state-directory", type=FILE, help="By hand: journal, lease and logs; default ~/.local/state/trader/PROFILE."
)
@click.option("--broker", "broker_url", metavar="URL", help="By hand: a kitesim at http://…; default one of its own.")
@click.option("--account", default="SIM001", show_default=True, help="By hand: the account's user id.")
@click.option("--seed", default=1, show_default=True, help="By hand: of the simulated prices.")
@click.option("--speed", default=30.0, show_default=True, help="By hand: market seconds a second.")
@click.option("--funds", default=50_000_000.0, show_default=True, help="By hand: rupees of the simulated account.")
@click.option("--for-seconds", type=float, help="By hand: end after so long.")
@click.option("--until-brackets", type=int, help="By hand: end after so many entries were filled.")
@click.option("--release", default="", metavar="KILL", help="By hand: release the standing kill with this id.")
@click.option(
    "--http", "http_address", metavar="HOST:PORT", help="Default 0.0.0.0:8080, by hand a free port of loopback."
)
@_says_what_is_wrong
def run(  # noqa: PLR0917 - one for each option
    profile_file: Path,
    session_file: Path | None,
    database_url: str | None,
    state_directory: Path | None,
    broker_url: str | None,
    account: str,
    seed: int,
    speed: float,
    funds: float,
    for_seconds: float | None,
    until_brackets: int | None,
    release: str,
    http_address: str | None,
) -> None:
    """Trade: in a pod with --session, otherwise by hand."""
    if session_file is not None:
        sys.exit(_run_in_cluster(session_file, profile_file, http_address or "0.0.0.0:8080"))
    # Imported where they are needed: `trader config check` and `--help` answer at once.
    from trader.app.by_hand import Wanted, default_state_directory, load_profile, run_by_hand  # noqa: PLC0415
    from trader.app.http import listen  # noqa: PLC0415

    profile = load_profile(profile_file)
    directory = state_directory or default_state_directory(profile.name)
    wanted = Wanted(
        profile_file=profile_file,
        state_directory=directory,
        database_url=database_url,
        broker_url=_root(broker_url),
        account=account,
        seed=seed,
        speed=speed,
        funds_rupees=funds,
        for_seconds=for_seconds,
        until_brackets=until_brackets,
        release=release,
    )
    listener = listen(*_address(http_address or "127.0.0.1:0"))
    with logging.by_hand(directory / "trader.log"):
        logging.bind(session=profile.name, account=account)
        sys.exit(asyncio.run(run_by_hand(wanted, profile, listener)))


def _run_in_cluster(session_file: Path, profile_file: Path, http_address: str) -> int:
    from trader.app.http import listen  # noqa: PLC0415
    from trader.app.in_cluster import SecretKeeper, cluster_access, cluster_doors  # noqa: PLC0415 - not by hand
    from trader.app.process import TraderProcess  # noqa: PLC0415
    from trader.app.running import run_with_api  # noqa: PLC0415
    from trader.app.settings import cluster_settings  # noqa: PLC0415
    from trader.app.wiring import make_telemetry, plan  # noqa: PLC0415

    logging.configure()
    host, port = _address(http_address)
    settings = cluster_settings(session_file, profile_file, host, port)
    logging.bind(session=settings.session.session.name, pod=settings.pod.name)
    listener = listen(host, port)
    chosen = plan(settings)
    access, keeper = cluster_access(settings), SecretKeeper(settings)

    async def serve() -> int:
        process = TraderProcess(
            chosen,
            lambda: cluster_doors(settings),
            make_telemetry(settings),
            patient=True,
            keeper=keeper,
        )
        code = await run_with_api(process, listener, access)
        if process.failure is not None:
            raise ConfigInvalid(str(process.failure).splitlines())
        return code

    return asyncio.run(serve())


@main.group()
def config() -> None:
    """Look at configuration files."""


@config.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@_says_what_is_wrong
def check(files: tuple[Path, ...]) -> None:
    """Check profiles and session files; exit code 2 names what is wrong."""
    problems: list[str] = []
    for file in files:
        try:
            click.echo(f"{file}: {_checked(file)}")
        except ConfigInvalid as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigInvalid(problems)


def _checked(file: Path) -> str:
    """What a good file is; its first key tells which kind it wants to be."""
    from trader.app.profiles import Profile  # noqa: PLC0415
    from trader.app.settings import SessionFile, StrategyChoice  # noqa: PLC0415
    from trader.app.strategies import build_strategies  # noqa: PLC0415
    from trader.app.tables import CalendarFile, ChargeFile, FreezeFile  # noqa: PLC0415

    match first_key(file):
        case "session":
            session = load(file, SessionFile)
            return f"session {session.session.name} of account {session.account.id}"
        case "rows" | "checked":
            return f"freeze quantities, {len(load(file, FreezeFile).rows)} rows"
        case "charges":
            return f"charges, {len(load(file, ChargeFile).charges)} rows"
        case "exchange":
            return f"calendar of {load(file, CalendarFile).exchange}"
    profile = load(file, Profile)
    build_strategies([StrategyChoice(name=name) for name in profile.strategies], profile)
    return (
        f"profile {profile.name}: {profile.per_trade_risk:.2%} a trade, "
        f"{profile.max_heat:.2%} heat, {profile.max_daily_loss:.2%} daily loss"
    )


@main.command()
@click.option("--url", help="Of the trader's HTTP API; default: the newest run by hand.")
@click.option("--token", envvar="TRADER_API_TOKEN", help="Bearer token; default: that of the newest run by hand.")
@_says_what_is_wrong
def state(url: str | None, token: str | None) -> None:
    """Print what a running trader holds, as JSON."""
    click.echo(json.dumps(_asked("GET", "/v1/state", url, token), indent=2))


@main.command()
@click.option("--url", help="Of the trader's HTTP API; default: the newest run by hand.")
@click.option("--token", envvar="TRADER_API_TOKEN", help="Bearer token; default: that of the newest run by hand.")
@_says_what_is_wrong
def preflight(url: str | None, token: str | None) -> None:
    """Show what must be right before new risk; one red line (exit code 1) = do not arm."""
    shown = _asked("GET", "/v1/state", url, token)
    lines = shown["preflight"] if shown["isLeader"] else (shown.get("leader") or {}).get("preflight")
    if not lines:
        raise ConfigInvalid([f"{shown['pod']} has nothing to show: the leader looks, and none was heard of lately"])
    width = max(len(line["name"]) for line in lines)
    for line in lines:
        mark = click.style(" ok ", fg="green") if line["passed"] else click.style("RED ", fg="red", bold=True)
        click.echo(f"{mark} {line['name']:<{width}}  {line['detail']}")
    red = sum(1 for line in lines if not line["passed"])
    click.echo(f"{red} of {len(lines)} are red: do not arm" if red else "all clear")
    sys.exit(1 if red else 0)


@main.command()
@click.option("--reason", required=True, help="Why; kept in the journal.")
@click.option("--url", help="Of the trader's HTTP API; default: the newest run by hand.")
@click.option("--token", envvar="TRADER_API_TOKEN", help="Bearer token; default: that of the newest run by hand.")
@_says_what_is_wrong
def kill(reason: str, url: str | None, token: str | None) -> None:
    """Cancel everything, go flat and stay so until this kill is released; prints its id."""
    if not reason.strip():
        raise ConfigInvalid(["--reason: must say why, was empty"])
    click.echo(_asked("POST", "/v1/kill", url, token, {"reason": reason})["id"])


def _asked(
    method: str, path: str, url: str | None, token: str | None, body: dict[str, str] | None = None
) -> dict[str, Any]:
    """One request to a trader's API.

    Raises:
        ConfigInvalid: no answer, or a refusal.
    """
    import httpx  # noqa: PLC0415

    address = (url or _newest_run("http.url")).rstrip("/")
    bearer = token or ("" if url else _newest_run("credentials/api_token"))
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        reply = httpx.request(method, f"{address}{path}", headers=headers, json=body, timeout=5, trust_env=False)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ConfigInvalid([f"no answer from {address}{path}: {error or type(error).__name__}"]) from error
    return found


def _newest_run(name: str) -> str:
    """A file that the newest run by hand left beside its journal."""
    from trader.app.by_hand import default_state_directory  # noqa: PLC0415

    root = default_state_directory("any").parent
    runs = sorted(root.glob("*/http.url"), key=lambda each: each.stat().st_mtime)
    if not runs:
        raise ConfigInvalid([f"no run by hand is known under {root}; name one with --url"])
    return (runs[-1].parent / name).read_text(encoding="utf-8").strip()


def _root(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ConfigInvalid([f"--broker: must begin with http:// or https://, was {url!r}"])
    return url


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigInvalid([f"--http: must be HOST:PORT, was {text!r}"])
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    main()
