"""A kitesim on a free port, in a thread of its own, and official clients that talk to it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import requests
from kiteconnect import KiteConnect

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start

if TYPE_CHECKING:
    from .tickers import Ticker

FUTURE = "NIFTY26DECFUT"
_users = count(1)
T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = 10.0) -> T:
    """Return the first true answer; fail when none came in time."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return answer


class Exchange:
    """A running kitesim, seen from outside."""

    def __init__(self, **settings: object) -> None:
        self.config = SimulatorConfig.model_validate({"port": 0, "seed": 7, "date": "2026-11-23", **settings})
        self._ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "kitesim did not start"
        self._clients = ExitStack()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.running: RunningSimulator = await start(self.config)
        self.url, self.stream_url = self.running.url, self.running.stream_url
        self._ready.set()
        await self._stop.wait()
        await self.running.stop()

    def stop(self) -> None:
        """Stop it and close all clients."""
        self._clients.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        assert not self._thread.is_alive(), "kitesim did not stop"

    def control(self, method: str, path: str, /, **body: object) -> Any:
        """Call a control route."""
        reply = requests.request(method, f"{self.url}/sim/{path}", json=body or None, timeout=15)
        assert reply.ok, reply.text
        return reply.json()

    def user(self) -> str:
        """Return a user id that nobody has used."""
        return f"KT{next(_users):04d}"

    def client(self, user_id: str | None = None) -> KiteConnect:
        """Return an official client with a session."""
        login = self.control("POST", "login", user_id=user_id or self.user())
        kite = KiteConnect(login["api_key"], root=self.url)
        self._clients.callback(kite.reqsession.close)
        session = kite.generate_session(login["request_token"], login["api_secret"])
        kite.set_access_token(session["access_token"])
        return kite

    def log(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """Return the entries of a kind."""
        entries = self.control("GET", f"log?since={since}&limit=10000")["entries"]
        return [entry for entry in entries if entry["kind"] == kind]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a kitesim without rate limits and with much money, shared by a module's tests."""
    made = Exchange(funds=50_000_000, limits={"enabled": False})
    yield made
    made.stop()


@pytest.fixture
def make_exchange() -> Iterator[Callable[..., Exchange]]:
    """Return a maker of kitesims with a configuration of their own."""
    made: list[Exchange] = []

    def make(**settings: object) -> Exchange:
        made.append(Exchange(**settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def make_ticker() -> Iterator[Callable[..., "Ticker"]]:
    """Return a maker of tickers that end with the test."""
    from .tickers import Ticker

    made: list[Ticker] = []

    def make(*arguments: Any, **options: Any) -> Ticker:
        made.append(Ticker(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()
