"""Kite's stream over a WebSocket of our own: quotes in full mode and order updates of the whole account.

Why not the official KiteTicker: it never pings, never notices a dead socket, lets an exception of a callback kill the
connection, and keeps knocking with a dead token (pykiteconnect issues 229, 230, 102). Here the iterator is the one owner of
connecting: a reader that stops reading ends it, and nothing a reader raises reaches the socket.

Updates are fire-and-forget (kite.trade/forum/discussion/4217): after each gap the engine reads the book.
"""

import asyncio
import contextlib
import json
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import structlog
import websockets
from websockets.asyncio.client import ClientConnection

from trader.adapters.kite.credentials import CredentialsMissing, Session
from trader.adapters.kite.packets import HEARTBEAT_BYTES, touches
from trader.adapters.kite.rows import broker_order
from trader.domain.events import BrokerOrder, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey
from trader.engine.ports import Clock, FeedAlive, FeedDown, FeedItem, FeedUp, Outcome

log = structlog.get_logger(__name__)

KITE_STREAM: Final = "wss://ws.kite.trade"
# kite.trade/docs/connect/v3/websocket: 3,000 instruments a connection.
INSTRUMENTS_A_CONNECTION: Final = 3_000


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Seconds. The server sends a heartbeat every couple of seconds when idle, so 5 s of silence is a dead socket."""

    silence_seconds: float = 5.0
    ping_seconds: float = 2.5
    connect_seconds: float = 5.0
    first_delay_seconds: float = 0.25
    longest_delay_seconds: float = 10.0


class _Lost(Exception):  # noqa: N818 - says how the connection ended
    """The connection ended or never stood; the text says why, without the address, for it carries the token."""


class KiteStream:
    """The engine's `Feed`."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        url: str = KITE_STREAM,
        options: StreamOptions | None = None,
        *,
        proxy: str | None = None,
        tee: Callable[[bytes], None] | None = None,
    ) -> None:
        """`proxy` is an HTTP proxy that takes CONNECT; none of the environment has a say. `tee` hears each binary frame, last."""
        self._session = session
        self._clock = clock
        self._url = url.rstrip("/")
        self._options = options or StreamOptions()
        self._proxy = proxy
        self._tee = tee
        self.connections = 0
        """How many connections stood so far; all but the first are reconnects."""
        self.frames_not_understood = 0

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        """Quotes of these instruments and all order updates, for ever; ends only by `aclose` or cancellation."""
        assert len(instruments) <= INSTRUMENTS_A_CONNECTION, (
            f"at most {INSTRUMENTS_A_CONNECTION}, was {len(instruments)}"
        )
        names = {each.token: each.key for each in instruments}
        failures, told = 0, ""
        while True:
            try:
                async with self._connected(list(names)) as socket:
                    self.connections += 1
                    failures = 0
                    yield FeedUp()
                    try:
                        while True:
                            for item in self._understood(await self._frame(socket), names):
                                yield item
                    except _Lost as lost:
                        # Told before the socket is closed: a dead peer makes that take a second.
                        failures, told = 1, str(lost)
                        log.warning("stream_lost", reason=told)
                        yield FeedDown(told)
            except _Lost as lost:
                failures += 1
                if str(lost) != told:
                    told = str(lost)
                    log.warning("stream_lost", reason=told)
                    yield FeedDown(told)
            await asyncio.sleep(self._delay(failures))

    @contextlib.asynccontextmanager
    async def _connected(self, tokens: list[int]) -> AsyncIterator[ClientConnection]:
        """A socket that is subscribed in full mode.

        Raises:
            _Lost: it never stood.
        """
        try:
            token = await self._session.token()
        except (CredentialsMissing, Outcome) as error:
            raise _Lost(f"no token: {error}") from None
        query = urlencode({"api_key": token.api_key, "access_token": token.access_token})
        options = self._options
        try:
            socket = await websockets.connect(
                f"{self._url}/?{query}",
                open_timeout=options.connect_seconds,
                close_timeout=1,
                ping_interval=options.ping_seconds,
                ping_timeout=options.silence_seconds,
                compression=None,
                max_size=None,
                proxy=self._proxy,
                additional_headers={"X-Kite-Version": "3"},
            )
        except websockets.InvalidStatus as error:
            status = error.response.status_code
            if status in {401, 403}:
                with contextlib.suppress(CredentialsMissing, Outcome):
                    await self._session.renew(token)
            raise _Lost(f"the stream refused the connection with {status}") from None
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise _Lost(f"the stream cannot be reached: {type(error).__name__}") from None
        try:
            await self._say(socket, {"a": "subscribe", "v": tokens})
            await self._say(socket, {"a": "mode", "v": ["full", tokens]})
            yield socket
        finally:
            # A dead peer must not keep us from reconnecting: no closing handshake is waited for beyond a moment.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(socket.close(), 1.0)

    async def _say(self, socket: ClientConnection, words: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(socket.send(json.dumps(words)), self._options.connect_seconds)
        except (TimeoutError, websockets.ConnectionClosed) as error:
            raise _Lost(f"lost while subscribing: {type(error).__name__}") from None

    async def _frame(self, socket: ClientConnection) -> str | bytes:
        try:
            async with asyncio.timeout(self._options.silence_seconds):
                return await socket.recv()
        except TimeoutError:
            raise _Lost(f"silent for {self._options.silence_seconds:g} s") from None
        except websockets.ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 1006
            raise _Lost(f"the connection was closed ({code})") from None

    def _understood(self, frame: str | bytes, names: dict[int, InstrumentKey]) -> Iterator[FeedItem]:
        """What a frame says; whatever it is, the stream lives."""
        yield FeedAlive()
        if isinstance(frame, str):
            order = self._order(frame)
            if order is not None:
                yield order
            return
        if len(frame) <= HEARTBEAT_BYTES:
            return
        at, market_time = self._clock.machine_time(), self._clock.market_time()
        try:
            for token, last_price, bid, ask in touches(frame):
                name = names.get(token)
                if name is not None:
                    yield Quote(at, market_time, name, last_price, bid, ask)
        except struct.error as error:
            self._not_understood(f"{len(frame)} bytes: {error}")
        if self._tee is not None:
            self._tee(frame)

    def _order(self, text: str) -> BrokerOrder | None:
        """An order frame; others (`error`, `message`) are noted and carry nothing for us."""
        try:
            said = json.loads(text)
            kind = said["type"]
            if kind == "order" and said.get("data"):
                return broker_order(said["data"])
        except (ValueError, KeyError, TypeError) as error:
            self._not_understood(f"text: {type(error).__name__} {error}")
            return None
        if kind == "error":
            log.warning("stream_complained", message=str(said.get("data"))[:300])
        return None

    def _not_understood(self, what: str) -> None:
        self.frames_not_understood += 1
        log.warning("frame_not_understood", frame=what)

    def _delay(self, failures: int) -> float:
        """Doubling from the first delay, capped, and spread so that many clients do not knock in step."""
        options = self._options
        longest: float = min(options.longest_delay_seconds, options.first_delay_seconds * 2 ** min(failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
