"""The WebSocket route: any upgrade on `/` or `/ws`: https://kite.trade/docs/connect/v3/websocket/"""

import asyncio
import logging
from contextlib import suppress

from aiohttp import web

from kitesim.errors import KiteError, RateLimited
from kitesim.simulator import Simulator
from kitesim.stream.connections import Connection, messages
from kitesim.web import faulting
from kitesim.web.replies import SIMULATOR, USER

logger = logging.getLogger(__name__)
_LARGEST_MESSAGE = 256 * 1024
# How much of a client's message the truth log keeps.
_TOLD = 200


def is_upgrade(request: web.Request) -> bool:
    """Tell whether the client wants a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve one stream until either side ends it.

    Raises:
        TokenRefused: no such session; the official client retries that for ever, its caller must stop it.
        RateLimited: the API key has as many connections as it may.
    """
    simulator = request.app[SIMULATOR]
    user = simulator.users.check(
        request.query.get("api_key", ""), request.query.get("access_token", ""), simulator.clock.now_ns()
    )
    request[USER] = user
    fault = faulting.strike(simulator, request, "before", user.user_id)
    if fault is not None and (refusal := await faulting.before(fault, request)) is not None:
        return refusal
    # https://kite.trade/forum/discussion/15708: three connections per API key; how the fourth is refused is not
    # documented.
    if len(simulator.hub.of_user(user.user_id)) >= simulator.config.stream.most_connections:
        raise RateLimited("Too many requests")
    socket = web.WebSocketResponse(compress=False, max_msg_size=_LARGEST_MESSAGE)
    await socket.prepare(request)
    settings = simulator.config.stream
    connection = Connection(
        user=user,
        access_token=request.query["access_token"],
        socket=socket,
        known=simulator.market.quotes,
        most_instruments=settings.most_instruments,
        buffered_frames=settings.buffered_frames,
        heartbeat_seconds=settings.heartbeat_ms / 1000,
        cut=lambda: request.transport.abort() if request.transport is not None else None,
    )
    # A fault that stands befalls a new connection from its first frame: it must not slip out a snapshot.
    simulator.hub.before_frames(connection)
    simulator.hub.connections.append(connection)
    simulator.log.write("stream_opened", user_id=user.user_id, remote=request.remote)
    writer = asyncio.create_task(connection.write())
    try:
        await _listen(simulator, connection, socket)
    finally:
        simulator.hub.connections.remove(connection)
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
        simulator.log.write(
            "stream_closed",
            user_id=user.user_id,
            code=socket.close_code,
            sent=connection.sent,
            dropped_ticks=connection.dropped_ticks,
        )
    return socket


async def _listen(simulator: Simulator, connection: Connection, socket: web.WebSocketResponse) -> None:
    async for text in messages(socket):
        try:
            tokens = connection.handle(text)
        except (KiteError, RecursionError):
            continue
        simulator.log.write(
            "stream_message",
            user_id=connection.user.user_id,
            text=text[:_TOLD],
            changed=len(tokens),
            subscribed=len(connection.subscriptions),
        )
        simulator.market.wake(tokens)
        simulator.hub.snapshot(connection, tokens)
