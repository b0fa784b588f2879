"""One stream connection: what it subscribed to, and its outgoing frames.

Messages of a client: https://kite.trade/docs/connect/v3/websocket/#request-structure. Subscribing again, or setting a
mode that is set, changes nothing: the official client does both after a reconnect. What is no message is ignored.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Container
from contextlib import suppress

from aiohttp import WSMsgType, web

from kitesim.stream.packets import HEARTBEAT, MODES, Mode
from kitesim.users import User

# Order updates are never dropped; a client that leaves this many unread is cut off instead.
_MOST_TEXTS = 10_000
_DEFAULT_MODE: Mode = "quote"


class Connection:
    """The server's end of one WebSocket."""

    def __init__(
        self,
        *,
        user: User,
        access_token: str,
        socket: web.WebSocketResponse,
        known: Container[int],
        most_instruments: int,
        buffered_frames: int,
        heartbeat_seconds: float,
        cut: Callable[[], None],
    ) -> None:
        self.user = user
        self.access_token = access_token
        self.subscriptions: dict[int, Mode] = {}
        self.silent = False
        """A black hole: the socket stays open and nothing is sent."""
        self.tickless = False
        """Heartbeats and order updates come, ticks do not."""
        self.dropped_ticks = 0
        self.sent = {"ticks": 0, "texts": 0, "heartbeats": 0}
        """Frames that went out, by kind."""
        self.cut = cut
        """Ends the connection without a word."""
        self._socket = socket
        self._known = known
        self._most_instruments = most_instruments
        self._heartbeat_seconds = heartbeat_seconds
        self._texts: deque[str] = deque()
        self._ticks: deque[bytes] = deque(maxlen=buffered_frames)
        self._wake = asyncio.Event()

    def send_ticks(self, message: bytes) -> None:
        """Queue a binary frame; the oldest makes room when the client does not read."""
        if len(self._ticks) == self._ticks.maxlen:
            self.dropped_ticks += 1
        self._ticks.append(message)
        self._wake.set()

    def send_text(self, message: str) -> None:
        """Queue a text frame; it goes before all queued ticks."""
        self._texts.append(message)
        self._wake.set()

    def handle(self, text: str) -> list[int]:
        """Take one message of the client; return the tokens whose present state it should be sent."""
        try:
            message = json.loads(text)
        except ValueError:
            return []
        if not isinstance(message, dict):
            return []
        match message.get("a"), message.get("v"):
            case "subscribe", list(tokens):
                return self._subscribe(tokens, None)
            case "unsubscribe", list(tokens):
                for token in tokens:
                    if isinstance(token, int):
                        self.subscriptions.pop(token, None)
            case "mode", [str(mode), list(tokens)] if mode in MODES:
                return self._subscribe(tokens, mode)
        return []

    def _subscribe(self, tokens: list[object], mode: Mode | None) -> list[int]:
        changed: list[int] = []
        surplus = 0
        for token in tokens:
            if not isinstance(token, int) or token not in self._known:
                continue
            present = self.subscriptions.get(token)
            if present is None and len(self.subscriptions) >= self._most_instruments:
                surplus += 1
                continue
            wanted = mode or present or _DEFAULT_MODE
            if wanted != present:
                self.subscriptions[token] = wanted
                changed.append(token)
        if surplus:
            reason = (
                f"Subscription limit of {self._most_instruments} instruments exceeded; {surplus} were not subscribed."
            )
            self.send_text(json.dumps({"type": "error", "data": reason}))
        return changed

    async def write(self) -> None:
        """Send what is queued, and a heartbeat whenever there was nothing to send; ends with the socket."""
        while not self._socket.closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._heartbeat_seconds)
            idle = not self._wake.is_set()
            self._wake.clear()
            if self.silent:
                self._ticks.clear()
                self._texts.clear()
                continue
            try:
                if idle:
                    await self._socket.send_bytes(HEARTBEAT)
                    self.sent["heartbeats"] += 1
                await self._flush()
            except (ConnectionError, RuntimeError):
                return

    async def _flush(self) -> None:
        while (self._texts or self._ticks) and not self.silent:
            if len(self._texts) > _MOST_TEXTS:
                self.cut()
                return
            if self._texts:
                await self._socket.send_str(self._texts[0])
                self._texts.popleft()
                self.sent["texts"] += 1
            else:
                await self._socket.send_bytes(self._ticks.popleft())
                self.sent["ticks"] += 1

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye; a client that does not answer within a moment is left."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.5):
                await self._socket.close(code=code, message=reason.encode())


async def messages(socket: web.WebSocketResponse) -> AsyncIterator[str]:
    """Yield the text messages of a client; a broken frame ends its connection and nothing else."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            yield str(message.data)
