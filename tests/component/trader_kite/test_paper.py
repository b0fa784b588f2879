"""Mode Paper against a simulator trades another account of it by the same road, and never both at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from tests.component.trader_kite.paper_desk import (
    ACCOUNT,
    PAPER,
    PaperDesk,
    broken,
    desk_of,
    force,
    is_flat,
    is_protected,
    log_of,
    users,
)

pytestmark = [pytest.mark.component, pytest.mark.timeout(400)]
PRICE = 24_000.0


@pytest.fixture
async def exchange() -> AsyncIterator[RunningSimulator]:
    """An exchange whose NIFTY future stands still."""
    running = await start(SimulatorConfig(port=0, seed=5, date="2026-12-01", funds=50_000_000))
    await force(running, PRICE)
    yield running
    await running.stop()


@pytest.fixture
async def desk(tmp_path: Path, exchange: RunningSimulator) -> AsyncIterator[PaperDesk]:
    async with desk_of(tmp_path, exchange) as made:
        yield made


async def test_paper_trades_another_account_and_says_so(desk: PaperDesk) -> None:
    """Entry, stop and target work at the exchange, all of the paper account; state, Lease, metrics and report call it PAPER."""
    await desk.start(0)
    await desk.trades(0, on_paper=True)
    shown = await desk.enter(0, "first", PRICE)
    assert (shown["tradingState"], shown["onPaper"]) == ("PAPER", True)
    told, report = desk.lease()
    assert (told, report["onPaper"]) == ("PAPER", True)
    page = (await desk.asked(0, "/metrics")).text.splitlines()
    assert {"trader_on_paper 1.0", 'trader_state{state="paper"} 1.0', 'trader_state{state="live"} 0.0'} <= set(page)
    judged = (await desk.asked(0, "/v1/report")).json()
    assert (judged["onPaper"], judged["figures"]["orders"]) == (True, 3)

    await force(desk.exchange, PRICE + 150)
    await desk.shows(0, 60, is_flat)
    entries = await log_of(desk.exchange)
    assert users(entries) == [PAPER]
    assert ACCOUNT not in users(entries, "login")
    assert broken(entries, PAPER) == {}


async def test_a_position_on_paper_outlives_its_leader(desk: PaperDesk) -> None:
    """The successor finds it in the paper account's journal and book, protected, and closes it when its stop is reached."""
    await desk.start(0)
    before = await desk.trades(0, on_paper=True)
    await desk.start(1)
    await desk.enter(0, "first", PRICE)
    await desk.shows(1, 150, lambda seen: seen["onPaper"])
    await desk.kill(0)
    after = await desk.shows(1, 150, lambda seen: seen["isLeader"] and is_protected(seen))
    assert after["epoch"] > before["epoch"]
    await force(desk.exchange, PRICE - 100)
    await desk.shows(1, 60, is_flat)
    entries = await log_of(desk.exchange)
    assert (users(entries), broken(entries, PAPER)) == ([PAPER], {})


async def test_each_is_flat_before_the_other_begins(desk: PaperDesk) -> None:
    """Live is wanted with a position on paper: closed first, and a new epoch for real. And the same way back."""
    await desk.start(0)
    paper = await desk.trades(0, on_paper=True)
    await desk.enter(0, "first", PRICE)
    desk.want("Live")
    live = await desk.trades(0, on_paper=False)
    assert live["epoch"] > paper["epoch"]
    assert live["positions"] == []
    assert desk.lease()[0] == "LIVE"
    closed = len(await log_of(desk.exchange))
    await desk.enter(0, "first", PRICE)
    desk.want("Paper")
    back = await desk.trades(0, on_paper=True)
    assert back["epoch"] > live["epoch"]
    assert back["positions"] == []
    entries = await log_of(desk.exchange)
    assert (users(entries[:closed]), users(entries[closed:])) == ([PAPER], [ACCOUNT])
    assert (broken(entries, PAPER), broken(entries, ACCOUNT)) == ({}, {})


async def test_a_kill_holds_on_either_footing(desk: PaperDesk) -> None:
    """Killed on paper, flat; wanting Live then changes nothing: the kill is the account's, and stands until it is released."""
    await desk.start(0)
    await desk.trades(0, on_paper=True)
    await desk.enter(0, "first", PRICE)
    assert (await desk.asked(0, "/v1/kill", {"reason": "enough"})).status_code == 202
    await desk.shows(0, 60, lambda seen: seen["tradingState"] == "HALTED" and is_flat(seen))
    desk.want("Live")
    await desk.kill(0)
    await desk.start(0)
    seen = await desk.shows(0, 150, lambda seen: seen["isLeader"] and seen["tradingState"] == "HALTED")
    assert seen["kill"]["note"] == "enough"
    assert users(await log_of(desk.exchange)) == [PAPER]
