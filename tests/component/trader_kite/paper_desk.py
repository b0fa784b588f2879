"""A desk that trades on paper: an API server, real trader processes, and what a test asks of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from kitesim.server import RunningSimulator
from ops.judging import checkers
from tests.component.trader.api_server import LEASE, SESSIONS, ApiServer
from tests.component.trader_kite.test_run_in_a_pod import KUBECONFIG, free_port, pod
from trader.adapters.kubernetes_reviews import AUDIENCE

ACCOUNT, PAPER = "AB1234", "AB1234paper"
LEASE_PATH = f"{LEASE}/account-ab1234"
SESSION_PATH = f"{SESSIONS}/index-intraday"
TEXT = """
session: {{name: index-intraday, namespace: desk, uid: 6f1c}}
account: {{id: AB1234, foreign: Refuse}}
broker: {{type: Kitesim, url: "{url}", streamURL: "{stream_url}"{paper}}}
lease: {{name: account-ab1234, durationSeconds: 8, renewDeadlineSeconds: 4, retryPeriodSeconds: 1}}
calendar: {{exchange: AlwaysOpen, timezone: Asia/Kolkata}}
strategies: [{{name: signal-intake, parameters: {{}}}}]
"""
FUTURE = "NFO:NIFTY26DECFUT"
BEARER = {"Authorization": "Bearer desk"}
SETTLES_SECONDS = 30


class PaperDesk:
    """One account's session, its pods and the exchange of its broker."""

    def __init__(self, directory: Path, exchange: RunningSimulator, mirror: RunningSimulator | None = None) -> None:
        self._directory = directory
        self.exchange = exchange
        self.mirror = mirror
        paper = "" if mirror is None else f', paper: {{url: "{mirror.url}", streamURL: "{mirror.stream_url}"}}'
        self._text = TEXT.format(url=exchange.url, stream_url=exchange.stream_url, paper=paper)
        self.api = ApiServer()
        self.api.users[("desk", AUDIENCE)] = {"username": "desk"}
        self.api.allowed |= {("desk", "get", "state"), ("desk", "create", "signal"), ("desk", "create", "kill")}
        self.api.put(LEASE_PATH, {"metadata": {"name": "account-ab1234", "namespace": "desk", "uid": "u"}, "spec": {}})
        self.want("Paper")
        (directory / "database").mkdir()
        (directory / "database" / "url").write_text(f"sqlite:///{directory / 'journal.db'}")
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self._ports: dict[int, int] = {}
        self._stack = AsyncExitStack()
        self._reading: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End every pod."""
        await self._stack.aclose()
        await asyncio.gather(*self._reading)
        self.api.close()

    def want(self, mode: str) -> None:
        """Edit the session's spec."""
        known = self.api.objects.get(SESSION_PATH, {"metadata": {"generation": 0}})
        generation = known["metadata"]["generation"] + 1
        metadata = {"name": "index-intraday", "uid": "6f1c", "generation": generation}
        self.api.put(SESSION_PATH, {"metadata": metadata, "spec": {"mode": mode}})

    async def start(self, number: int) -> None:
        """Start the pod with this number."""
        self._ports[number] = free_port()
        directory = self._directory / f"pod-{number}"
        directory.mkdir(exist_ok=True)
        environment = {
            "POD_NAME": f"index-intraday-trader-{number}",
            "POD_UID": f"uid-{number}",
            "TRADER_DATABASE": str(self._directory / "database"),
            "TRADER_EMERGENCY": str(directory / "emergency"),
        }
        kubeconfig = KUBECONFIG.replace("http://127.0.0.1:1", self.api.new_client().configuration.host)
        running = pod(directory, self._ports[number], self._text, kubeconfig, **environment)
        process = self.processes[number] = await self._stack.enter_async_context(running)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            self._reading.add(asyncio.create_task(_keep(stream, directory / "trader.log")))

    async def kill(self, number: int) -> None:
        """SIGKILL."""
        self.processes[number].kill()
        await self.processes[number].wait()

    async def asked(self, number: int, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One request to a pod."""
        address = f"http://127.0.0.1:{self._ports[number]}{path}"
        async with httpx.AsyncClient(trust_env=False, headers=BEARER, timeout=15) as http:
            return await (http.get(address) if body is None else http.post(address, json=body))

    async def shows(self, number: int, seconds: float, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """`/v1/state` of a pod, once something holds of it."""
        seen: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        seen = (await self.asked(number, "/v1/state")).json()
                        if holds(seen):
                            return seen
                    except (httpx.TransportError, json.JSONDecodeError, KeyError):
                        pass
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"pod {number} shows {seen}") from None

    async def trades(self, number: int, *, on_paper: bool, seconds: float = 150) -> dict[str, Any]:
        """Wait until the pod leads, and may enter, on this footing."""
        state = "PAPER" if on_paper else "LIVE"

        def is_so(seen: dict[str, Any]) -> bool:
            may_enter = not seen["message"] or seen["message"].startswith("trades on paper")
            told = (seen["isLeader"], seen["tradingState"], seen["onPaper"])
            return may_enter and told == (True, state, on_paper)

        return await self.shows(number, seconds, is_so)

    async def enter(self, number: int, key: str, price: float, side: str = "BUY") -> dict[str, Any]:
        """Bring a signal with a stop 60 rupees away and a target 120; the state once its position is protected.

        As whoever brings signals does, it asks again where it is too early: an order book that tells of a fill before the
        stream does has to agree twice anew before there is new risk.
        """
        away = 6_000 if side == "BUY" else -6_000
        paise = round(price * 100)
        body: dict[str, Any] = {"key": key, "instrument": FUTURE, "side": side}
        body |= {"stopPricePaise": paise - away, "targetPricePaise": paise + 2 * away}
        answer = await self.asked(number, "/v1/signals", body)
        async with asyncio.timeout(SETTLES_SECONDS):
            while answer.status_code != 202 and answer.json()["code"] == "NOT_LIVE":
                await asyncio.sleep(0.1)
                answer = await self.asked(number, "/v1/signals", body)
        assert answer.status_code == 202, answer.text
        return await self.shows(number, 60, is_protected)

    def lease(self) -> tuple[str, dict[str, Any]]:
        """Trading state and report, as the leader wrote them."""
        told = self.api.objects[LEASE_PATH]["metadata"]["annotations"]
        return told["tradeops.dev/trading-state"], json.loads(told["tradeops.dev/report"])


async def _keep(stream: asyncio.StreamReader, file: Path) -> None:
    """What a pod says, for whoever looks into a failure; unread, its pipe would fill and stop it."""
    async for line in stream:
        with file.open("ab") as log:
            log.write(line)


def is_protected(seen: dict[str, Any]) -> bool:
    """One bracket, which holds something and whose stop and target work."""
    return len(seen["brackets"]) == 1 and seen["brackets"][0]["state"] == "protected"


def is_flat(seen: dict[str, Any]) -> bool:
    """Nothing is open."""
    return bool(seen["isLeader"] and seen["isFlat"] and not seen["brackets"] and not seen["orders"]["working"])


async def force(exchange: RunningSimulator, price: float, hold_seconds: float = 600) -> None:
    """Put the future at a price, and hold it there."""
    async with httpx.AsyncClient(trust_env=False) as http:
        body = {"instrument": FUTURE, "price": price, "hold_seconds": hold_seconds}
        (await http.post(f"{exchange.url}/sim/price", json=body)).raise_for_status()


async def log_of(exchange: RunningSimulator) -> list[dict[str, Any]]:
    """All that an exchange saw."""
    async with httpx.AsyncClient(base_url=exchange.url, trust_env=False) as http:
        entries: list[dict[str, Any]] = (await http.get("/sim/log", params={"limit": 10_000})).json()["entries"]
    return entries


def users(entries: list[dict[str, Any]], kind: str = "order_accepted") -> list[str]:
    """Whose entries of a kind these are."""
    return sorted({each["user_id"] for each in entries if each["kind"] == kind})


def broken(entries: list[dict[str, Any]], user_id: str) -> dict[str, list[str]]:
    """What the checkers find wrong with one user's orders."""
    mine = {each.get("order_id") for each in entries if each.get("user_id") == user_id and "order_id" in each}
    found = checkers.judge([each for each in entries if each.get("order_id") in mine], time.time_ns())
    return {promise: faults for promise, faults in found.items() if faults}


@asynccontextmanager
async def desk_of(
    directory: Path, exchange: RunningSimulator, mirror: RunningSimulator | None = None
) -> AsyncIterator[PaperDesk]:
    """A desk in mode Paper whose pods are not started yet."""
    desk = PaperDesk(directory, exchange, mirror)
    try:
        yield desk
    finally:
        await desk.close()
