"""The first process of a trader's container: real processes, real signals, an API server over real sockets."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.component.trader.api_server import LEASE, ApiServer

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]

PATH = f"{LEASE}/account-ab1234"
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from trader.adapters.lease_of_the_dead import ApiServer, release_lease_of
from trader.app.supervising import supervise

port, token, child = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
server = ApiServer("127.0.0.1", port, token, None)
supervise(lambda: release_lease_of("uid-0", "desk", "account-ab1234", server))
exec(child)
"""
DIES = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """An API server with the account's Lease, held by this pod."""
    found = ApiServer()
    found.put(PATH, lease("index-trader-0_uid-0_nonce"))
    yield found
    found.close()


def lease(holder: str) -> dict[str, Any]:
    """A Lease with an annotation that must survive."""
    return {
        "metadata": {"name": "account-ab1234", "uid": "u", "annotations": {"tradeops.dev/epoch": "7"}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3},
    }


def start(server: ApiServer, directory: Path, child: str) -> subprocess.Popen[str]:
    """Supervise a child that runs this code."""
    token = directory / "token"
    token.write_text("secret-token\n")
    command = [sys.executable, "-c", PROGRAM, str(server.port), str(token), child]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def end(process: subprocess.Popen[str]) -> str:
    """Wait for the end; returns what was printed."""
    try:
        return process.communicate(timeout=20)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_the_lease_of_an_engine_that_was_killed_is_given_back(server: ApiServer, tmp_path: Path) -> None:
    """Whoever watches it may take it at once; the rest of the object stays."""
    process = start(server, tmp_path, DIES)
    printed = end(process)
    assert process.returncode == 128 + signal.SIGKILL
    assert '"lease": "released"' in printed
    assert "secret-token" not in printed
    stored = server.objects[PATH]
    assert (stored["spec"]["holderIdentity"], stored["spec"]["leaseDurationSeconds"]) == ("", 1)
    assert (stored["spec"]["leaseTransitions"], stored["metadata"]["annotations"]) == (3, {"tradeops.dev/epoch": "7"})


@pytest.mark.parametrize("holder", ["index-trader-1_uid-1_nonce", ""])
def test_a_lease_that_is_not_ours_is_left_alone(server: ApiServer, tmp_path: Path, holder: str) -> None:
    """The successor was quicker."""
    server.put(PATH, lease(holder))
    before = server.objects[PATH]
    assert f"held by {holder or 'nobody'}" in end(start(server, tmp_path, DIES))
    assert server.objects[PATH] == before


def test_a_write_in_between_wins(server: ApiServer, tmp_path: Path) -> None:
    """Compare and swap: the answer to the PUT is 409."""
    server.statuses = [None, 409]
    assert "PUT answered 409" in end(start(server, tmp_path, DIES))
    assert server.objects[PATH]["spec"]["holderIdentity"] == "index-trader-0_uid-0_nonce"


def test_an_api_server_that_hangs_is_not_waited_for(server: ApiServer, tmp_path: Path) -> None:
    """The container must end, so that the kubelet can start it anew."""
    server.statuses = [0]
    begin = time.monotonic()
    assert "not released: TimeoutError" in end(start(server, tmp_path, DIES))
    assert time.monotonic() - begin < 8


@pytest.mark.parametrize("code", [0, 2])
def test_an_orderly_end_asks_nothing_of_the_api_server(server: ApiServer, tmp_path: Path, code: int) -> None:
    """The engine has released by itself, or never led."""
    process = start(server, tmp_path, f"sys.exit({code})")
    assert end(process) == ""
    assert process.returncode == code
    assert server.requests == []


def test_a_failed_engine_gives_its_code_on(server: ApiServer, tmp_path: Path) -> None:
    """The kubelet shows it."""
    process = start(server, tmp_path, "sys.exit(70)")
    assert '"exit_code": 70' in end(process)
    assert process.returncode == 70


def test_a_fenced_engine_is_started_anew_to_stand_by(server: ApiServer, tmp_path: Path) -> None:
    """At once, in the same container, and without touching the Lease: it is the successor's."""
    child = (
        f"mark = Path({str(tmp_path / 'fenced')!r})\n"
        "if not mark.exists():\n    mark.touch()\n    sys.exit(75)\nprint('standing by', flush=True)"
    )
    process = start(server, tmp_path, child)
    printed = end(process).splitlines()
    assert '"event": "engine_fenced"' in printed[0]
    assert printed[1:] == ["standing by"]
    assert process.returncode == 0
    assert server.requests == []


def test_an_engine_that_is_fenced_while_it_stops_is_not_started_anew(server: ApiServer, tmp_path: Path) -> None:
    """The pod is to end."""
    child = (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\nprint('ready', flush=True)\nwhile True: time.sleep(1)"
    )
    process = start(server, tmp_path, child)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    end(process)
    assert process.returncode == 75


def test_sigterm_reaches_the_engine_and_its_answer_is_awaited(server: ApiServer, tmp_path: Path) -> None:
    """A planned end stays a planned end."""
    child = (
        "signal.signal(signal.SIGTERM, lambda *_: (print('stopping', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\nwhile True: time.sleep(1)"
    )
    process = start(server, tmp_path, child)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert end(process) == "stopping\n"
    assert process.returncode == 0
