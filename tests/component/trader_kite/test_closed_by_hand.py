"""A human closes our position in the Kite app, moments after our own fill: our legs leave the book within a second (rule 8)."""

import asyncio
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import start
from tests.component.trader_kite.test_run_by_hand import TRADER, bearer, is_protected, until
from trader.domain.tags import decode_tag
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

ACCOUNT = "SIM001"


def ours(entries: list[dict[str, Any]], kind: str, leg: Leg | None = None) -> list[dict[str, Any]]:
    """Entries of a kind about orders of ours."""
    tagged = [(decode_tag(each.get("tag")), each) for each in entries if each["kind"] == kind]
    return [each for parts, each in tagged if parts is not None and (leg is None or parts.leg is leg)]


def profile(directory: Path) -> Path:
    """The paper profile, trading by signals alone."""
    written = directory / "profile.yaml"
    written.write_text(Path("configs/paper.yaml").read_text() + "strategies: {signal-intake: {}}\n")
    return written


@asynccontextmanager
async def trading(directory: Path, url: str) -> AsyncIterator[None]:
    """A trader by hand at this exchange."""
    command = ["run", "--config", str(profile(directory)), "--state-directory", str(directory), "--broker", url]
    process = await asyncio.create_subprocess_exec(TRADER, *command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def enter(directory: Path, exchange: httpx.AsyncClient) -> None:
    """Bring a signal until it is taken, in whichever future is the nearest: stop and target too far away to be met."""
    prices = (await exchange.get("/sim/state")).json()["last_prices"]
    futures = {
        key: round(price) * 100 for key, price in prices.items() if key.startswith("NFO:NIFTY2") and key.endswith("FUT")
    }
    address = (directory / "http.url").read_text().strip()
    said: list[dict[str, Any]] = []
    try:
        async with (
            asyncio.timeout(30),
            httpx.AsyncClient(trust_env=False, headers=bearer(directory), timeout=15) as http,
        ):
            while True:
                await asyncio.sleep(0.2)
                said = []
                for name, paise in futures.items():
                    body = {"key": f"human {name}".replace(" ", "-"), "instrument": name, "side": "BUY"}
                    body |= {"stopPricePaise": paise - 25_000, "targetPricePaise": paise + 50_000}
                    said.append((await http.post(f"{address}/v1/signals", json=body, timeout=15)).json())
                    if said[-1].get("verdict") == "ENTERED":
                        return
    except TimeoutError:
        raise AssertionError(f"no signal was taken: {said}") from None


async def test_our_legs_are_cancelled_within_a_second(tmp_path: Path) -> None:
    """By the exchange's own log, from the human's trade to our last cancel; nothing more is sold, and it is on record."""
    simulator = await start(SimulatorConfig(port=0, seed=3, funds=50_000_000))
    try:
        async with (
            trading(tmp_path, simulator.url),
            httpx.AsyncClient(base_url=simulator.url, trust_env=False, timeout=15) as exchange,
        ):
            await until(tmp_path, lambda shown: shown["tradingState"] == "LIVE")
            await enter(tmp_path, exchange)
            shown = await until(tmp_path, is_protected)
            (bracket,) = [each for each in shown["brackets"] if each["held"]]
            name, symbol = bracket["instrument"].split(":")
            order = {
                "exchange": name,
                "tradingsymbol": symbol,
                "order_type": "MARKET",
                "product": "MIS",
                "validity": "DAY",
            }
            order |= {"transaction_type": "SELL" if bracket["held"] > 0 else "BUY", "quantity": abs(bracket["held"])}
            body = {"user_id": ACCOUNT, "variety": "regular", "order": order | {"market_protection": -1}}
            sold = await exchange.post("/sim/order", json=body)
            assert sold.status_code == 200, sold.text
            shown = await until(tmp_path, lambda shown: not shown["brackets"])
            entries = (await exchange.get("/sim/log", params={"limit": 100_000})).json()["entries"]
            state = (await exchange.get("/sim/state", params={"user_id": ACCOUNT})).json()
    finally:
        await simulator.stop()

    his = [each for each in entries if each["kind"] == "trade" and each["order_id"] == sold.json()["order_id"]]
    closed = max(each["machine_time_ns"] for each in his)
    cancelled = [each["machine_time_ns"] for each in ours(entries, "order_cancelled")]
    assert len(cancelled) == 2, "stop and target"
    seconds = (max(cancelled) - closed) / 1e9
    entry = max(each["machine_time_ns"] for each in ours(entries, "trade", Leg.ENTRY))
    assert closed - entry < 3_000_000_000, "our fill is young: else this proves little"
    assert 0 < seconds <= 1.0, f"{seconds:.3f} s"
    assert not [each for each in ours(entries, "trade") if each["machine_time_ns"] > closed]
    positions = {each["tradingsymbol"]: each["quantity"] for each in state["positions"]["net"]}
    assert positions[symbol] == 0
    assert "position_closed_outside" in (tmp_path / "trader.log").read_text()
