"""`trader run --session` waits for what is missing and says what it is; what is wrong for good ends it with 2."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from trader.engine.emergency import EmergencyJournal

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]

TRADER = Path(sys.executable).with_name("trader")
SESSION = """
session: {name: index-intraday, namespace: desk, uid: 6f1c}
account: {id: AB1234, foreign: Refuse}
broker: {type: Kitesim, url: "http://127.0.0.1:1", streamURL: "ws://127.0.0.1:1"}
lease: {name: account-ab1234, durationSeconds: 15, renewDeadlineSeconds: 8, retryPeriodSeconds: 2}
calendar: {exchange: AlwaysOpen, timezone: Asia/Kolkata}
strategies: [{name: opening-range-breakout, parameters: {}}]
"""
# An API server that nobody serves: enough to connect to, nothing is asked of it before the rest is there.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
users: [{name: test, user: {}}]
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def pod(
    directory: Path, port: int, session: str = SESSION, kubeconfig: str = KUBECONFIG, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The trader as the operator starts it, with mounts in a directory."""
    (directory / "session.yaml").write_text(session)
    (directory / "kubeconfig").write_text(kubeconfig)
    mounts = {
        "KUBECONFIG": str(directory / "kubeconfig"),
        "TRADER_CREDENTIALS": str(directory / "credentials"),
        "TRADER_DATABASE": str(directory / "database"),
        "TRADER_EMERGENCY": str(directory / "emergency"),
        "POD_NAME": "index-intraday-trader-0",
        "POD_UID": "uid",
        "POD_NAMESPACE": "desk",
        "NODE_NAME": "worker",
    }
    command = ["run", "--session", str(directory / "session.yaml"), "--config", "configs/paper.yaml"]
    process = await asyncio.create_subprocess_exec(
        TRADER,
        *command,
        *("--http", f"127.0.0.1:{port}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **mounts, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def readiness(port: int, expected: str) -> httpx.Response:
    """The first answer of /readyz that holds this text."""
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        while True:
            try:
                answer = await http.get("/readyz")
                if expected in answer.text:
                    assert (await http.get("/healthz")).status_code == 200
                    return answer
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def test_what_is_missing_is_waited_for_in_words(tmp_path: Path) -> None:
    """First the Secret of the database, then the database: alive, not ready, and ended by SIGTERM with 0.

    The broker is not waited for: a standby does not ask it.
    """
    port = free_port()
    async with pod(tmp_path, port) as process:
        answer = await readiness(port, "database/url")
        assert answer.status_code == 503
        (tmp_path / "database").mkdir()
        (tmp_path / "database" / "url").write_text("postgresql://trader:secret@127.0.0.1:1/trading")
        await readiness(port, "database/url does not answer")
        (tmp_path / "database" / "url").write_text(f"sqlite:///{tmp_path / 'journal.db'}")
        await readiness(port, "ok")
        process.send_signal(signal.SIGTERM)
        said, errors = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, errors
    assert b"not_ready" in said
    assert b"secret" not in said
    assert b"Traceback" not in said + errors


async def test_a_kill_needs_neither_api_server_nor_database_nor_engine(tmp_path: Path) -> None:
    """With everything away the token file's bearer still kills; it is on the disk before it is answered, and the same twice."""
    port = free_port()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "api_token").write_text("break-glass")
    async with pod(tmp_path, port):
        await readiness(port, "database/url")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            body = {"reason": "nothing answers"}
            known, stranger = ({"Authorization": f"Bearer {token}"} for token in ("break-glass", "somebody's"))
            kill = await http.post("/v1/kill", json=body, headers=known)
            again = await http.post("/v1/kill", json=body, headers=known)
            refused = await http.post("/v1/kill", json=body, headers=stranger)
    assert (kill.status_code, again.json()) == (202, kill.json())
    (row,) = EmergencyJournal(tmp_path / "emergency").kills()
    assert (row.kill_id, row.note, row.by) == (kill.json()["id"], "nothing answers", "api token file")
    assert refused.status_code == 503, "nobody else can be proved now"


@pytest.mark.parametrize(
    ("session", "environment", "message"),
    [
        (SESSION.replace("Refuse", "Maybe"), {}, "account.foreign"),
        (SESSION, {"POD_UID": ""}, "POD_UID: is missing from the environment"),
        (SESSION.replace("opening-range-breakout", "astrology"), {}, "unknown strategy 'astrology'"),
        (SESSION, {"KUBECONFIG": "/nowhere"}, "kubernetes: "),
    ],
)
async def test_what_is_wrong_for_good_ends_it(
    tmp_path: Path, session: str, environment: dict[str, str], message: str
) -> None:
    """One message on standard error, exit code 2: a crash loop that tells why."""
    async with pod(tmp_path, free_port(), session, **environment) as process:
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, errors
    assert message in errors.decode()
    assert "Traceback" not in errors.decode()
