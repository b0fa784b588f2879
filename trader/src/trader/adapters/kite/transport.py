"""The order gate inside the HTTP transport: the last look before bytes leave.

A permit that was checked before the request was built is stale by the time a TLS handshake is done, a worker thread was
scheduled, or a paused container runs on (Kleppmann, "How to do distributed locking", 2016:
check at the resource, or as near to it as you get). So the check sits below `requests` and urllib3, in the connection:
first connect, then collect header and body, then ask the gate, then write everything with one call.

A `Wire` follows one request of one worker thread. It passes at most once from WAITING to SENT; a deadline that strikes
first makes it ABANDONED, and then nothing leaves any more. What a failure means is read from it: not SENT, nothing happened.
"""

import contextlib
import enum
import socket
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import requests.adapters
import urllib3.connection
import urllib3.connectionpool

from trader.engine.ports import Permit


class Gate(Protocol):
    """The engine's order gate as the transport sees it; called in a worker thread."""

    def check(self, permit: Permit) -> None:
        """Return when this order may leave now; raise `GateClosed` otherwise."""
        ...


class NothingLeft(Exception):  # noqa: N818 - an outcome, not an error
    """A deadline or a redirect stopped a request before its first byte."""


class WireState(enum.Enum):
    """How far a request got."""

    WAITING = enum.auto()
    SENT = enum.auto()
    ABANDONED = enum.auto()


HELD_SECONDS = 10.0
"""No permit is waited for longer: whoever should have said yes or no is gone."""


class Wire:
    """One request on its way out; shared by the worker thread and the event loop."""

    __slots__ = ("_gate", "_granted", "_lock", "_permit", "_socket", "_state")

    def __init__(self, gate: Gate | None = None) -> None:
        """With a gate it is an order's: it waits for a permit, and asks the gate with it."""
        self._gate = gate
        self._permit: Permit | None = None
        # Held until there is a permit or none will come; a lock wakes a thread more quickly than an event does.
        self._granted = threading.Lock()
        if gate is not None:
            self._granted.acquire()
        self._lock = threading.Lock()
        self._state = WireState.WAITING
        self._socket: socket.socket | None = None

    @property
    def bytes_left(self) -> bool:
        """Whether the broker may have seen anything."""
        return self._state is WireState.SENT

    def grant(self, permit: Permit) -> None:
        """The order is durable and may leave; once."""
        self._permit = permit
        if self._granted.locked():
            self._granted.release()

    def pass_gate(self, connected: socket.socket | None) -> None:
        """Pass from WAITING to SENT, or raise; the very next thing must be the write.

        Raises:
            NothingLeft: abandoned, or already used (a redirect would send an order a second time).
            GateClosed: the gate refused.
        """
        if self._gate is not None:
            if not self._granted.acquire(timeout=HELD_SECONDS) or self._permit is None:
                raise NothingLeft("no permit came")
            # Outside the lock: whoever abandons this wire is the event loop, and must never wait for a gate.
            self._gate.check(self._permit)
        with self._lock:
            if self._state is not WireState.WAITING:
                raise NothingLeft(f"a request is written at most once, and this one was {self._state.name}")
            self._state = WireState.SENT
            self._socket = connected

    def abandon(self) -> bool:
        """Stop the request if none of it left yet; True when that is so, for good."""
        with self._lock:
            if self._state is WireState.WAITING:
                self._state = WireState.ABANDONED
                if self._granted.locked():
                    self._granted.release()  # a request that is ready and waits for its permit ends now
            return self._state is WireState.ABANDONED

    def hang_up(self) -> None:
        """Free a worker thread whose reply never ends: its read fails at once."""
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it ended by itself in the meantime
                    self._socket.shutdown(socket.SHUT_RDWR)


_current = threading.local()


@contextlib.contextmanager
def carried_by(wire: Wire) -> Iterator[None]:
    """Requests of this thread travel on this wire."""
    _current.wire = wire
    try:
        yield
    finally:
        del _current.wire


class _GatedRequests:
    """Collects what urllib3 sends for one request and lets it out in one write, through the gate."""

    # urllib3 2.8 `HTTPConnection.request` calls `send` once for the header block and once for each chunk of the body.
    _held: list[bytes] | None = None
    sock: Any

    def request(self, *arguments: Any, **options: Any) -> None:
        wire: Wire | None = getattr(_current, "wire", None)
        if wire is None:
            super().request(*arguments, **options)  # type: ignore[misc]
            return
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self._held = []
        try:
            super().request(*arguments, **options)  # type: ignore[misc]
            everything = b"".join(self._held)
        finally:
            self._held = None
        wire.pass_gate(self.sock)
        super().send(everything)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data.encode() if isinstance(data, str) else bytes(data))


class _GatedConnection(_GatedRequests, urllib3.connection.HTTPConnection):
    pass


class _GatedTlsConnection(_GatedRequests, urllib3.connection.HTTPSConnection):
    pass


class _GatedPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _GatedConnection


class _GatedTlsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _GatedTlsConnection


class GatedAdapter(requests.adapters.HTTPAdapter):
    """Mounted on the official client's session; retries nothing, as `requests` does not by default."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0, pool_block=False)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _GatedPool, "https": _GatedTlsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _GatedPool, "https": _GatedTlsPool}
        return manager
