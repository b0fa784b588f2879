"""The API answers as the seams say, asks for a token, and keeps on record what it changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.trader.app.pictures import SNAPSHOT
from trader.adapters.sql.audit import AuditEntry
from trader.app import showing
from trader.app.access import Action, TokenFile
from trader.app.documents import ConfigInvalid
from trader.app.http import lifespan, listen, make_application
from trader.app.telemetry import TraderTelemetry
from trader.domain.values import KillReason, MarketTime
from trader.engine.ports import StoreAway
from trader.engine.settings import Snapshot


@dataclass
class StubEngine:
    """Releases kills."""

    released: list[str] = field(default_factory=list)

    async def release_kill(self, kill_id: str) -> bool:
        self.released.append(kill_id)
        return kill_id == "kill-1"


@dataclass
class Trail:
    """Keeps the audit trail, or is away."""

    entries: list[AuditEntry] = field(default_factory=list)
    is_away: bool = False
    written: asyncio.Event = field(default_factory=asyncio.Event)

    async def audit(self, entry: AuditEntry) -> None:
        if self.is_away:
            raise StoreAway("no answer within 2 s")
        self.entries.append(entry)
        self.written.set()


@dataclass
class StubProcess:
    """What the API asks of a process."""

    engine: StubEngine | None = field(default_factory=StubEngine)
    shown: Snapshot | None = SNAPSHOT
    message: str = ""
    name: str = "trader-0"
    store: Trail = field(default_factory=Trail)
    kills: list[tuple[KillReason, str, str]] = field(default_factory=list)
    telemetry: TraderTelemetry = field(default_factory=lambda: TraderTelemetry("trader-0", "1.2.3", "3f00"))

    async def request_kill(self, reason: KillReason, note: str, by: str) -> str:
        self.kills.append((reason, note, by))
        return "kill-1"

    def snapshot(self) -> Snapshot | None:
        return self.shown

    def liveness(self) -> tuple[bool, str]:
        return True, ""

    def readiness(self) -> tuple[bool, str]:
        return not self.message, self.message

    def state(self) -> dict[str, Any]:
        shown = showing.Shown("index-intraday", "trader-0", "3f00", MarketTime(5), self.message)
        return showing.state(shown, self.shown)


Connect = Callable[..., httpx.AsyncClient]
RIGHT = {"Authorization": "Bearer right"}


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    """Make a client of an application of this process; it sends the right token unless told otherwise."""
    made: list[httpx.AsyncClient] = []
    (tmp_path / "api_token").write_text("right\n")

    def make(
        process: StubProcess | None = None,
        headers: dict[str, str] = RIGHT,
        actions: frozenset[Action] = frozenset(Action),
    ) -> httpx.AsyncClient:
        access = TokenFile(tmp_path / "api_token", actions)
        application = make_application(process or StubProcess(), access)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(application, client=("10.0.0.9", 4711))
        made.append(httpx.AsyncClient(transport=transport, base_url="http://trader", headers=headers))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


async def test_the_state_has_the_fields_of_the_seams(connect: Connect) -> None:
    """docs/seams.md §5."""
    said = (await connect().get("/v1/state")).json()
    for name in ("session", "pod", "isLeader", "epoch", "tradingState", "config", "marketTime", "kill", "message"):
        assert name in said
    assert (said["isLeader"], said["epoch"], said["tradingState"], said["pod"]) == (True, 7, "LIVE", "trader-0")
    assert said["orders"] == {"placed": 2, "working": 1, "inDoubt": 0}
    assert said["positions"] == [
        {
            "instrument": "NFO:NIFTY26DECFUT",
            "quantity": 65,
            "averagePricePaise": 2400000,
            "lastPricePaise": 2401000,
            "profitPaise": 65000,
        }
    ]
    (bracket,) = said["brackets"]
    assert (bracket["intent"], bracket["state"], bracket["stop"]["status"]) == ("ABCDEFGH", "protected", "WORKING")
    assert (said["heatPaise"], said["dayProfitPaise"], said["netLiquidationPaise"]) == (25000, -1250, 500_000_000)


async def test_a_process_without_an_engine_says_what_is_missing(connect: Connect) -> None:
    """Alive, not ready; nothing can be released yet."""
    client = connect(StubProcess(engine=None, shown=None, message="the database does not answer"))
    assert (await client.get("/healthz")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the database does not answer\n")
    assert (await client.get("/v1/state")).json()["message"] == "the database does not answer"
    assert (await client.post("/v1/release", json={"id": "kill-1"})).status_code == 503


async def test_a_kill_is_taken_and_on_record(connect: Connect) -> None:
    """202 with the id of the kill that stands; who asked, why, and what was at stake are kept."""
    process = StubProcess()
    answer = await connect(process).post("/v1/kill", json={"reason": "too much"})
    assert (answer.status_code, answer.json()) == (202, {"id": "kill-1"})
    assert process.kills == [(KillReason.MANUAL, "too much", "api token file")]
    await asyncio.wait_for(process.store.written.wait(), 1)
    (entry,) = process.store.entries
    assert (entry.who, entry.action, entry.outcome, entry.address) == ("token file", "kill", "taken", "10.0.0.9")
    assert entry.detail == "kill-1: too much (open risk 250.00 rupees, 1 positions, 1 working orders)"


async def test_a_kill_does_not_wait_for_its_record(connect: Connect) -> None:
    """With the database away it is taken all the same; another change is not."""
    process = StubProcess(store=Trail(is_away=True))
    client = connect(process)
    assert (await client.post("/v1/kill", json={"reason": "too much"})).status_code == 202
    answer = await client.post("/v1/release", json={"id": "kill-1"})
    assert (answer.status_code, "cannot be put on record" in answer.text) == (503, True)
    assert process.engine is not None
    assert process.engine.released == []


async def test_a_release_names_its_kill(connect: Connect) -> None:
    """The kill that stands is released, another is not, and both attempts are on record."""
    process = StubProcess()
    client = connect(process)
    assert (await client.post("/v1/release", json={"id": "kill-1"})).json() == {"released": "kill-1"}
    assert (await client.post("/v1/release", json={"id": "kill-9"})).status_code == 409
    assert [each.detail for each in process.store.entries] == ["kill-1", "kill-9"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}, {"Authorization": "Bearer " + "x" * 20_000}],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/state"), ("POST", "/v1/kill"), ("POST", "/v1/release")])
async def test_nobody_is_let_in_without_the_token(
    connect: Connect, method: str, path: str, headers: dict[str, str]
) -> None:
    """401 for reading and for changing; nothing happens."""
    process = StubProcess()
    client = connect(process, headers)
    assert (await client.request(method, path, json={"reason": "x"})).status_code == 401
    assert (process.kills, process.store.entries) == ([], [])
    assert (await client.get("/metrics")).status_code == 200


async def test_what_a_caller_may_not_do_is_on_record(connect: Connect) -> None:
    """403 says what would be needed; the attempt has a row with who."""
    process = StubProcess()
    client = connect(process, actions=frozenset({Action.STATE, Action.KILL}))
    answer = await client.post("/v1/release", json={"id": "kill-1"})
    assert (answer.status_code, "needs a Kubernetes token" in answer.text) == (403, True)
    await asyncio.wait_for(process.store.written.wait(), 1)
    assert (process.store.entries[0].outcome, process.store.entries[0].who) == ("refused", "token file")


async def test_a_body_is_bounded(connect: Connect) -> None:
    """More than any request needs is refused before it fills the memory."""
    process = StubProcess()
    answer = await connect(process).post("/v1/kill", content=b"x" * 1_000_000)
    assert (answer.status_code, process.kills) == (413, [])


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x", "force": True}, {"reason": 5}])
async def test_a_kill_says_why(connect: Connect, body: dict[str, Any]) -> None:
    """A reason in words, and nothing that is not understood."""
    assert (await connect().post("/v1/kill", json=body)).status_code == 422


async def test_metrics_are_prometheus_text(connect: Connect) -> None:
    """What a scrape reads."""
    answer = await connect().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'trader_is_leader{instance_id="trader-0"} 0.0' in answer.text


async def test_the_application_lives_as_long_as_the_process() -> None:
    """`lifespan` starts the engine before the first request and stops it after the last; it says the boot order."""
    steps: list[str] = []

    class Recorded(StubProcess):
        @asynccontextmanager
        async def running(self) -> AsyncIterator[None]:
            steps.append("started")
            yield
            steps.append("stopped")

    application = make_application(Recorded(), TokenFile(Path("absent")))  # type: ignore[arg-type]
    async with lifespan(application):
        steps.append("serving")
    assert steps == ["started", "serving", "stopped"]
    boot = lifespan.__doc__ or ""
    assert [boot.index(word) for word in ("PAPER", "epoch", "replays", "RECOVERING", "LIVE")] == sorted(
        boot.index(word) for word in ("PAPER", "epoch", "replays", "RECOVERING", "LIVE")
    )


def test_a_taken_port_is_one_clear_message() -> None:
    """Before anything else starts."""
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigInvalid, match="cannot listen on"):
        listen("127.0.0.1", taken.getsockname()[1])
