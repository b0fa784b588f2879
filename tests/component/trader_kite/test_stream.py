"""The stream notices what the official ticker does not, and comes back by itself."""

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.component.trader.tcp_proxy import Proxy
from tests.component.trader_kite.conftest import StubSource
from trader.adapters.kite.credentials import Session
from trader.adapters.kite.stream import KiteStream, StreamOptions
from trader.adapters.system_clock import SystemClock
from trader.domain.events import BrokerOrder, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey, Paise, Quantity
from trader.engine.ports import FeedAlive, FeedDown, FeedItem, FeedUp

pytestmark = pytest.mark.component

OPTIONS = StreamOptions(silence_seconds=0.4, ping_seconds=0.1, first_delay_seconds=0.02, longest_delay_seconds=0.1)
NIFTY = Instrument(
    key=InstrumentKey("NFO:NIFTY26DECFUT"),
    token=10 << 8 | 2,
    underlying="NIFTY",
    kind="FUT",
    expiry="2026-12-29",
    tick_size=Paise(10),
    lot_size=Quantity(65),
    freeze_quantity=Quantity(1800),
    lower_circuit=Paise(1),
    upper_circuit=Paise(10**7),
)
Talk = Callable[[ServerConnection], Awaitable[Any]]
TICK = struct.pack(">HHII", 1, 8, NIFTY.token, 2400000)
HEARTBEAT = b"\x00"


