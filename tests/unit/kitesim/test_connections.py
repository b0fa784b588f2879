"""A stream connection takes any message, keeps its limits, and never loses an order update."""

import json
from typing import cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kitesim.stream.connections import Connection
from kitesim.users import User


class Socket:
    """The sending half of a WebSocket that a test reads."""

    def __init__(self) -> None:
        self.closed = False
        self.sent: list[bytes | str] = []

    async def send_bytes(self, message: bytes) -> None:
        self.sent.append(message)

    async def send_str(self, message: str) -> None:
        self.sent.append(message)


def connection(most: int = 3000, frames: int = 4) -> tuple[Connection, Socket]:
    socket = Socket()
    made = Connection(
        user=User("AB1234", "key", "secret"),
        access_token="token",
        socket=cast("web.WebSocketResponse", socket),
        known=range(1, 10_000),
        most_instruments=most,
        buffered_frames=frames,
        heartbeat_seconds=0.05,
        cut=lambda: setattr(socket, "closed", True),
    )
    return made, socket


def say(made: Connection, action: str, value: object) -> list[int]:
    return made.handle(json.dumps({"a": action, "v": value}))


async def test_subscribing_twice_changes_nothing() -> None:
    """The official client subscribes and sets modes again after a reconnect; both are idempotent."""
    made, _ = connection()
    assert say(made, "subscribe", [1, 2]) == [1, 2]
    assert say(made, "mode", ["full", [1, 3]]) == [1, 3]
    assert say(made, "subscribe", [1, 2, 3]) == []
    assert say(made, "mode", ["full", [1]]) == []
    assert made.subscriptions == {1: "full", 2: "quote", 3: "full"}
    say(made, "unsubscribe", [1, 4])
    assert made.subscriptions == {2: "quote", 3: "full"}


async def test_a_connection_has_room_for_3000_instruments() -> None:
    """What is over the limit gets an error frame; the connection and its subscriptions stay."""
    made, socket = connection()
    say(made, "subscribe", list(range(1, 3002)))
    assert len(made.subscriptions) == 3000
    await made._flush()
    (text,) = socket.sent
    assert json.loads(str(text))["type"] == "error"


@given(text=st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_message_is_too_strange(text: str) -> None:
    """Whatever a client sends, the connection survives and subscribes to nothing."""
    made, _ = connection()
    assert made.handle(text) == []


@given(
    action=st.sampled_from(["subscribe", "unsubscribe", "mode", "other"]),
    value=st.none() | st.lists(st.none() | st.integers() | st.text() | st.lists(st.integers())),
)
def test_no_value_is_too_strange(action: str, value: object) -> None:
    """Tokens that are none, unknown tokens and modes that do not exist are passed over."""
    made, _ = connection()
    say(made, action, value)
    assert all(token in range(1, 10_000) for token in made.subscriptions)


async def test_a_slow_client_loses_old_ticks_and_no_order_update() -> None:
    """The buffer keeps the newest ticks; order updates all go out, and first."""
    made, socket = connection(frames=2)
    for number in range(5):
        made.send_ticks(bytes([number]))
        made.send_text(f"update {number}")
    await made._flush()
    assert socket.sent == [*(f"update {number}" for number in range(5)), b"\x03", b"\x04"]
    assert made.dropped_ticks == 3


async def test_a_client_that_never_reads_is_cut_off() -> None:
    """Updates are never dropped, so somebody who leaves thousands unread loses his connection."""
    made, socket = connection()
    for number in range(10_001):
        made.send_text(str(number))
    await made._flush()
    assert socket.closed


@pytest.mark.parametrize("silent", [False, True])
async def test_an_idle_connection_sends_heartbeats(silent: bool) -> None:
    """One byte when there was nothing to send; a black hole sends nothing at all."""
    made, socket = connection()
    made.silent = silent

    class Stop(Socket):
        async def send_bytes(self, message: bytes) -> None:
            socket.sent.append(message)
            made._socket = cast("web.WebSocketResponse", ended)

    ended = Socket()
    ended.closed = True
    if silent:
        made.send_ticks(b"tick")
        made._socket = cast("web.WebSocketResponse", ended)
        await made.write()
        assert socket.sent == []
        return
    made._socket = cast("web.WebSocketResponse", Stop())
    await made.write()
    assert socket.sent == [b"\x00"]
