"""The adapters and the simulator understand each other over real sockets, through the official client."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import httpx
import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from tests.component.trader_kite.conftest import ORDER, PERMIT, OpenGate
from trader.adapters.kite.clock import KitesimClock
from trader.adapters.kite.credentials import KitesimLogin, Session
from trader.adapters.kite.rest import KiteRest
from trader.adapters.kite.stream import KiteStream
from trader.app.tables import freeze_table
from trader.domain.effects import CancelOrder, ModifyOrder
from trader.domain.events import BrokerOrder, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import MarketTime, OrderType, Paise, Quantity, Side, Tag
from trader.engine.ports import FeedDown, FeedItem, FeedUp, Refused

pytestmark = pytest.mark.component


@dataclass
class Desk:
    """A simulator and our adapters in front of it."""

    simulator: RunningSimulator
    clock: KitesimClock
    session: Session
    broker: KiteRest
    feed: KiteStream


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A quick simulator with plenty of funds."""
    simulator = await start(SimulatorConfig(port=0, seed=7, speed=10, funds=10_000_000))
    clock = KitesimClock(simulator.url)
    await clock.start()
    session = Session(KitesimLogin(simulator.url, "AB1234"))
    broker = KiteRest(session, OpenGate(), clock, freeze=freeze_table(), root=simulator.url)
    yield Desk(simulator, clock, session, broker, KiteStream(session, clock, simulator.stream_url))
    broker.close()
    await simulator.stop()


async def future_of(desk: Desk, underlying: str = "NIFTY") -> Instrument:
    """The near future."""
    (found,) = await desk.broker.instruments([underlying], ["FUT"])
    return found


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look until it holds; the exchange works behind its replies."""
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 - nothing in the exchange tells us
            await asyncio.sleep(0.02)


async def test_the_nearest_future_of_each_index_is_found(desk: Desk) -> None:
    """Lot, tick, freeze quantity and circuit limits are all known: a zero limit would deny all risk."""
    found = await desk.broker.instruments(["NIFTY", "BANKNIFTY", "GOLD"], ["FUT"])
    assert [each.underlying for each in found] == ["BANKNIFTY", "NIFTY"]
    nifty = found[1]
    assert (nifty.lot_size, nifty.freeze_quantity, nifty.kind, nifty.bucket) == (65, 1800, "FUT", "future")
    assert nifty.tick_size > 0
    assert 0 < nifty.lower_circuit < nifty.upper_circuit


async def shows(desk: Desk, order_id: str, status: str) -> bool:
    """Whether the book shows the order so."""
    return any(each.order_id == order_id and each.status == status for each in await desk.broker.orders())


async def test_an_order_lives_through_the_book(desk: Desk) -> None:
    """Placed far away with its tag, changed, seen in the book in paise, and cancelled."""
    nifty = await future_of(desk)
    far = Paise(nifty.lower_circuit + 100 * nifty.tick_size)
    order = replace(ORDER, instrument=nifty.key, price=far)
    order_id = await desk.broker.place(order, PERMIT)
    await eventually(lambda: shows(desk, order_id, "OPEN"))
    await desk.broker.modify(ModifyOrder(order.tag, order_id, price=Paise(far + nifty.tick_size)), PERMIT)
    await eventually(lambda: shows(desk, order_id, "OPEN"))
    (seen,) = [each for each in await desk.broker.orders() if each.order_id == order_id]
    assert (seen.tag, seen.status, seen.price, seen.pending_quantity) == (order.tag, "OPEN", far + nifty.tick_size, 65)
    await desk.broker.cancel(CancelOrder(order.tag, order_id), PERMIT)
    await eventually(lambda: shows(desk, order_id, "CANCELLED"))


async def test_a_market_order_carries_its_protection_and_moves_the_position(desk: Desk) -> None:
    """Without market_protection it would be refused (Kite since 2026-04-01)."""
    nifty = await future_of(desk)
    before = await desk.broker.net_liquidation()
    await desk.broker.place(replace(ORDER, instrument=nifty.key, order_type=OrderType.MARKET, price=Paise(0)), PERMIT)

    async def is_filled() -> bool:
        return any(each.quantity == 65 for each in await desk.broker.positions())

    await eventually(is_filled)
    after = await desk.broker.net_liquidation()
    assert before == 10_000_000 * 100
    assert abs(after - before) < before // 100


async def test_money_that_leaves_the_account_is_worth_nothing_to_us(desk: Desk) -> None:
    """A withdrawal during the day lowers what every limit is a share of; money that comes raises it."""
    before = await desk.broker.net_liquidation()
    account = desk.simulator.simulator.accounts["AB1234"]
    account.move_funds(-9_000_000 * 100)
    assert await desk.broker.net_liquidation() == before - 9_000_000 * 100
    account.move_funds(4_000_000 * 100)
    assert await desk.broker.net_liquidation() == before - 5_000_000 * 100


async def test_what_the_broker_refuses_is_certain(desk: Desk) -> None:
    """Half a lot: no order exists."""
    nifty = await future_of(desk)
    with pytest.raises(Refused):
        await desk.broker.place(replace(ORDER, instrument=nifty.key, quantity=Quantity(33)), PERMIT)
    assert await desk.broker.orders() == ()


async def collect(desk: Desk, instrument: Instrument, until: type, count: int = 1) -> list[FeedItem]:
    """Items of the stream until so many of a kind came."""
    items: list[FeedItem] = []
    async with asyncio.timeout(10), aclosing(desk.feed.items([instrument])) as stream:  # type: ignore[type-var]
        async for item in stream:
            items.append(item)
            if sum(isinstance(each, until) for each in items) >= count:
                break
    return items


async def test_the_stream_tells_quotes_and_orders(desk: Desk) -> None:
    """Up first, then quotes in paise with both sides of the book; our order's update among them."""
    nifty = await future_of(desk)
    tag = Tag("T0001ABCDEFGHX011")
    order = replace(ORDER, tag=tag, instrument=nifty.key, order_type=OrderType.MARKET)
    items: list[FeedItem] = []
    async with asyncio.timeout(10), aclosing(desk.feed.items([nifty])) as stream:  # type: ignore[type-var]
        async for item in stream:
            items.append(item)
            if isinstance(item, Quote) and item.bid and tag:
                await desk.broker.place(order, PERMIT)
                tag = Tag("")
            if isinstance(item, BrokerOrder):
                break
    assert isinstance(items[0], FeedUp)
    quote = next(each for each in items if isinstance(each, Quote) and each.bid)
    assert quote.instrument == nifty.key
    assert 0 < quote.bid < quote.ask
    assert quote.bid % nifty.tick_size == 0
    update = next(each for each in items if isinstance(each, BrokerOrder))
    assert (update.tag, update.side, update.instrument) == (order.tag, Side.BUY, nifty.key)


