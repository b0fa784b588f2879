"""Trader processes without their start-up cost: each is forked from a server that has loaded what a trader loads.

What runs is the console script's own `main`, in a process of its own, with its own environment: it can be killed and frozen like
any other. Only the four seconds of a processor that its imports take are spent once, and not once for each test.
"""

import importlib
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kubernetes.config import kube_config

from ops.drills.processes import END_SECONDS, Program, awaited
from ops.drills.traders import Identity, Trader
from tests.component.faults import checkpoints, wall_clocks
from tests.component.faults.account import SOON

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        __name__,
        "trader.app.cli",
        "trader.app.in_cluster",
        "trader.app.running",
        "trader.app.wiring",
        "alembic.command",
        "sqlalchemy.dialects.postgresql.psycopg",
    ]
)


def _become_trader(arguments: list[str], log: str, environment: Mapping[str, str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for each in (1, 2):
        os.dup2(output, each)
    os.environ.clear()
    os.environ.update(environment)
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = environment["KUBECONFIG"]  # the library reads it when it is loaded
    if said := environment.get(checkpoints.VARIABLE):
        checkpoints.stop_at(said)
    if path := environment.get(wall_clocks.VARIABLE):
        wall_clocks.follow(path)
    sys.argv = ["trader", *arguments]
    entry = importlib.import_module("trader.app.entry")
    entry.main()


class ForkedProgram(Program):
    """One process, forked instead of started."""

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        self._forked = _FORKS.Process(target=_become_trader, args=(arguments, str(log), dict(environment)))
        self._forked.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._forked.exitcode

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        self._forked.kill()
        self._forked.join(END_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP; stopped when this returns."""
        self._signal(signal.SIGSTOP)
        awaited(self.is_stopped, END_SECONDS, "the process is stopped")

    def is_stopped(self) -> bool:
        """Whether it was stopped, by whomever."""
        return self._state() == "T"

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it: a test has seen what it wanted."""
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._forked.pid is not None
        os.kill(self._forked.pid, number)

    def _state(self) -> str:
        """One letter (proc(5): /proc/pid/stat)."""
        return Path(f"/proc/{self._forked.pid}/stat").read_text().rpartition(")")[2].split()[0]


class ForkedTrader(Trader):
    """A trader process and its HTTP API."""

    patience = SOON
    """No promise of the product is about its API's answers, and a network broken on purpose or a busy machine delays them."""

    def __init__(self, who: Identity, folder: Path, environment: dict[str, str], files: tuple[Path, Path]) -> None:
        self.who = who
        session, profile = map(str, files)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        arguments = ["run", "--session", session, "--config", profile, "--http", f"127.0.0.1:{self.port}"]
        self.program = ForkedProgram(arguments, folder / "trader.log", environment)
