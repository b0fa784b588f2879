"""`python -m ops.postclose run | logs | verify | restore`. Exit codes: 0 whole, 1 damaged or not restorable, 2 could not be run."""

import contextlib
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import click
from kubernetes.config import ConfigException

from ops.postclose import archive, snapshot
from ops.postclose.archive import ArchiveDamagedError
from ops.postclose.gathering import NotRunError
from ops.postclose.pod_logs import MISSING, collect
from ops.postclose.sealing import SCHEMA, SnapshotMismatchError, Wanted, seal_day
from ops.postclose.snapshot import SnapshotError
from ops.postclose.telling import tell
from trader.adapters.kite.credentials import CredentialsMissing, read_credential
from trader.adapters.kubernetes_api import new_client
from trader.app.documents import ConfigInvalid, load
from trader.app.settings import CREDENTIALS, DATABASE, NOTIFICATIONS, SessionFile

TERMINATION_BYTES: Final = 4096
DAMAGED, NOT_RUN = 1, 2
FILE = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Seal a trading day once the market has closed."""


@main.command()
@click.option(
    "--session", "session_file", type=FILE, help="session.yaml of the operator: names session, account and config."
)
@click.option("--profile", "profile_file", type=FILE, required=True, help="The profile that the day ran with.")
@click.option("--name", default="", help="By hand: of the session; default: the profile file's name.")
@click.option("--account", default="SIM001", show_default=True, help="By hand: the account's user id.")
@click.option("--date", required=True, help="The trading date, YYYY-MM-DD.")
@click.option("--archive", "root", type=FILE, required=True, help="Where days are kept.")
@click.option("--database", "database_url", help="Default: the mounted Secret's `url`.")
@click.option("--metrics", multiple=True, metavar="URL", help="/metrics of each trader; may stand several times.")
@click.option("--logs", multiple=True, type=FILE, help="A log file, or a folder of *.log; may stand several times.")
@click.option(
    "--drills", multiple=True, type=FILE, help="Verdicts of the day's drills (JSON); may stand several times."
)
@click.option("--image", "images", multiple=True, help="Image with digest that the day ran; may stand several times.")
@click.option("--git-sha", envvar="GIT_SHA", default="", help="Default: the image's; by hand the working copy's.")
@click.option("--credentials", type=FILE, default=Path(os.environ.get("TRADER_CREDENTIALS", CREDENTIALS)))
@click.option(
    "--keep-days", type=click.IntRange(0), default=0, help="Remove sealed days that lie further back; 0 keeps all."
)
@click.option(
    "--lasting", is_flag=True, help="The archive outlives this run: traders may forget, in time, what it holds."
)
@click.option(
    "--notifications",
    type=FILE,
    default=Path(os.environ.get("TRADER_NOTIFICATIONS", NOTIFICATIONS)),
    help="Folder whose `urls` says whom to tell: one Apprise URL a line. Without it nobody is told.",
)
@click.option("--termination-log", "termination_file", type=FILE, help="The result in at most 4,096 bytes.")
def run(  # noqa: PLR0917 - one for each option
    session_file: Path | None,
    profile_file: Path,
    name: str,
    account: str,
    date: str,
    root: Path,
    database_url: str | None,
    metrics: tuple[str, ...],
    logs: tuple[Path, ...],
    drills: tuple[Path, ...],
    images: tuple[str, ...],
    git_sha: str,
    credentials: Path,
    keep_days: int,
    lasting: bool,
    notifications: Path,
    termination_file: Path | None,
) -> None:
    """Seal a day; a day that is sealed already is verified, and not touched."""
    began = time.monotonic()
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "session": name,
        "date": date,
        "result": "Failed",
        "passed": False,
        "reason": "",
    }
    try:
        dt.date.fromisoformat(date)
        session, account, config_hash = _names(session_file, profile_file, name, account)
        wanted = Wanted(
            session=session,
            account=account,
            config_hash=config_hash,
            date=date,
            database_url=database_url or _mounted_url(),
            root=root,
            files=tuple(each for each in (session_file, profile_file) if each is not None),
            logs=logs,
            metrics=metrics,
            drills=drills,
            images=images,
            git_sha=git_sha or _git_sha(),
            credentials=credentials,
            notifications=notifications,
            keep_days=keep_days,
            is_lasting=lasting,
        )
        result |= {"session": session}
        code, found = 0, seal_day(wanted)
        result |= found | {"passed": True}
    except (ArchiveDamagedError, SnapshotMismatchError) as error:
        code, result["reason"] = DAMAGED, str(error)
    except (NotRunError, SnapshotError, ConfigInvalid, OSError, ValueError) as error:
        code, result["reason"] = NOT_RUN, str(error)
    if message := _news(result, code, root):
        result["told"] = tell(notifications, *message)
    result["seconds"] = round(time.monotonic() - began, 1)
    if termination_file is not None:
        termination_file.write_text(_fitting(result), encoding="utf-8")
    if code:
        click.echo(f"post-close: {result['reason']}", err=True)
    click.echo(json.dumps(result, indent=2))
    sys.exit(code)


@main.command()
@click.argument("folder", type=FILE)
def verify(folder: Path) -> None:
    """Check the sums of a sealed day, restore its snapshot into a scratch file, and compare."""
    try:
        manifest = archive.verify(folder)
    except ArchiveDamagedError as error:
        click.echo(f"post-close: {folder}: {error}", err=True)
        sys.exit(DAMAGED)
    click.echo(f"{folder}: whole; {sum(manifest['snapshot']['rows'].values())} rows restored and compared")


@main.command()
@click.argument("folder", type=FILE)
@click.option("--database", "database_url", required=True, help="An empty postgresql://… or sqlite:///…")
def restore(folder: Path, database_url: str) -> None:
    """Put the snapshot of a sealed day into an empty database, and compare."""
    try:
        manifest = archive.verify(folder)
        with tempfile.TemporaryDirectory(prefix="postclose-") as scratch:
            file = Path(scratch) / archive.SNAPSHOT
            archive.unpack_snapshot(folder, file)
            found = snapshot.restore(file, database_url)
    except ArchiveDamagedError as error:
        click.echo(f"post-close: {folder}: {error}", err=True)
        sys.exit(DAMAGED)
    except SnapshotError as error:
        click.echo(f"post-close: {error}", err=True)
        sys.exit(NOT_RUN)
    if found.digests != manifest["snapshot"]["digests"]:
        click.echo("post-close: what was restored differs from the snapshot", err=True)
        sys.exit(DAMAGED)
    click.echo(f"{found.total} rows restored and compared")


@main.command()
@click.option("--pod", "pods", multiple=True, required=True, help="A trader's pod; may stand several times.")
@click.option("--namespace", required=True, help="Where the pods are.")
@click.option("--into", type=FILE, required=True, help="The folder that `run --logs` is then given.")
@click.option("--kubeconfig", type=FILE, help="By hand; default: the pod's service account.")
def logs(pods: tuple[str, ...], namespace: str, into: Path, kubeconfig: Path | None) -> None:
    """Fetch what the traders wrote; what cannot be had is noted, and is no failure."""
    try:
        collect(new_client(kubeconfig), namespace, pods, into)
    except (ConfigException, OSError) as error:
        click.echo(f"post-close: {error}", err=True)
        sys.exit(NOT_RUN)
    found = ", ".join(f"{each.name} ({each.stat().st_size:,} bytes)" for each in sorted(into.glob("*.log")))
    click.echo(f"{found or 'no log'}\n{(into / MISSING).read_text(encoding='utf-8')}".rstrip())


def _news(result: dict[str, Any], code: int, root: Path) -> tuple[str, str] | None:
    """Title and text of what the desk should hear: a day that was sealed now, or one that is damaged; not every try."""
    day = f"{result['session']} {result['date']}"
    if code == DAMAGED:
        return f"{day}: NOT SEALED", result["reason"]
    if result["result"] != "Archived":
        return None
    return f"{day}: sealed", (root / result["archive"] / "report.txt").read_text(encoding="utf-8")


def _names(session_file: Path | None, profile_file: Path, name: str, account: str) -> tuple[str, str, str]:
    profile_hash = hashlib.sha256(profile_file.read_bytes()).hexdigest()
    if session_file is None:
        return name or profile_file.stem, account, profile_hash
    session = load(session_file, SessionFile)
    return session.session.name, session.account.id, session.config.hash or profile_hash


def _mounted_url() -> str:
    file = Path(os.environ.get("TRADER_DATABASE", DATABASE)) / "url"
    try:
        return read_credential(file)
    except CredentialsMissing as missing:
        raise NotRunError(f"--database: {missing}") from missing


def _git_sha() -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        return found.stdout.strip()
    return "unknown"


def _fitting(result: dict[str, Any]) -> str:
    """In what Kubernetes keeps of a termination message."""
    text = json.dumps(result, separators=(",", ":"))
    return text if len(text.encode()) <= TERMINATION_BYTES else json.dumps(result | {"reason": result["reason"][:500]})