@asynccontextmanager
async def stream_server(talk: Talk, refuse: Callable[[Request], bool] = lambda _: False) -> AsyncIterator[str]:
    """A server that talks as told, and refuses upgrades as told."""

    def judge(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.FORBIDDEN, "no") if refuse(request) else None

    async def quietly(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await talk(connection)

    async with serve(quietly, "127.0.0.1", 0, process_request=judge, compression=None) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def heard(url: str, enough: Callable[[list[FeedItem]], bool], stream: KiteStream | None = None) -> list[FeedItem]:
    """What a stream says until it is enough."""
    stream = stream or KiteStream(Session(StubSource()), SystemClock(), url, OPTIONS)
    items: list[FeedItem] = []
    async with asyncio.timeout(8), aclosing(stream.items([NIFTY])) as speaking:  # type: ignore[type-var]
        async for item in speaking:
            items.append(item)
            if enough(items):
                break
    return items


def kinds(items: list[FeedItem]) -> list[str]:
    """Their names."""
    return [type(each).__name__ for each in items]


async def test_it_subscribes_in_full_mode_and_presents_its_token() -> None:
    """The address carries key and token, the first words subscribe, the next ask for full packets."""
    said: list[Any] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        said.append(connection.request.path)
        said.extend([json.loads(await connection.recv()), json.loads(await connection.recv())])
        await connection.send(TICK)
        await connection.wait_closed()

    async with stream_server(talk) as url:
        items = await heard(url, lambda items: isinstance(items[-1], Quote))
    assert said[0] == "/?api_key=key&access_token=token-1"
    assert said[1:] == [{"a": "subscribe", "v": [NIFTY.token]}, {"a": "mode", "v": ["full", [NIFTY.token]]}]
    assert kinds(items) == ["FeedUp", "FeedAlive", "Quote"]
    assert (items[2].last_price, items[2].bid) == (2400000, 0)  # type: ignore[union-attr]


async def test_a_silent_socket_is_dead() -> None:
    """Nothing for the time of silence, although the connection stands and pings are answered: reconnect."""

    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with stream_server(talk) as url:
        items = await heard(url, lambda items: kinds(items).count("FeedUp") == 2)
    assert kinds(items) == ["FeedUp", "FeedDown", "FeedUp"]
    assert items[1] == FeedDown("silent for 0.4 s")


async def test_a_dead_socket_is_told_before_it_is_closed() -> None:
    """A peer that answers nothing lets the closing wait for a second: the engine has heard of it by then."""

    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with stream_server(talk) as url:
        with Proxy("127.0.0.1", int(url.rpartition(":")[2])) as network:
            stream = KiteStream(Session(StubSource()), SystemClock(), f"ws://127.0.0.1:{network.port}", OPTIONS)
            async with asyncio.timeout(8), aclosing(stream.items([NIFTY])) as speaking:  # type: ignore[type-var]
                assert await anext(speaking) == FeedUp()
                network.freeze()
                began = time.monotonic()
                assert await anext(speaking) == FeedDown("silent for 0.4 s")
                assert time.monotonic() - began < OPTIONS.silence_seconds + 0.8
            network.thaw()


async def test_heartbeats_keep_it_alive() -> None:
    """One byte every so often is life enough, for longer than the time of silence."""

    async def talk(connection: ServerConnection) -> None:
        while True:
            await connection.send(HEARTBEAT)
            await asyncio.sleep(0.15)

    async with stream_server(talk) as url:
        items = await heard(url, lambda items: kinds(items).count("FeedAlive") == 6)
    assert kinds(items) == ["FeedUp", *["FeedAlive"] * 6]


async def test_a_refused_token_is_renewed_once() -> None:
    """403 at the upgrade: a new token, then up; no hammering with the dead one."""
    asked: list[str] = []

    def refuse(request: Request) -> bool:
        asked.append(request.path)
        return "token-1" in request.path

    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with stream_server(talk, refuse) as url:
        items = await heard(url, lambda items: isinstance(items[-1], FeedUp))
    assert kinds(items) == ["FeedDown", "FeedUp"]
    assert [path.rpartition("=")[2] for path in asked] == ["token-1", "token-2"]
    assert "token-1" not in items[0].message  # type: ignore[union-attr]


async def test_a_closed_connection_comes_back_with_its_subscription() -> None:
    """Closed by the server, reset, or never there: the next one subscribes again; the same trouble is told once."""
    talks = 0

    async def talk(connection: ServerConnection) -> None:
        nonlocal talks
        talks += 1
        await connection.recv()
        await connection.recv()
        if talks < 3:
            connection.transport.abort()
            return
        await connection.send(TICK)
        await connection.wait_closed()

    async with stream_server(talk) as url:
        items = await heard(url, lambda items: isinstance(items[-1], Quote))
    assert kinds(items) == ["FeedUp", "FeedDown", "FeedUp", "FeedDown", "FeedUp", "FeedAlive", "Quote"]


async def test_nothing_that_is_said_kills_it() -> None:
    """Torn frames, unknown instruments, texts that are no JSON or no object, orders without fields: noted, and on."""

    async def talk(connection: ServerConnection) -> None:
        for nonsense in (
            TICK[:-2],
            struct.pack(">HHII", 1, 8, 99, 1),
            b"\x00\x05\x00\x08",
            "not json",
            "[1]",
            '"text"',
            '{"type": "order", "data": {"order_id": "1"}}',
            '{"type": "order", "data": []}',
            '{"type": "error", "data": "Invalid token"}',
            '{"type": "message", "data": "maintenance"}',
        ):
            await connection.send(nonsense)
        await connection.send(TICK)
        await connection.wait_closed()

    async with stream_server(talk) as url:
        stream = KiteStream(Session(StubSource()), SystemClock(), url, OPTIONS)
        items = await heard(url, lambda items: isinstance(items[-1], Quote), stream)
    assert not [each for each in items if isinstance(each, BrokerOrder | FeedDown)]
    assert stream.frames_not_understood >= 5
    assert stream.connections == 1


async def test_a_reader_that_fails_leaves_no_connection_behind() -> None:
    """Whatever a reader raises is its own; the socket is closed, and the stream can be read again."""
    open_now = 0

    async def talk(connection: ServerConnection) -> None:
        nonlocal open_now
        open_now += 1
        await connection.send(TICK)
        await connection.wait_closed()
        open_now -= 1

    async with stream_server(talk) as url:
        stream = KiteStream(Session(StubSource()), SystemClock(), url, OPTIONS)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await heard(url, lambda items: bool(1 // len(items[3:])) if len(items) > 2 else False, stream)
            async with asyncio.timeout(15):
                while open_now:  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.01)


async def test_nobody_home_is_told_once() -> None:
    """While nothing listens it keeps trying, and says so one time."""

    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with stream_server(talk) as url:
        pass
    stream = KiteStream(Session(StubSource()), SystemClock(), url, OPTIONS)
    items: list[FeedItem] = []

    async def listen() -> None:
        async for item in stream.items([NIFTY]):
            items.append(item)  # noqa: PERF401 - it never ends, and what came so far is looked at

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.6)
    listening.cancel()
    assert items == [FeedDown("the stream cannot be reached: ConnectionRefusedError")]
    assert FeedAlive() not in items
    assert FeedUp() not in items
