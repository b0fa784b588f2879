"""The stream at the level of its frames."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from .conftest import Exchange

pytestmark = pytest.mark.component
SHARE = 408065


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def connect(
    client: aiohttp.ClientSession, exchange: Exchange, user: str | None = None, path: str = "/"
) -> aiohttp.ClientWebSocketResponse:
    kite = await asyncio.to_thread(exchange.client, user)
    url = f"{exchange.stream_url}{path}?api_key={kite.api_key}&access_token={kite.access_token}"
    return await client.ws_connect(url)


async def next_ticks(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    async with asyncio.timeout(15):
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY and len(message.data) > 1:
                return bytes(message.data)
            assert message.type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE), "the stream closed"


async def silence(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> bool:
    """Wait until nothing came for so long, past what was already on its way."""
    for _ in range(10):
        try:
            async with asyncio.timeout(seconds):
                await socket.receive()
        except TimeoutError:
            return not socket.closed
    return False


@pytest.mark.parametrize("path", ["/", "/ws"])
async def test_a_subscription_is_answered_at_once(client: aiohttp.ClientSession, exchange: Exchange, path: str) -> None:
    """The present state of an instrument comes without waiting for its next tick, on both paths."""
    async with await connect(client, exchange, path=path) as socket:
        await socket.send_json({"a": "subscribe", "v": [SHARE]})
        assert int.from_bytes((await next_ticks(socket))[:2]) == 1


async def test_the_server_answers_pings(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """A ping is answered by a pong, and no pong ever comes unasked."""
    kite = await asyncio.to_thread(exchange.client)
    url = f"{exchange.stream_url}/?api_key={kite.api_key}&access_token={kite.access_token}"
    async with client.ws_connect(url, autoping=False) as socket:
        await socket.ping(b"here")
        async with asyncio.timeout(15):
            while (message := await socket.receive()).type is not aiohttp.WSMsgType.PONG:
                pass
        assert message.data == b"here"


async def test_a_key_has_three_connections(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """The fourth is refused; when one ends there is room again."""
    user = exchange.user()
    sockets = [await connect(client, exchange, user) for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(client, exchange, user)
    assert refused.value.status == 429
    await sockets[0].close()
    async with asyncio.timeout(15):
        while True:
            try:
                sockets[0] = await connect(client, exchange, user)
                break
            except aiohttp.WSServerHandshakeError:
                await asyncio.sleep(0.01)
    for socket in sockets:
        await socket.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff\xff\xff\xff",
        b"\x81\x85\x00\x00\x00\x00\xff\xfe\xfd\xfc\xfb",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x88\x80\x00\x00\x00\x00",
        b"\x83\x80\x00\x00\x00\x00",
    ],
)
async def test_a_broken_frame_ends_its_own_connection_only(
    client: aiohttp.ClientSession, exchange: Exchange, frame: bytes
) -> None:
    """Rubbish on the wire closes that connection; others go on receiving."""
    async with await connect(client, exchange) as healthy, await connect(client, exchange) as broken:
        await healthy.send_json({"a": "mode", "v": ["full", [SHARE]]})
        assert broken._response.connection is not None
        transport = broken._response.connection.transport
        assert transport is not None
        transport.write(frame)
        async with asyncio.timeout(15):
            while not broken.closed:
                await broken.receive()
        for _ in range(2):
            await next_ticks(healthy)


async def test_strange_messages_are_passed_over(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """Text that is no message changes nothing, and the next good message is obeyed."""
    async with await connect(client, exchange) as socket:
        deep = "[" * 100_000
        for text in ("", "null", "[]", '{"a": 1}', '{"a": "mode", "v": ["full"]}', deep, '{"a":"subscribe","v":["x"]}'):
            await socket.send_str(text)
        await socket.send_bytes(b"\x00\x01")
        await socket.send_json({"a": "subscribe", "v": [SHARE]})
        await next_ticks(socket)


async def test_a_black_hole_is_silent_and_open(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """While the fault stands nothing arrives, not even a heartbeat; afterwards ticks flow on the same socket."""
    user = exchange.user()
    async with await connect(client, exchange, user) as socket:
        await socket.send_json({"a": "mode", "v": ["ltp", [SHARE]]})
        await next_ticks(socket)
        fault = await asyncio.to_thread(exchange.control, "POST", "faults", kind="black-hole", user_id=user)
        assert await silence(socket, 2.5)
        await asyncio.to_thread(exchange.control, "DELETE", f"faults/{fault['id']}")
        await next_ticks(socket)


async def test_a_slow_reader_holds_up_nobody(
    client: aiohttp.ClientSession, make_exchange: Callable[..., Exchange]
) -> None:
    """A client that does not read loses old ticks while others receive theirs and the log says how many."""
    exchange = make_exchange(stream={"tick_interval_ms": 20, "buffered_frames": 4})
    tokens = [SHARE, 738561, 341249, 1270529, 2953217, 779521, 424961, 2939649]
    async with await connect(client, exchange) as slow, await connect(client, exchange) as quick:
        for socket in (slow, quick):
            await socket.send_json({"a": "mode", "v": ["full", tokens]})
        assert slow._response.connection is not None
        transport: Any = slow._response.connection.transport
        transport.pause_reading()
        for _ in range(100):
            await next_ticks(quick)
        assert exchange.running.simulator.hub.connections[0].subscriptions
        transport.resume_reading()
        await next_ticks(slow)


async def test_the_end_of_a_session_ends_its_stream(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """Logging out cuts the streams of that access token, and no other's."""
    user = exchange.user()
    kite = await asyncio.to_thread(exchange.client, user)
    url = f"{exchange.stream_url}/?api_key={kite.api_key}&access_token={kite.access_token}"
    async with client.ws_connect(url) as ended, await connect(client, exchange, user) as other:
        await asyncio.to_thread(kite.invalidate_access_token)
        async with asyncio.timeout(15):
            while not ended.closed:
                await ended.receive()
        await other.send_json({"a": "subscribe", "v": [SHARE]})
        await next_ticks(other)
