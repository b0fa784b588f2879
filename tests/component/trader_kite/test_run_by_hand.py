"""`trader run` by hand: it trades, it ends in order, it recovers, and it says in one line what is wrong."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import start
from trader.app.running import SAME_SIGNAL_SECONDS
from trader.app.supervising import ENGINE_NAME, SPARE_NAME
from trader.domain.tags import decode_tag

pytestmark = [pytest.mark.component, pytest.mark.timeout(400)]

TRADER = Path(sys.executable).with_name("trader")
FLAT_IN_TWO = 'trader_kill_flatten_duration_seconds_bucket{le="2.0",trigger="manual"} 1.0'
Running = asyncio.subprocess.Process


def profile(directory: Path) -> Path:
    """The paper profile with a range so short that a test need not wait for it."""
    written = directory / "profile.yaml"
    directory.mkdir(parents=True, exist_ok=True)
    strategies = "strategies: {opening-range-breakout: {range_minutes: 1, max_stop_ppm: 1000}}\n"
    written.write_text(Path("configs/paper.yaml").read_text() + strategies)
    return written


@asynccontextmanager
async def trader(directory: Path, *arguments: str) -> AsyncIterator[Running]:
    """A trader in a process of its own; killed if a test leaves it behind."""
    command = [
        "run",
        "--config",
        str(profile(directory)),
        "--state-directory",
        str(directory),
        "--speed",
        "20",
        *arguments,
    ]
    process = await asyncio.create_subprocess_exec(
        TRADER,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: Running) -> tuple[int, str]:
    """Exit code and what it said."""
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def bearer(directory: Path) -> dict[str, str]:
    """The header that the API of a run by hand asks for."""
    return {"Authorization": f"Bearer {(directory / 'credentials' / 'api_token').read_text().strip()}"}


async def state(directory: Path) -> dict[str, Any]:
    """What a run shows; empty while it shows nothing."""
    try:
        address = (directory / "http.url").read_text().strip()
        async with httpx.AsyncClient(trust_env=False, headers=bearer(directory)) as http:
            shown: dict[str, Any] = (await http.get(f"{address}/v1/state")).raise_for_status().json()
    except (OSError, httpx.HTTPError):
        return {}
    return shown


async def until(directory: Path, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first state of which this holds. The market brings positions when it does: a busy machine makes that longer, not red."""
    async with asyncio.timeout(180):
        while not (shown := await state(directory)) or not holds(shown):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.1)
    return shown


def children_of(number: int) -> dict[str, int]:
    """A process's children by name."""
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return {Path(f"/proc/{each}/comm").read_text().strip(): int(each) for each in children}


def is_protected(shown: dict[str, Any]) -> bool:
    """Whether something is held, with a stop and a target at the broker."""

    def works(order: dict[str, Any] | None) -> bool:
        return order is not None and order["status"] == "WORKING"

    brackets = [each for each in shown["brackets"] if each["state"] == "protected" and each["held"]]
    return any(works(each["stop"]) and works(each["target"]) for each in brackets)


def records(directory: Path) -> Counter[str]:
    """How many facts of each kind the journal holds."""
    with sqlite3.connect(directory / "journal.db") as connection:
        rows = connection.execute("select kind from journal").fetchall()
    connection.close()
    return Counter(kind for (kind,) in rows)


def allowed_live(directory: Path) -> list[tuple[str, str]]:
    """Who let the trader take new risk, and under what, by the audit trail."""
    connection = sqlite3.connect(directory / "journal.db")
    rows = connection.execute("select who, detail from audit where action = 'live' order by number").fetchall()
    connection.close()
    return rows


