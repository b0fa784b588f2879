"""The API answers as the seams say, asks for the token when there is one, and takes kills from nobody else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.trader.app.pictures import SNAPSHOT
from trader.app import showing
from trader.app.documents import ConfigInvalid
from trader.app.http import lifespan, listen, make_application
from trader.app.telemetry import TraderTelemetry
from trader.domain.values import KillReason, MarketTime
from trader.engine.settings import Snapshot


@dataclass
class StubEngine:
    """Takes kills."""

    kills: list[tuple[KillReason, str, str]] = field(default_factory=list)

    async def request_kill(self, reason: KillReason, note: str, by: str) -> str:
        self.kills.append((reason, note, by))
        return "kill-1"


@dataclass
class StubProcess:
    """What the API asks of a process."""

    engine: StubEngine | None = field(default_factory=StubEngine)
    snapshot: Snapshot | None = SNAPSHOT
    message: str = ""
    telemetry: TraderTelemetry = field(default_factory=lambda: TraderTelemetry("trader-0", "1.2.3", "3f00"))

    def liveness(self) -> tuple[bool, str]:
        return True, ""

    def readiness(self) -> tuple[bool, str]:
        return not self.message, self.message

    def state(self) -> dict[str, Any]:
        shown = showing.Shown("index-intraday", "trader-0", "3f00", MarketTime(5), self.message)
        return showing.state(shown, self.snapshot)


Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    """Make a client of an application; from this address, for this process."""
    made: list[httpx.AsyncClient] = []

    def make(
        process: StubProcess | None = None, address: str = "127.0.0.1", token: str | None = None
    ) -> httpx.AsyncClient:
        if token is not None:
            (tmp_path / "api_token").write_text(f"{token}\n")
        application = make_application(process or StubProcess(), tmp_path / "api_token")  # type: ignore[arg-type]
        transport = httpx.ASGITransport(application, client=(address, 4711))
        made.append(httpx.AsyncClient(transport=transport, base_url="http://trader"))
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
    """Alive, not ready, and a kill is not lost in silence."""
    client = connect(StubProcess(engine=None, snapshot=None, message="the database does not answer"))
    assert (await client.get("/healthz")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the database does not answer\n")
    assert (await client.get("/v1/state")).json()["message"] == "the database does not answer"
    assert (await client.post("/v1/kill", json={"reason": "now"})).status_code == 503


async def test_a_kill_is_taken_from_loopback(connect: Connect) -> None:
    """202 with the id of the kill that stands; who asked is kept."""
    process = StubProcess()
    answer = await connect(process).post("/v1/kill", json={"reason": "too much"})
    assert (answer.status_code, answer.json()) == (202, {"id": "kill-1"})
    assert process.engine is not None
    assert process.engine.kills == [(KillReason.MANUAL, "too much", "api 127.0.0.1")]


async def test_off_loopback_a_kill_needs_the_token(connect: Connect) -> None:
    """Without a mounted token it is refused; with one, only the bearer is heard, for reading too."""
    assert (await connect(address="10.0.0.9").post("/v1/kill", json={"reason": "x"})).status_code == 403
    client = connect(address="10.0.0.9", token="right")
    assert (await client.post("/v1/kill", json={"reason": "x"})).status_code == 401
    assert (await client.get("/v1/state", headers={"Authorization": "Bearer wrong"})).status_code == 401
    bearer = {"Authorization": "Bearer right"}
    assert (await client.get("/v1/state", headers=bearer)).status_code == 200
    assert (await client.post("/v1/kill", json={"reason": "x"}, headers=bearer)).status_code == 202
    assert (await client.get("/metrics")).status_code == 200


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

    application = make_application(Recorded(), Path("absent"))  # type: ignore[arg-type]
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
