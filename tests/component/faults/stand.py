"""The whole trader process on real PostgreSQL, Redis and kitesim, with a network in between that a test can break.

One account a test: the servers live as long as the folder's tests, and what a test reads of the log is its own account's.
Nothing of the trader is replaced. It is asked through its HTTP API, and judged by the exchange's log alone.
"""

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
import yaml

from ops.drills.control_plane import LEASE, NAMESPACE, SESSION, ControlPlane
from ops.drills.processes import awaited, seconds_until
from ops.drills.traders import API_TOKEN, Trader, identity
from tests.component.faults.account import SOON, TICK_PAISE, UNDERLYING, Account
from tests.component.faults.forked import ForkedTrader
from tests.component.trader.tcp_proxy import Proxy
from trader.adapters.kite.credentials import Token, exchange_request_token
from trader.adapters.sql.store import SqlStore
from trader.domain.values import AccountId, Leg

DESK_TOKEN: Final = "desk"
DESK_USER: Final = "system:serviceaccount:drill:desk"
LEASE_SECONDS: Final = 8
RENEW_SECONDS: Final = 5
READY_SECONDS: Final = 45.0
"""Until a trader is LIVE: generous, for a slow machine makes a test longer, not red."""
LOADED: Final = 1.0
"""What a machine that does other things may add to a promise of the product."""
PROFILE: Final = {
    "name": "faults",
    "per_trade_risk": 0.0005,
    "max_heat": 0.01,
    "max_daily_loss": 0.01,
    "instruments": {"underlyings": [UNDERLYING], "kinds": ["FUT"]},
    "order_rate": {"per_second": 10, "per_minute": 400, "per_day": 5000},
    "heartbeats": {"market_data_seconds": 5, "order_stream_seconds": 5},
    "strategies": {},
}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Servers:
    """What lives longer than one test."""

    kitesim: str
    """Its URL."""
    postgresql: str
    """`host:port`."""
    database: str
    """A migrated one."""
    redis: str
    """The path of its socket."""


@dataclass(frozen=True, slots=True)
class Network:
    """The ways from the trader to the world; each can be broken on its own."""

    broker: Proxy
    stream: Proxy
    database: Proxy
    redis: Proxy
    plane: Proxy


@dataclass(frozen=True, slots=True)
class Answer:
    """Of `POST /v1/signals`."""

    status: int
    verdict: str
    code: str
    intent: str
    detail: str


