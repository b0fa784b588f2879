"""How fast the exchange is: the lag of its ticks, the time of an order, and a whole day by steps.

kitesim runs in a process of its own, as users run it; this process is the load and ends by itself. Ticks carry the
moment at which they were due in a field that nobody needs here (open interest), so that the lag is measured from the
schedule to the reader and holds everything: the walk, the encoding, the socket.
"""

import asyncio
import gc
import hashlib
import json
import multiprocessing
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from statistics import quantiles

import aiohttp

from kitesim.config import Latencies, Limits, SimulatorConfig
from kitesim.exchange.timers import ManualTimers
from kitesim.market.instruments import Master
from kitesim.server import RunningSimulator, start
from kitesim.simulator import Simulator
from ops.bench.figures import Figure

INSTRUMENTS = 3_000
CONNECTIONS = 3
TICK_SECONDS, WARM_SECONDS = 8.0, 3.0
ORDERS_A_SECOND, ORDER_SECONDS = 300, 8
DAY_INSTRUMENTS, DAY_SECONDS = 50, 375 * 60
ROUNDS = 3
_FULL_LENGTH, _INTEREST_OFFSET = 184, 48
_LENGTH = struct.Struct(">H")
_INTEREST = struct.Struct(">I")
_MILLISECONDS_KEPT = 1 << 31
_INSTRUMENT = "NFO:NIFTY26DECFUT"


