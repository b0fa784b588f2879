"""The witness keeps seeing when the port-forward to it has died."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ops.clients.exchange import exchange_in
from ops.clients.kubectl import Kubectl

NOBODY = "http://127.0.0.1:9"


class Clock(BaseHTTPRequestHandler):
    """Answers everything, and says how it was asked."""

    def do_GET(self) -> None:
        """Answer."""
        body = json.dumps({"path": self.path, "bearer": self.headers["Authorization"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


class Forwards(Kubectl):
    """A cluster whose port-forwards lead where a test says, one after the other."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__("desk", program="none")
        self.left = addresses
        self.open = 0

    def json(self, *arguments: str, seconds: float = 30) -> Any:
        """Give the Secret of the control routes."""
        assert arguments[:2] == ("get", "secret")
        return {"data": {"control_token": base64.b64encode(b"t0ken\n").decode()}}

    @contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[str]:
        """The next address."""
        self.open += 1
        try:
            yield self.left.pop(0)
        finally:
            self.open -= 1


@pytest.fixture
def server() -> Iterator[str]:
    """Somebody who answers."""
    listening = HTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_dead_port_forward_is_made_anew(server: str) -> None:
    """One at a time, with the same request and its token; and none is left behind."""
    forwards = Forwards([NOBODY, NOBODY, server])
    with exchange_in(forwards) as exchange:
        assert exchange.get("/sim/clock?a=1") == {"path": "/sim/clock?a=1", "bearer": "Bearer t0ken"}
        assert (exchange.url, forwards.open) == (server, 1)
    assert forwards.open == 0