class Stand(Account):
    """Trader processes of one account, their control plane, and a network that can be broken."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(servers.kitesim, f"FT{next(_NUMBERS):04}")
        self.folder = folder
        self._servers = servers
        self.traders: list[Trader] = []
        self._credentials: dict[str, str] = {}
        self._closing = ExitStack()
        try:
            self.plane = ControlPlane()
            self._closing.callback(self.plane.close)
            self.plane.users[DESK_TOKEN] = {"username": DESK_USER}
            self.plane.allowed |= {
                (DESK_USER, verb, each) for verb in ("get", "create") for each in ("state", "signal")
            }
            self.plane.allowed.add((DESK_USER, "create", "release"))
            venue = urlsplit(servers.kitesim)
            host, port = str(venue.hostname), int(venue.port or 0)
            postgresql = servers.postgresql.split(":")
            self.network = Network(
                self._way(host, port),
                self._way(host, port),
                self._way(postgresql[0], int(postgresql[1])),
                self._way(servers.redis, 0),
                self._way("127.0.0.1", self.plane.port),
            )
            self._files = self._write(folder)
            self._database = f"postgresql://postgres@127.0.0.1:{self.network.database.port}/{servers.database}"
        except BaseException:
            self._closing.close()
            raise

    def close(self) -> None:
        """End everything, in whatever state it is; the exchange forgets the account's faults."""
        for each in self.traders:
            with suppress(OSError):
                each.program.kill()
        self.clear_faults()
        self._closing.close()

    def _way(self, host: str, port: int) -> Proxy:
        return self._closing.enter_context(Proxy(host, port))

    def _write(self, folder: Path) -> tuple[Path, Path]:
        session = {
            "session": {"name": SESSION, "namespace": NAMESPACE, "uid": "session-1"},
            "account": {"id": self.account, "foreign": "Refuse"},
            "broker": {
                "type": "Kitesim",
                "url": f"http://127.0.0.1:{self.network.broker.port}",
                "streamURL": f"ws://127.0.0.1:{self.network.stream.port}",
            },
            "lease": {
                "name": LEASE,
                "durationSeconds": LEASE_SECONDS,
                "renewDeadlineSeconds": RENEW_SECONDS,
                "retryPeriodSeconds": 1,
            },
            "calendar": {"exchange": "AlwaysOpen", "timezone": "Asia/Kolkata"},
            "strategies": [{"name": "signal-intake", "parameters": {"entry_timeout_seconds": 600}}],
            "config": {"stage": "test", "profile": PROFILE["name"], "hash": "f" * 64},
        }
        files = folder / "session.yaml", folder / "profile.yaml"
        for file, content in zip(files, (session, PROFILE), strict=True):
            file.write_text(yaml.safe_dump(content), encoding="utf-8")
        kubeconfig = self.plane.kubeconfig().replace(f":{self.plane.port}", f":{self.network.plane.port}")
        (folder / "kubeconfig").write_text(kubeconfig, encoding="utf-8")
        return files

    # --- traders ---

    def start_trader(self, number: int = 0, environment: Mapping[str, str] | None = None) -> ForkedTrader:
        """One more process of the pod with this number, with this in its environment, too; it need not be ready yet."""
        folder = self.folder / f"process-{len(self.traders) + 1}"
        mounts = {
            "credentials/api_token": API_TOKEN,
            "database/url": self._database,
            "redis/url": f"redis://127.0.0.1:{self.network.redis.port}/0",
        }
        self._mount(folder, mounts | self._credentials)
        who = identity(number)
        whole = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KUBERNETES_", "TRADER_"))},
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "TRADER_CREDENTIALS": str(folder / "credentials"),
            "TRADER_DATABASE": str(folder / "database"),
            "TRADER_REDIS": str(folder / "redis"),
            # The pod's, not the process's: it survives a container's restart.
            "TRADER_EMERGENCY": str(self.folder / f"emergency-{number}"),
            "POD_NAME": who.name,
            "POD_UID": who.uid,
            "POD_NAMESPACE": NAMESPACE,
            "NODE_NAME": "test",
            "NO_PROXY": "127.0.0.1",
            **(environment or {}),
        }
        made = ForkedTrader(who, folder, whole, self._files)
        self.traders.append(made)
        return made

    def _mount(self, folder: Path, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # As the kubelet does it: another file takes the name at once.
            (folder / f"{name}.new").write_text(content, encoding="utf-8")
            (folder / f"{name}.new").rename(folder / name)

    def live(self, trader: Trader | None = None, seconds: float = READY_SECONDS) -> Trader:
        """This trader (a first one, if none is meant) once it takes new risk."""
        trader = trader or self.start_trader()
        awaited(lambda: trader.state().get("tradingState") == "LIVE", seconds, f"{trader.who.name} is LIVE")
        return trader

    def enter(self, trader: Trader, key: str = "one", ticks: int = 40) -> Answer:
        """Bring a signal to buy at most so many ticks above the last price: 40 fills at once, -3 rests inside the spread."""
        body = {
            "key": key,
            "instrument": self.instrument,
            "side": "BUY",
            "entryPricePaise": self.price + ticks * TICK_PAISE,
            "stopPricePaise": self.price * 996 // 1000 // TICK_PAISE * TICK_PAISE,
            "targetPricePaise": self.price * 1008 // 1000 // TICK_PAISE * TICK_PAISE,
        }
        headers = {"Authorization": f"Bearer {DESK_TOKEN}", "Content-Type": "application/json"}
        status, text = trader.ask("/v1/signals", body=json.dumps(body).encode(), headers=headers)
        said = json.loads(text) if text.startswith("{") else {}
        fields = (str(said.get(name) or "") for name in ("verdict", "code", "intent", "detail"))
        return Answer(status, *fields)

    def entered(self, trader: Trader, key: str = "one", ticks: int = 40) -> None:
        """Bring a signal, and see that it entered."""
        answer = self.enter(trader, key, ticks)
        assert answer.verdict == "ENTERED", answer

    def protected(self, trader: Trader, seconds: float = SOON) -> None:
        """Until all that is held has a working stop and a working target, by the trader's word."""
        awaited(lambda: self._is_protected(trader), seconds, f"stop and target stand: {trader.state()}")

    def has_stop(self, trader: Trader, seconds: float = SOON) -> None:
        """Until all that is held has a working stop, by the trader's word: a target may be in doubt for longer."""

        def stops() -> bool:
            brackets = trader.state().get("brackets", [])
            return bool(brackets) and all(
                each["stop"] is not None
                and each["stop"]["status"] == "WORKING"
                and each["stop"]["quantity"] - each["stop"]["filledQuantity"] == each["held"]
                for each in brackets
                if each["held"]
            )

        awaited(stops, seconds, "the stop stands")

    def open_position(self, trader: Trader) -> None:
        """A whole bracket: entry filled, stop and target at work."""
        self.entered(trader)
        self.protected(trader)

    def _is_protected(self, trader: Trader) -> bool:
        brackets = trader.state().get("brackets", [])
        return bool(brackets) and all(
            each["held"]
            and all(
                each[leg] is not None
                and each[leg]["status"] == "WORKING"
                and each[leg]["quantity"] - each[leg]["filledQuantity"] == each["held"]
                for leg in ("stop", "target")
            )
            for each in brackets
        )

    # --- tokens ---

    def person_logs_in(self) -> Token:
        """A person's login: the token goes into the credentials of every process, running or yet to come."""
        granted = self.exchange.post("/sim/login", {"user_id": self.account})
        access_token = exchange_request_token(
            granted["api_key"], granted["api_secret"], granted["request_token"], self.exchange.url
        )
        self._credentials = {"credentials/api_key": granted["api_key"], "credentials/access_token": access_token}
        for number in range(1, len(self.traders) + 1):
            self._mount(self.folder / f"process-{number}", self._credentials)
        return Token(granted["api_key"], access_token)

    def end_token(self, token: Token) -> None:
        """The broker ends it, and its streams."""
        asked = {"api_key": token.api_key, "access_token": token.access_token}
        self.exchange.delete(f"/session/token?{urlencode(asked)}")

    def kill_in_database(self) -> str:
        """The id of the kill that stands there; empty when none does."""
        store = SqlStore(
            f"postgresql://postgres@{self._servers.postgresql}/{self._servers.database}", AccountId(self.account)
        )
        try:
            row = asyncio.run(store.standing_kill(AccountId(self.account)))
        finally:
            store.close()
        return row.kill_id if row is not None else ""

    def killed(self, trader: Trader) -> int:
        """Kill by the API; the moment before, in nanoseconds of the exchange's machine time.

        It acts at once, and is answered when it is durable: a silent database is waited for before the local journal takes it.
        """
        since = time.time_ns()
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        url = f"http://127.0.0.1:{trader.port}/v1/kill"
        answer = httpx.post(url, json={"reason": "a test"}, headers=headers, timeout=SOON, trust_env=False)
        assert answer.status_code == 202, answer.text
        return since


def stays(holds: Callable[[], object], seconds: float) -> bool:
    """Whether something held without interruption for so long: for what must not happen there is no event to await."""
    return seconds_until(lambda: not holds(), seconds, 0.05) is None


def counts(stand: Stand) -> Sequence[int]:
    """Accepted entries, stops and targets."""
    return [len(stand.of_leg(each)) for each in (Leg.ENTRY, Leg.STOP, Leg.TARGET)]