def measure() -> dict[str, Figure]:
    """Lag of ticks, time of orders, and the stepped day."""
    lags = [asyncio.run(_with_server(_tick_lag, True)) for _ in range(ROUNDS)]
    orders = [asyncio.run(_with_server(_order_time, False)) for _ in range(ROUNDS)]
    days = [_stepped_day()]
    return {
        "kitesim_tick_lag_p99_ms": Figure(sorted(lags)[ROUNDS // 2], "ms", None, lags, "<= 100"),
        "kitesim_order_p95_ms": Figure(sorted(orders)[ROUNDS // 2], "ms", None, orders, "<= 10"),
        "kitesim_day_s": Figure(days[0], "s", None, days, "<= 60"),
    }


def _serve(pipe: Connection, stamped: bool) -> None:
    """Serve an exchange until the pipe says a word or breaks."""

    async def serve() -> None:
        config = SimulatorConfig(
            port=0,
            seed=7,
            date=date(2026, 11, 23),
            strikes=60 if stamped else 10,
            funds=1e13,
            latencies=Latencies.none(),
            limits=Limits(enabled=False),
        )
        running = await start(config)
        # As the console script does.
        gc.collect()
        gc.freeze()
        if stamped:
            _stamp(running)
        pipe.send(running.url)
        await asyncio.to_thread(pipe.poll, 120)
        await running.stop()

    asyncio.run(serve())


def _stamp(running: RunningSimulator) -> None:
    """Let each tick carry the machine time in milliseconds at which it was due."""
    simulator = running.simulator
    pulse = simulator.pulse

    def stamped(tokens: Sequence[int], now_ns: int) -> None:
        late_ns = simulator.clock.now_ns() - now_ns
        due = (time.time_ns() - late_ns) // 1_000_000 % _MILLISECONDS_KEPT
        for token in tokens:
            simulator.market.quotes[token].oi = due
        pulse(tokens, now_ns)

    simulator.pulse = stamped  # type: ignore[method-assign]


@contextmanager
def _server(stamped: bool) -> Iterator[str]:
    """Run an exchange in its own process and yield its URL."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, stamped), daemon=True)
    process.start()
    try:
        assert here.poll(30), "kitesim did not start"
        yield str(here.recv())
    finally:
        here.send("stop")
        process.join(10)
        if process.is_alive():
            process.kill()


async def _with_server(part: Callable[[aiohttp.ClientSession, str], Awaitable[float]], stamped: bool) -> float:
    with _server(stamped) as url:
        async with aiohttp.ClientSession() as client, asyncio.timeout(60):
            return await part(client, url)


async def _login(client: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    """Return API key and access token of a new session."""
    async with client.post(f"{url}/sim/login", json={"user_id": "AB1234"}) as reply:
        login = await reply.json()
    text = login["api_key"] + login["request_token"] + login["api_secret"]
    form = {
        "api_key": login["api_key"],
        "request_token": login["request_token"],
        "checksum": hashlib.sha256(text.encode()).hexdigest(),
    }
    async with client.post(f"{url}/session/token", data=form) as reply:
        session = await reply.json()
    return login["api_key"], session["data"]["access_token"]


async def _tick_lag(client: aiohttp.ClientSession, url: str) -> float:
    """The p99 from due to read, over every full packet of three connections, in milliseconds."""
    key, token = await _login(client, url)
    async with client.get(f"{url}/instruments", headers={"Authorization": f"token {key}:{token}"}) as reply:
        rows = (await reply.text()).splitlines()[1:]
    tradable = [int(row.split(",")[0]) for row in rows if ",INDICES," not in row][:INSTRUMENTS]
    assert len(tradable) == INSTRUMENTS, f"the master has {len(tradable)} instruments"
    lags: list[int] = []
    begin = time.monotonic() + WARM_SECONDS
    end = begin + TICK_SECONDS

    async def listen() -> None:
        address = f"{url.replace('http', 'ws', 1)}/?api_key={key}&access_token={token}"
        async with client.ws_connect(address, max_msg_size=0) as socket:
            await socket.send_str(json.dumps({"a": "mode", "v": ["full", tradable]}))
            while time.monotonic() < end:
                message = await socket.receive(timeout=5)
                if message.type is aiohttp.WSMsgType.BINARY and time.monotonic() >= begin:
                    lags.extend(_lags(message.data, time.time_ns() // 1_000_000))

    await asyncio.gather(*(listen() for _ in range(CONNECTIONS)))
    expected = INSTRUMENTS * CONNECTIONS * 2 * TICK_SECONDS
    assert len(lags) > 0.9 * expected, f"{len(lags)} of {expected} ticks came"
    return float(quantiles(lags, n=100)[98])


def _lags(frame: bytes, now_ms: int) -> Iterator[int]:
    place = 2
    while place < len(frame):
        (length,) = _LENGTH.unpack_from(frame, place)
        if length == _FULL_LENGTH:
            (due,) = _INTEREST.unpack_from(frame, place + 2 + _INTEREST_OFFSET)
            yield now_ms % _MILLISECONDS_KEPT - due
        place += 2 + length


async def _order_time(client: aiohttp.ClientSession, url: str) -> float:
    """The p95 of `POST /orders/regular` on a steady schedule, from due to answered, in milliseconds."""
    key, token = await _login(client, url)
    headers = {"Authorization": f"token {key}:{token}"}
    exchange, symbol = _INSTRUMENT.split(":")
    form = {"exchange": exchange, "tradingsymbol": symbol, "quantity": "65", "product": "NRML"}
    form |= {"order_type": "MARKET", "market_protection": "-1"}
    times: list[float] = []

    async def place(number: int, due: float) -> None:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        side = {"transaction_type": "BUY" if number % 2 else "SELL", "tag": f"B{number}"}
        async with client.post(f"{url}/orders/regular", headers=headers, data=form | side) as reply:
            await reply.read()
            assert reply.status == 200, await reply.text()
        times.append((time.perf_counter() - due) * 1000)

    begin = time.perf_counter() + 0.5
    count = ORDERS_A_SECOND * ORDER_SECONDS
    await asyncio.gather(*(place(number, begin + number / ORDERS_A_SECOND) for number in range(count)))
    return quantiles(times, n=20)[18]


def _stepped_day() -> float:
    """Seconds for a trading day of steps: fifty instruments, a tick a second, orders that rest in three of them."""
    config = SimulatorConfig(
        seed=7, date=date(2026, 11, 23), market="nse", speed=0, strikes=0, funds=1e13, latencies=Latencies.none()
    )
    simulator = Simulator(config, ManualTimers())
    rows = list(simulator.master)
    assert len(rows) >= DAY_INSTRUMENTS
    simulator.market.master = Master(simulator.master.day, rows[:DAY_INSTRUMENTS])
    user = simulator.add_user("AB1234")
    account = simulator.accounts[user.user_id]
    for quote in [each for each in simulator.market.quotes.values() if each.instrument.is_derivative][:3]:
        form = {
            "exchange": quote.instrument.exchange,
            "tradingsymbol": quote.instrument.symbol,
            "transaction_type": "BUY",
            "quantity": str(quote.instrument.lot),
            "product": "NRML",
            "order_type": "LIMIT",
            "price": str(quote.instrument.rounded(quote.last * 0.99) / 100),
        }
        simulator.desk.place(account, "regular", form)
    begin = time.perf_counter()
    ticks = sum(1 for _ in simulator.step(DAY_SECONDS, 1.0))
    elapsed = time.perf_counter() - begin
    assert ticks == DAY_SECONDS
    return elapsed
