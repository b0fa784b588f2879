"""A fresh stack of processes on loopback: an exchange, a trader and their files, all gone when the block ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT
from ops.clients.session import wait_for

PROGRAMS = Path(sys.executable).parent
START_SECONDS = 60.0
END_SECONDS = 40.0
SEED = 7
SPEED = 60
FUNDS = 50_000_000


class StackError(RuntimeError):
    """A part of the stack did not come up, or ended; the message has its last words."""


class Trader:
    """A trader by hand, through its HTTP API."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self.process = process
        self._directory = directory

    def state(self) -> dict[str, Any]:
        """`/v1/state`."""
        return self._ask("GET", "/v1/state", None)

    def kill(self, reason: str) -> str:
        """`POST /v1/kill`; returns the kill's id."""
        return str(self._ask("POST", "/v1/kill", {"reason": reason})["id"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        url = (self._directory / "http.url").read_text(encoding="utf-8").strip()
        token = (self._directory / "credentials" / "api_token").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def exchange() -> Iterator[Exchange]:
    """A kitesim of its own, at a market minute a second."""
    command = [str(PROGRAMS / "kitesim"), "serve", "--host", "127.0.0.1", "--port", "0", "--seed", str(SEED)]
    command += ["--speed", str(SPEED), "--funds", str(FUNDS)]
    with _process(command) as process:
        assert process.stdout is not None
        yield Exchange(_first_match(process.stdout, r"listening on (http://\S+)"), "")


@contextmanager
def trader(exchange_url: str, directory: Path, account: str) -> Iterator[Trader]:
    """A trader by hand on a new SQLite journal, against that exchange; asked to stop at the end."""
    command = [str(PROGRAMS / "trader"), "run", "--config", str(ROOT / "configs" / "paper.yaml")]
    command += ["--broker", exchange_url, "--account", account, "--state-directory", str(directory)]
    with (directory / "trader.output").open("w+", encoding="utf-8") as output, _process(command, output) as process:
        found = Trader(process, directory)

        def answers() -> dict[str, Any] | None:
            if process.poll() is not None:
                output.seek(0)
                raise StackError(f"the trader ended with {process.returncode}: {output.read()[-800:]}")
            try:
                return found.state()
            except (urllib.error.URLError, OSError):
                return None

        wait_for("the trader's API", answers, START_SECONDS)
        yield found


@contextmanager
def _process(command: list[str], output: IO[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE if output is None else output,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _first_match(lines: IO[str], pattern: str) -> str:
    """Read until a line matches, and go on reading in the background so that the pipe never fills."""
    found: Queue[str] = Queue()
    said: list[str] = []

    def read() -> None:
        for line in lines:
            if found.empty() and (match := re.search(pattern, line)):
                found.put(match.group(1))
            elif len(said) < 20:
                said.append(line)

    threading.Thread(target=read, daemon=True).start()
    try:
        return found.get(timeout=START_SECONDS)
    except Empty:
        raise StackError(f"no line like {pattern!r} within {START_SECONDS:.0f} s; it said: {''.join(said)}") from None
