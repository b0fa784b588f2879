"""The API takes a configuration by hash and epoch, says what became of it, and reports what it has shown."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.unit.trader.app.test_http import RIGHT, Trail
from tests.unit.trader.engine.process import Process, virtually
from trader.app.access import TokenFile
from trader.app.http import make_application
from trader.app.telemetry import TraderTelemetry
from trader.domain.state import EngineState
from trader.domain.values import TradingState
from trader.engine.session import TradingEngine
from trader.engine.settings import Snapshot

LIMITS = """
name: {name}
per_trade_risk: {risk}
max_heat: 0.02
max_daily_loss: 0.02
instruments: {{underlyings: [NIFTY], kinds: [FUT]}}
order_rate: {{per_second: 10, per_minute: 200, per_day: 3000}}
heartbeats: {{market_data_seconds: 5, order_stream_seconds: 5}}
"""
CANARY, FULL, LARGE = (
    LIMITS.format(name=name, risk=risk) for name, risk in (("canary", 0.002), ("full", 0.004), ("large", 0.009))
)


def hash_of(text: str) -> str:
    """Name a configuration."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Served:
    """What the API asks of a process, around a real engine."""

    engine: TradingEngine[EngineState]
    store: Trail = field(default_factory=Trail)
    name: str = "trader-0"
    message: str = ""
    run_of: tuple[int, str] = (0, "")
    telemetry: TraderTelemetry = field(default_factory=lambda: TraderTelemetry("trader-0", "1.2.3", "hash"))

    @property
    def begins_with(self) -> str:
        """What it would lead with."""
        return self.engine.begins_with.config_hash

    @property
    def chosen(self) -> Any:
        """The files that it was started with."""
        profile = SimpleNamespace(strategies={"opening-range-breakout": {"range_minutes": 5}})
        return SimpleNamespace(settings=SimpleNamespace(profile=profile))

    def snapshot(self) -> Snapshot | None:
        """The engine's."""
        return self.engine.snapshot()


Story = Callable[[Process, httpx.AsyncClient], Coroutine[Any, Any, None]]


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Story], None]:
    """Tell a story of a process in virtual time, and of a client of its API."""
    (tmp_path / "api_token").write_text("right\n")

    def tell(story: Story) -> None:
        async def told_of(process: Process) -> None:
            application = make_application(Served(process.engine), TokenFile(tmp_path / "api_token"))  # type: ignore[arg-type]
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://trader", headers=RIGHT) as client:
                await story(process, client)

        virtually(tmp_path, told_of)

    return tell


def body(text: str, epoch: int, **fields: Any) -> dict[str, Any]:
    """What the operator sends."""
    given = {"profile": text, "hash": hash_of(text), "epoch": epoch, "stage": "canary", "run": "r/canary/1"}
    return given | {"isPromoted": True} | fields


