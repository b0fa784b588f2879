"""The console script `trader`: it supervises an engine, in a pod and by hand, and everywhere hands over to the command line.

What it decides, it decides before the engine's libraries are loaded (`supervising`).
"""

import os
import sys
from pathlib import Path

from trader.adapters.lease_of_the_dead import ApiServer, api_server_of_the_pod, release_lease_of
from trader.app.supervising import supervise, supervise_with_spare


def main() -> None:
    """Run a command."""
    arguments = sys.argv[1:]
    pod_uid, server = os.environ.get("POD_UID", ""), api_server_of_the_pod()
    session_file = _session_file(arguments)
    if pod_uid and server is not None and session_file is not None:
        supervise(lambda: _release(session_file, pod_uid, server))
    elif _runs_by_hand(arguments, session_file):
        supervise_with_spare(lambda: _load(arguments))
    from trader.app.cli import main as command_line  # noqa: PLC0415 - loads what only the engine's process needs

    command_line()


def _session_file(arguments: list[str]) -> Path | None:
    """The file of `run --session FILE`: only the operator's pods are run so."""
    if arguments[:1] != ["run"]:
        return None
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option == "--session":
            return Path(value)
        if option.startswith("--session="):
            return Path(option.removeprefix("--session="))
    return None


def _runs_by_hand(arguments: list[str], session_file: Path | None) -> bool:
    """Only Linux ends the children of a process that was killed: elsewhere an engine might live on, unseen."""
    return arguments[:1] == ["run"] and session_file is None and "--help" not in arguments and sys.platform == "linux"


def _load(arguments: list[str]) -> None:
    from trader.app.loading import load_engine  # noqa: PLC0415 - in the spare's process only

    load_engine(has_exchange=not any(each.partition("=")[0] == "--broker" for each in arguments))


def _release(session_file: Path, pod_uid: str, server: ApiServer) -> str:
    import yaml  # noqa: PLC0415 - of use only now

    try:
        session = yaml.safe_load(session_file.read_text(encoding="utf-8"))
        namespace, name = session["session"]["namespace"], session["lease"]["name"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        return f"not released: {session_file}: {error!r}"
    return release_lease_of(pod_uid, str(namespace), str(name), server)
