"""Programs of a drill: started with their output in a file, ended for certain, killed and frozen on purpose."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ops.drills.framework import NotSteadyError

T = TypeVar("T")
END_SECONDS = 10.0


def program(name: str) -> str:
    """A console script of this installation.

    Raises:
        NotSteadyError: it is not installed here.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise NotSteadyError(f"{name} is not installed beside {sys.executable}")
    return found


class Program:
    """One process. What it says goes into a file, so that no pipe can fill up and stop it."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=dict(environment)
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        self._process.kill()
        self._process.wait(END_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing and knows nothing, until `thaw`. Stopped when this returns."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """SIGTERM, then SIGKILL if it takes too long; thawed first, for a frozen process ends by nothing else."""
        if self.exit_code is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def said(self) -> str:
        """Everything it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def seconds_until(holds: Callable[[], object], limit: float, look: float = 0.02) -> float | None:
    """How long it took until this held; None when it never did. What is asked tells nobody, so it is looked at."""
    began = time.monotonic()
    while True:
        if holds():
            return time.monotonic() - began
        if time.monotonic() - began > limit:
            return None
        time.sleep(look)


def awaited(find: Callable[[], T | None], limit: float, what: str) -> T:
    """The first thing found.

    Raises:
        NotSteadyError: nothing was, in time.
    """
    began = time.monotonic()
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() - began > limit:
            raise NotSteadyError(f"{what}: not within {limit:g} s")
        time.sleep(0.05)