async def test_a_dead_token_is_replaced_by_a_new_login(desk: Desk) -> None:
    """A call with it is refused for certain; soon after, REST and stream work with the new one."""
    nifty = await future_of(desk)
    dead = await desk.session.token()
    async with httpx.AsyncClient() as http:
        query = {"api_key": dead.api_key, "access_token": dead.access_token}
        headers = {"Authorization": f"token {dead.api_key}:{dead.access_token}", "X-Kite-Version": "3"}
        await http.delete(f"{desk.simulator.url}/session/token", params=query, headers=headers)
    items = await collect(desk, nifty, FeedUp)
    assert isinstance(items[0], FeedDown)
    assert "403" in items[0].message
    assert desk.session.renewals == 1
    assert (await desk.session.token()) != dead
    assert await desk.broker.orders() == ()


async def test_market_time_runs_as_the_simulator_says(desk: Desk) -> None:
    """Ten times machine time, never backwards, and within a tenth of a second of the simulator's own."""
    following = asyncio.create_task(desk.clock.follow())
    readings = []
    for _ in range(12):
        readings.append((desk.clock.machine_time(), desk.clock.market_time()))
        await asyncio.sleep(0.1)
    following.cancel()
    assert readings == sorted(readings)
    machine, market = (readings[-1][each] - readings[0][each] for each in (0, 1))
    assert market / machine == pytest.approx(10, rel=0.2)
    assert desk.clock.age_seconds < 2


async def test_what_happened_at_a_moment_is_told_with_one_wall_time(desk: Desk) -> None:
    """A later reading of the simulator, and another speed, move no date that was told: a kill's is told in every report."""
    killed = desk.clock.market_time()
    told = desk.clock.wall_time(killed)
    assert abs(time.time_ns() - told) < 2 * 10**9
    desk.simulator.simulator.clock.set_speed(1000)
    await desk.clock.start()
    assert desk.clock.wall_time(killed) == told
    for later in range(1, 100):
        desk.clock.wall_time(MarketTime(killed + later))
        assert desk.clock.wall_time(killed) == told, "it is asked for again and again, and is not forgotten"


async def test_limits_that_the_exchange_moved_are_read_again(desk: Desk) -> None:
    """The circuit limits of this moment, on the same instrument; nothing else of it changes."""
    nifty = await future_of(desk)
    async with httpx.AsyncClient(base_url=desk.simulator.url) as http:
        await http.post("/sim/faults", json={"kind": "band-jump", "instrument": nifty.key, "percent": 0.5})
    (moved,) = await desk.broker.with_limits([nifty])
    assert nifty.lower_circuit < moved.lower_circuit < moved.upper_circuit < nifty.upper_circuit
    assert replace(moved, lower_circuit=nifty.lower_circuit, upper_circuit=nifty.upper_circuit) == nifty