async def test_it_trades_and_ctrl_c_leaves_nothing_open(tmp_path: Path) -> None:
    """Within seconds a bracket is filled and protected; Ctrl-C closes it and ends with 0; the next run goes on."""
    async with trader(tmp_path) as process:
        shown = await until(tmp_path, is_protected)
        assert (shown["tradingState"], shown["isLeader"], shown["epoch"]) == ("LIVE", True, 1)
        assert shown["heatPaise"] > 0
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: it is one Ctrl-C, whoever else passes it on
        code, said = await ended(process)
    assert code == 0, said
    assert "NFO:" in said
    written = records(tmp_path)
    assert written["BracketPlanned"] == written["BracketClosed"] > 0
    async with trader(tmp_path) as process:
        shown = await until(tmp_path, lambda shown: shown["tradingState"] == "LIVE")
        assert shown["epoch"] == 2
        assert shown["orders"]["placed"] >= written["OrderPlanned"]
        process.send_signal(signal.SIGTERM)
        code, said = await ended(process)
    assert code == 0, said
    first, second = (detail for who, detail in allowed_live(tmp_path) if "@" in who)
    assert f"configuration {shown['config']}, " in first
    assert (", epoch 1; trader run" in first, ", epoch 2; trader run" in second) == (True, True)


async def test_a_killed_process_recovers_at_the_same_exchange(tmp_path: Path) -> None:
    """After SIGKILL the next run finds its position and its stop, and no order is ever placed twice."""
    simulator = await start(SimulatorConfig(port=0, seed=3, speed=8, start="09:28:20", funds=50_000_000))
    try:
        async with trader(tmp_path, "--broker", simulator.url) as process:
            await until(tmp_path, is_protected)
            process.kill()
            await process.wait()
        async with trader(tmp_path, "--broker", simulator.url) as process:
            shown = await until(tmp_path, lambda shown: shown["epoch"] == 2 and shown["tradingState"] == "LIVE")
            assert (shown["duplicates"], shown["orphans"], shown["naked"]) == (0, 0, 0)
            process.send_signal(signal.SIGTERM)
            code, said = await ended(process)
        assert code == 0, said
        async with httpx.AsyncClient(trust_env=False) as http:
            entries = (await http.get(f"{simulator.url}/sim/log", params={"limit": 100_000})).json()["entries"]
    finally:
        await simulator.stop()
    accepted = [decode_tag(each["tag"]) for each in entries if each["kind"] == "order_accepted"]
    assert accepted
    assert None not in accepted
    names = Counter((each.intent, each.leg, each.attempt) for each in accepted if each is not None)
    assert set(names.values()) == {1}


