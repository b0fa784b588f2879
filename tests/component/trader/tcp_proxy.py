"""A network between a client and a server: silent as a pulled cable, cut as a dead server, or slow as a bad line."""

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards TCP to `host:port`, or to the socket at the path `host` when `port` is 0.

    `freeze()`: nothing passes and no connection is closed, until `thaw()`. `cut()`: all connections are reset, and new ones at
    once, until `mend()`. `slow()`: what the client says arrives so much later.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._is_cut = False
        self._seconds = 0.0
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        self._is_cut = True
        self._reset()

    def mend(self) -> None:
        self._is_cut = False

    def slow(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_cut = True
        self._flowing.set()
        self._listener.close()
        self._reset()

    def _reset(self) -> None:
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                if each.family == socket.AF_INET:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._flowing.wait()
            try:
                if self._is_cut:
                    raise ConnectionRefusedError
                server = self._connect()
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            if self._is_cut:  # in this very moment
                self._reset()
                continue
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._target
        if port:
            server = socket.create_connection(self._target, 5)
            server.settimeout(None)
            return server
        server = socket.socket(socket.AF_UNIX)
        server.connect(host)
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, is_request: bool) -> None:
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                if is_request and self._seconds:
                    time.sleep(self._seconds)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
