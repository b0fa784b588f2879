"""A standby has no socket at the broker: by the simulator's own log, and by the kernel's list of connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from tests.component.trader.api_server import LEASE, SESSIONS, ApiServer
from tests.component.trader_kite.test_run_in_a_pod import KUBECONFIG, SESSION, free_port, pod, readiness

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

LEASE_PATH = f"{LEASE}/account-ab1234"
ESTABLISHED = "01"


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    """An exchange in this process."""
    running = await start(SimulatorConfig(port=0, seed=3, speed=8, start="09:28:20", funds=50_000_000))
    yield running
    await running.stop()


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server whose Lease somebody else holds, and a session that wants to trade."""
    server = ApiServer()
    server.put(LEASE_PATH, {"metadata": {"name": "account-ab1234", "namespace": "desk", "uid": "u"}, "spec": {}})
    hold(server, "trader-1_other_boot")
    session = {"metadata": {"name": "index-intraday", "uid": "6f1c", "generation": 1}, "spec": {"mode": "Live"}}
    server.put(f"{SESSIONS}/index-intraday", session)
    yield server
    server.close()


def hold(api: ApiServer, holder: str) -> None:
    """Write a holder into the Lease, as another pod would; empty releases it."""
    lease = api.objects[LEASE_PATH]
    lease["spec"] |= {"holderIdentity": holder, "leaseDurationSeconds": 60, "renewTime": str(time.time_ns())}
    api.put(LEASE_PATH, lease)


def connections(process_id: int, port: int) -> int:
    """Established connections of a process to a port of loopback (proc(5): /proc/net/tcp)."""
    inodes = set()
    for link in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path(f"/proc/{process_id}/net/tcp").read_text().splitlines()[1:]]
    return sum(
        1 for row in rows if row[9] in inodes and row[3] == ESTABLISHED and int(row[2].split(":")[1], 16) == port
    )


async def log(simulator: RunningSimulator) -> list[dict[str, Any]]:
    """What the exchange saw: requests, logins, streams; but for our own look at its log."""
    async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as http:
        entries = (await http.get("/sim/log")).json()["entries"]
    kinds = {"request", "login", "stream_opened", "stream_closed"}
    return [each for each in entries if each["kind"] in kinds and each.get("path") != "/sim/log"]


async def until(seconds: float, holds: Callable[[], Any]) -> None:
    """Wait for something that nobody tells us."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.05)


async def test_a_standby_never_touches_the_broker(tmp_path: Path, simulator: RunningSimulator, api: ApiServer) -> None:
    """Nothing while another holds the Lease; it connects when it leads; revoked, it hangs up and is silent again."""
    (tmp_path / "database").mkdir()
    (tmp_path / "database" / "url").write_text(f"sqlite:///{tmp_path / 'journal.db'}")
    port, broker_port = free_port(), urlsplit(simulator.url).port
    assert broker_port is not None
    text = SESSION.replace("http://127.0.0.1:1", simulator.url).replace("ws://127.0.0.1:1", simulator.stream_url)
    server = api.new_client().configuration.host
    api_kubeconfig = KUBECONFIG.replace("http://127.0.0.1:1", server)
    async with pod(tmp_path, port, text, kubeconfig=api_kubeconfig) as process:

        def connected() -> int:
            return connections(process.pid, broker_port)

        async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            while True:
                try:
                    if (await http.get("/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        await asyncio.sleep(2)  # two polls of a clock, had there been one
        assert (await log(simulator), connected()) == ([], 0)

        hold(api, "")
        await until(30, lambda: api.objects[LEASE_PATH]["spec"]["holderIdentity"].startswith("index-intraday-trader-0"))
        await until(30, connected)
        await until(30, lambda: "LIVE" in str(api.objects[LEASE_PATH]["metadata"].get("annotations")))
        seen = await log(simulator)
        assert "/orders" in {each.get("path") for each in seen}
        assert any(each["kind"] == "stream_opened" for each in seen)

        lease = api.objects[LEASE_PATH]
        lease["metadata"]["annotations"]["tradeops.dev/revoke"] = lease["spec"]["holderIdentity"]
        api.put(LEASE_PATH, lease)
        await until(30, lambda: not api.objects[LEASE_PATH]["spec"]["holderIdentity"])
        hold(api, "trader-1_other_boot")
        await until(10, lambda: not connected())
        before = len(await log(simulator))
        await asyncio.sleep(2)
        assert (len(await log(simulator)), connected()) == (before, 0)
        assert process.returncode is None, "it stands by"


async def test_a_leader_without_its_broker_says_so_and_lets_go(tmp_path: Path, api: ApiServer) -> None:
    """It wins the Lease, finds nothing at the broker's address, is not ready, says why, and leaves the Lease to others."""
    (tmp_path / "database").mkdir()
    (tmp_path / "database" / "url").write_text(f"sqlite:///{tmp_path / 'journal.db'}")
    kubeconfig = KUBECONFIG.replace("http://127.0.0.1:1", api.new_client().configuration.host)
    hold(api, "")
    port = free_port()
    async with pod(tmp_path, port, kubeconfig=kubeconfig) as process:
        answer = await readiness(port, "the broker cannot be used: no market time from http://127.0.0.1:1/sim/clock")
        assert answer.status_code == 503
        await until(10, lambda: not api.objects[LEASE_PATH]["spec"]["holderIdentity"])
        assert process.returncode is None