async def put(client: httpx.AsyncClient, text: str, epoch: int, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Send it."""
    answer = await client.post("/v1/config", json=body(text, epoch, **fields))
    return answer.status_code, answer.json()


async def report(client: httpx.AsyncClient) -> dict[str, Any]:
    """What the trader says."""
    found: dict[str, Any] = (await client.get("/v1/report")).json()
    return found


def test_a_leader_applies_what_it_is_given_and_acknowledges_it(told: Callable[[Story], None]) -> None:
    """By hash, epoch and run; the report says so from then on."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = await process.lead()
        await asyncio.sleep(2)
        assert (await report(client))["config"] == {
            "inForce": "hash",
            "waiting": "",
            "begins": "hash",
            "stage": "",
            "run": "",
        }
        status, said = await put(client, CANARY, 1)
        assert (status, said["verdict"], said["hash"], said["epoch"], said["run"]) == (
            200,
            "APPLIED",
            hash_of(CANARY),
            1,
            "r/canary/1",
        )
        await asyncio.sleep(0.3)
        config = (await report(client))["config"]
        assert (config["inForce"], config["begins"], config["stage"], config["run"]) == (
            hash_of(CANARY),
            "hash",
            "canary",
            "r/canary/1",
        )
        running.cancel()

    told(story)


@pytest.mark.parametrize(
    ("text", "fields", "status", "words"),
    [
        (CANARY, {"epoch": 2}, 409, "WRONG_EPOCH"),
        (CANARY, {"hash": "0" * 64}, 409, "hash: must be that of the profile"),
        (CANARY, {"replaces": "another"}, 409, "WRONG_BASE"),
        (LARGE, {"isPromoted": False}, 409, "LOOSENS_WITHOUT_STAGE"),
        (CANARY.replace("0.002", "0.05"), {}, 422, "per_trade_risk"),
        (CANARY + "extra: 1\n", {}, 422, "extra"),
        (
            CANARY + "strategies: {opening-range-breakout: {range_minutes: 9}}\n",
            {},
            422,
            "parameters change with a restart",
        ),
        ("[", {}, 422, "no YAML"),
        (CANARY, {"epoch": -1}, 422, "epoch"),
        (CANARY, {"verdict": "APPLIED"}, 422, "verdict"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    told: Callable[[Story], None], text: str, fields: dict[str, Any], status: int, words: str
) -> None:
    """And nothing changes."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = await process.lead()
        await asyncio.sleep(2)
        given = body(text, 1) | fields
        answer = await client.post("/v1/config", json=given)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
        await asyncio.sleep(0.3)
        assert (await report(client))["config"]["inForce"] == "hash"
        running.cancel()

    told(story)


def test_a_profile_can_be_judged_without_being_applied(told: Callable[[Story], None]) -> None:
    """Its hash is answered; that is what staging is."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/config", json={"profile": CANARY})
        assert (answer.status_code, answer.json()["hash"], answer.json()["verdict"]) == (200, hash_of(CANARY), "VALID")
        assert (await client.post("/v1/config", json={"profile": "a: 1"})).status_code == 422
        assert process.engine.begins_with.config_hash == "hash"

    told(story)


def test_a_standby_takes_only_what_is_stable_and_leads_with_it(told: Callable[[Story], None]) -> None:
    """It never hears of a candidate."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = asyncio.ensure_future(process.engine.run())
        await asyncio.sleep(1)
        status, said = await put(client, CANARY, 0)
        assert (status, "a standby takes only the stable" in said["detail"]) == (409, True)
        assert (await put(client, FULL, 3, isStable=True))[0] == 409
        status, said = await put(client, FULL, 0, isStable=True, run="full/stable")
        assert (status, said["verdict"]) == (200, "APPLIED")
        assert (await report(client))["config"]["inForce"] == hash_of(FULL)
        running.cancel()
        running = await process.lead()
        await asyncio.sleep(2)
        config = (await report(client))["config"]
        assert (config["inForce"], config["run"]) == (hash_of(FULL), "")
        running.cancel()

    told(story)


def test_a_stable_configuration_is_what_the_next_leadership_begins_with(told: Callable[[Story], None]) -> None:
    """A candidate is not."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = await process.lead()
        await asyncio.sleep(2)
        await put(client, CANARY, 1)
        assert process.engine.begins_with.config_hash == "hash"
        await asyncio.sleep(0.3)
        await put(client, FULL, 1, isStable=True, stage="stable")
        assert process.engine.begins_with.config_hash == hash_of(FULL)
        running.cancel()

    told(story)


@pytest.mark.parametrize("is_promoted", [True, False])
def test_without_a_stable_configuration_new_risk_waits_for_the_operator_s_word(
    told: Callable[[Story], None], is_promoted: bool
) -> None:
    """A tightening by hand is no such word."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        process.engine._awaits_promotion = True  # as `stage.yaml` of a first configuration says
        running = await process.lead()
        await asyncio.sleep(8)
        assert state(process) is TradingState.PAPER
        assert (await put(client, CANARY, 1, isPromoted=is_promoted))[0] == 200
        await asyncio.sleep(8)
        assert state(process) is (TradingState.LIVE if is_promoted else TradingState.PAPER)
        running.cancel()

    told(story)


def state(process: Process) -> TradingState | None:
    """What the leader says of itself."""
    view = process.engine.snapshot().view
    return view.trading_state if view is not None else None


def test_a_change_that_cannot_be_put_on_record_does_not_happen(tmp_path: Path) -> None:
    """Only a kill does."""

    async def story(process: Process) -> None:
        (tmp_path / "api_token").write_text("right\n")
        served = Served(process.engine, store=Trail(is_away=True))
        transport = httpx.ASGITransport(make_application(served, TokenFile(tmp_path / "api_token")))  # type: ignore[arg-type]
        running = await process.lead()
        await asyncio.sleep(2)
        async with httpx.AsyncClient(transport=transport, base_url="http://trader", headers=RIGHT) as client:
            assert (await put(client, CANARY, 1))[0] == 503
        view = process.engine.snapshot().view
        assert view is not None
        assert view.config_hash == "hash"
        running.cancel()

    virtually(tmp_path, story)
