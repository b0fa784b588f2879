"""A server that answers exactly what a test tells it to, down to a dropped connection; for what no simulator should do."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Script = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request on a connection, and the means to answer it."""

    connection: socket.socket
    request: bytes

    @property
    def line(self) -> str:
        """Method and path."""
        return self.request.split(b"\r\n", 1)[0].decode()

    @property
    def body(self) -> str:
        """The form."""
        return self.request.split(b"\r\n\r\n", 1)[1].decode()

    def reply(self, status: str, body: str, content_type: str | None = "application/json") -> None:
        """Answer and keep the connection."""
        kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
        self.connection.sendall(f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def data(self, data: object) -> None:
        """Answer as Kite answers a success."""
        self.reply("200 OK", json.dumps({"status": "success", "data": data}))

    def error(self, status: str, message: str, error_type: str) -> None:
        """Answer as Kite answers a failure."""
        self.reply(status, json.dumps({"status": "error", "message": message, "error_type": error_type, "data": None}))


@dataclass
class WireServer:
    """Answers each request with `script`, and keeps what it saw."""

    script: Script
    seen: list[Exchange] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def orders(self) -> list[Exchange]:
        """The order requests that arrived."""
        return [each for each in self.seen if "/orders/" in each.line]

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while (request := _read(connection)) is not None:
                exchange = Exchange(connection, request)
                self.seen.append(exchange)
                self.script(exchange)


def _read(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def wire_server(script: Script) -> Iterator[WireServer]:
    """Serve on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = WireServer(script, port=listener.getsockname()[1])
    threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        listener.close()


def drop(exchange: Exchange) -> None:
    """Take the request and hang up."""
    exchange.connection.close()


def stall(seconds: float) -> Script:
    """Take the request, answer only after this long."""

    def script(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.data({"order_id": "1"})

    return script