async def test_a_crashed_engine_is_followed_by_its_spare(tmp_path: Path) -> None:
    """At the same exchange, by a process that waited, with the files as they are by then, and nothing is placed twice."""
    simulator = await start(SimulatorConfig(port=0, seed=3, speed=8, start="09:28:20", funds=50_000_000))
    try:
        async with trader(tmp_path, "--broker", simulator.url) as process:
            async with asyncio.timeout(90):
                while SPARE_NAME not in (children := children_of(process.pid)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            before = await until(tmp_path, is_protected)
            with (tmp_path / "profile.yaml").open("a") as replaced:
                replaced.write("# another revision\n")
            os.kill(children[ENGINE_NAME], signal.SIGKILL)
            shown = await until(tmp_path, lambda shown: shown["epoch"] == 2 and shown["tradingState"] == "LIVE")
            assert children_of(process.pid)[ENGINE_NAME] == children[SPARE_NAME]
            assert shown["config"] != before["config"]
            assert (shown["duplicates"], shown["orphans"], shown["naked"]) == (0, 0, 0)
            process.send_signal(signal.SIGTERM)
            code, said = await ended(process)
        assert (code, "crashed by SIGKILL: its spare takes over" in said) == (0, True), said
    finally:
        await simulator.stop()


async def test_a_kill_through_the_api_makes_flat_and_stays(tmp_path: Path) -> None:
    """Flat and HALTED within two seconds; the next run is still halted until this very kill is released."""
    async with trader(tmp_path) as process:
        await until(tmp_path, is_protected)
        address = (tmp_path / "http.url").read_text().strip()
        async with httpx.AsyncClient(trust_env=False, headers=bearer(tmp_path)) as http:
            kill = (await http.post(f"{address}/v1/kill", json={"reason": "test"})).json()["id"]
            await until(tmp_path, lambda shown: shown["tradingState"] == "HALTED" and bool(shown["isFlat"]))
            # The process times its own kill, and notes it a moment after it showed flat.
            async with asyncio.timeout(15):
                while FLAT_IN_TWO not in (metrics := (await http.get(f"{address}/metrics")).text):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert 'trader_kill_switch_total{reason="manual"} 1.0' in metrics
        process.send_signal(signal.SIGINT)
        assert (await ended(process))[0] == 0
    async with trader(tmp_path):
        await until(tmp_path, lambda shown: shown["tradingState"] == "HALTED" and shown["kill"]["id"] == kill)
    async with trader(tmp_path, "--release", kill):
        await until(tmp_path, lambda shown: shown["kill"] is None and shown["tradingState"] == "LIVE")


async def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """Whoever is in a hurry is not kept; the journal is set aside by the next run, for its exchange is gone."""
    async with trader(tmp_path) as process:
        await until(tmp_path, is_protected)
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(2 * SAME_SIGNAL_SECONDS)
        process.send_signal(signal.SIGINT)
        code, _ = await ended(process)
    assert code in {0, 130}  # 0 when the first one was served before the second came
    async with trader(tmp_path, "--for-seconds", "3") as process:
        code, said = await ended(process)
    assert code == 0, said


Wrong = Callable[[Path], Awaitable[tuple[list[str], str]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--database", "postgresql://trader:secret@127.0.0.1:1/trading"], "the database does not answer"),
        (["--database", "mysql://somewhere/else"], "expected a postgresql:// or sqlite:/// URL"),
        (["--broker", "http://127.0.0.1:1"], "the broker cannot be used: no market time from http://127.0.0.1:1"),
        (["--broker", "127.0.0.1:8080"], "--broker: must begin with http://"),
        (["--speed", "-1"], "simulation: "),
        (["--http", "nowhere"], "--http: must be HOST:PORT"),
    ],
)
async def test_bad_input_is_one_message_and_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    """No traceback, no secret, exit code 2."""
    async with trader(tmp_path, *arguments) as process:
        code, said = await ended(process)
    assert code == 2, said
    problems = [line for line in said.splitlines() if line.startswith("trader: ")]
    assert any(message in line for line in problems), said
    assert "Traceback" not in said
    assert "secret" not in said


async def test_two_processes_do_not_share_their_files(tmp_path: Path) -> None:
    """The second one says so and touches nothing."""
    async with trader(tmp_path):
        await until(tmp_path, lambda shown: shown["isLeader"])
        async with trader(tmp_path) as second:
            code, said = await ended(second)
        assert code == 2
        assert "another process holds" in said
        assert (await state(tmp_path))["isLeader"]


async def test_state_prints_what_the_newest_run_holds(tmp_path: Path) -> None:
    """`trader state` finds a run by hand without being told its address."""
    home = tmp_path / "state"
    async with trader(home / "trader" / "paper"):
        await until(home / "trader" / "paper", lambda shown: shown["isLeader"])
        printing = await asyncio.create_subprocess_exec(
            TRADER, "state", stdout=asyncio.subprocess.PIPE, env={**os.environ, "XDG_STATE_HOME": str(home)}
        )
        printed, _ = await printing.communicate()
        await until(home / "trader" / "paper", lambda shown: shown["tradingState"] == "LIVE")
        listing = await asyncio.create_subprocess_exec(
            TRADER, "preflight", stdout=asyncio.subprocess.PIPE, env={**os.environ, "XDG_STATE_HOME": str(home)}
        )
        listed, _ = await listing.communicate()
    assert (listing.returncode, b"all clear" in listed) == (0, True), listed
    for name in (b"broker token", b"instrument master", b"database", b"calendar"):
        assert name in listed
    assert json.loads(printed)["session"] == "paper"
