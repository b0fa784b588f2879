"""Paper beside a live market: prices from the one exchange, orders to a kitesim that mirrors it, and none to the live one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from tests.component.trader_kite.paper_desk import (
    FUTURE,
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
PRICE = 25_150.0
"""Far from where the mirror's own seed would stand."""
ORDER_ROUTES = ("/orders/regular", "/orders/amo", "/orders/co", "/orders/iceberg", "/orders/auction", "/gtt/triggers")


@pytest.fixture
async def live() -> AsyncIterator[RunningSimulator]:
    """Plays the broker's live market."""
    running = await start(SimulatorConfig(port=0, seed=5, date="2026-12-01", funds=50_000_000))
    await force(running, PRICE)
    yield running
    await running.stop()


@pytest.fixture
async def mirror() -> AsyncIterator[RunningSimulator]:
    running = await start(SimulatorConfig(port=0, seed=99, date="2026-12-01", funds=50_000_000, mirror=True))
    yield running
    await running.stop()


@pytest.fixture
async def desk(tmp_path: Path, live: RunningSimulator, mirror: RunningSimulator) -> AsyncIterator[PaperDesk]:
    async with desk_of(tmp_path, live, mirror) as made:
        yield made


def order_requests(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything that asked an exchange to change something."""
    changes = [each for each in entries if each["kind"] == "request" and each["method"] != "GET"]
    return [each for each in changes if each["path"].startswith(ORDER_ROUTES)]


async def test_orders_fill_in_the_mirror_at_live_prices_and_none_reaches_the_live_exchange(desk: PaperDesk) -> None:
    """An entry, its stop and its target; then another that is stopped out: both by the live market's moves."""
    assert desk.mirror is not None
    await desk.start(0)
    await desk.trades(0, on_paper=True)
    held = await desk.enter(0, "first", PRICE)
    assert abs(held["brackets"][0]["entry"]["averagePricePaise"] - PRICE * 100) < 2_000
    await force(desk.exchange, PRICE + 140)
    closed = await desk.shows(0, 60, is_flat)
    assert closed["dayProfitPaise"] > 0
    await desk.enter(0, "second", PRICE + 140)
    await force(desk.exchange, PRICE + 60)
    after = await desk.shows(0, 60, is_flat)
    assert after["dayProfitPaise"] < closed["dayProfitPaise"]
    page = (await desk.asked(0, "/metrics")).text
    pushed = next(line for line in page.splitlines() if line.startswith('trader_mirror_quotes_total{outcome="pushed"}'))
    assert float(pushed.split()[-1]) > 0

    seen, traded = await log_of(desk.exchange), await log_of(desk.mirror)
    assert (order_requests(seen), users(seen)) == ([], [])
    assert (users(traded), broken(traded, PAPER)) == ([PAPER], {})
    fills = [each["price"] for each in traded if each["kind"] == "trade" and each["instrument"] == FUTURE]
    assert len(fills) >= 4
    assert all(PRICE + 40 <= price <= PRICE + 160 or abs(price - PRICE) < 20 for price in fills)


async def test_a_paper_position_outlives_its_leader_in_the_mirror(desk: PaperDesk) -> None:
    """The successor finds it protected, shows the market to the mirror from then on, and is stopped out by it."""
    assert desk.mirror is not None
    await desk.start(0)
    await desk.trades(0, on_paper=True)
    await desk.start(1)
    await desk.enter(0, "first", PRICE)
    await desk.shows(1, 150, lambda seen: seen["onPaper"])
    await desk.kill(0)
    await desk.shows(1, 150, lambda seen: seen["isLeader"] and is_protected(seen))
    await force(desk.exchange, PRICE - 100)
    await desk.shows(1, 60, is_flat)
    seen, traded = await log_of(desk.exchange), await log_of(desk.mirror)
    assert (order_requests(seen), users(seen)) == ([], [])
    assert (users(traded), broken(traded, PAPER)) == ([PAPER], {})


async def test_without_its_mirror_nothing_new_is_risked_and_nothing_goes_elsewhere(desk: PaperDesk) -> None:
    """The state says what is missing; an entry is denied; the live exchange sees no order."""
    assert desk.mirror is not None
    await desk.start(0)
    await desk.trades(0, on_paper=True)
    await desk.mirror.stop()
    away = await desk.shows(0, 60, lambda seen: not seen["message"].startswith("trades on paper"))
    assert away["onPaper"] is True
    body = {"key": "late", "instrument": FUTURE, "side": "BUY"}
    body |= {"stopPricePaise": round(PRICE * 100) - 6_000, "targetPricePaise": round(PRICE * 100) + 12_000}  # type: ignore[dict-item]
    denied = await desk.asked(0, "/v1/signals", body)
    assert denied.status_code in {409, 503}, denied.text
    seen = await log_of(desk.exchange)
    assert (order_requests(seen), users(seen)) == ([], [])
