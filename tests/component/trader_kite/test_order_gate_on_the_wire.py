"""The gate is asked after the connection stands and right before the bytes leave; what it refuses never leaves."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.component.trader_kite.conftest import CANCEL, MODIFY, ORDER, PERMIT, Rig
from tests.component.trader_kite.wire_server import Exchange, WireServer, drop, stall, wire_server
from trader.engine.ports import GateClosed, Outcome, RateLimited, Refused, TokenDead, Unknown

pytestmark = pytest.mark.component
RigAt = Callable[[str], Rig]


MESSAGES = {"place": ORDER, "modify": MODIFY, "cancel": CANCEL}


def accept(exchange: Exchange) -> None:
    """Take every order."""
    exchange.data({"order_id": "1914227164488687616"})


async def test_an_order_leaves_in_one_write_with_its_tag(rig_at: RigAt) -> None:
    """The form carries the tag and exact prices; the id comes back as text."""
    with wire_server(accept) as server:
        rig = rig_at(server.url)
        assert await rig.broker.place(ORDER, PERMIT) == "1914227164488687616"
        await rig.broker.modify(MODIFY, PERMIT)
        await rig.broker.cancel(CANCEL, PERMIT)
    placed, modified, cancelled = server.seen
    assert placed.line == "POST /orders/regular HTTP/1.1"
    assert f"tag={ORDER.tag}" in placed.body
    assert "price=24000.05" in placed.body
    assert "market_protection" not in placed.body
    assert (modified.line, cancelled.line) == ("PUT /orders/regular/1 HTTP/1.1", "DELETE /orders/regular/1 HTTP/1.1")
    assert rig.gate.asked == 3


@pytest.mark.parametrize("operation", ["place", "modify", "cancel"])
async def test_what_the_gate_refuses_never_leaves(rig_at: RigAt, operation: str) -> None:
    """The server sees a connection and no byte; the same connection pool serves the next order."""
    with wire_server(accept) as server:
        rig = rig_at(server.url)
        rig.gate.refuses = "cut"
        calls = {"place": rig.broker.place, "modify": rig.broker.modify, "cancel": rig.broker.cancel}
        with pytest.raises(GateClosed, match="cut"):
            await calls[operation](MESSAGES[operation], PERMIT)  # type: ignore[operator]
        assert server.seen == []
        rig.gate.refuses = ""
        await rig.broker.place(ORDER, PERMIT)
    assert len(server.seen) == 1


async def test_the_gate_is_asked_after_the_connection_stands(rig_at: RigAt) -> None:
    """Nothing but the write lies between the gate's answer and the wire: with no server, the gate is never asked."""
    with wire_server(accept) as server:
        url = server.url
    rig = rig_at(url)
    with pytest.raises(Refused, match="not sent"):
        await rig.broker.place(ORDER, PERMIT)
    assert rig.gate.asked == 0


async def test_a_deadline_before_the_write_stops_the_order_for_good(rig_at: RigAt) -> None:
    """A worker that was frozen in front of the gate finds the request abandoned when it wakes up."""
    with wire_server(accept) as server:
        rig = rig_at(server.url)
        await rig.broker.warm()
        held = threading.Event()
        rig.gate.before = held.wait
        waiting = [asyncio.create_task(rig.broker.place(ORDER, PERMIT)) for _ in range(9)]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        held.set()
        assert {type(each) for each in ended} == {GateClosed}
        await asyncio.sleep(0.2)
    assert server.orders == []


async def test_a_reply_dropped_after_the_write_is_doubt(rig_at: RigAt) -> None:
    """The order may exist, and it was sent exactly once."""
    with wire_server(drop) as server:
        rig = rig_at(server.url)
        with pytest.raises(Unknown):
            await rig.broker.place(ORDER, PERMIT)
    assert len(server.seen) == 1


async def test_a_reply_after_the_deadline_is_doubt_and_then_ignored(rig_at: RigAt) -> None:
    """The late answer harms nothing, and the next order is served by another worker."""
    with wire_server(stall(0.8)) as server:
        rig = rig_at(server.url)
        with pytest.raises(Unknown, match="no reply within"):
            await rig.broker.place(ORDER, PERMIT)
        server.script = accept
        assert await rig.broker.place(ORDER, PERMIT)
        await asyncio.sleep(0.5)
    assert len(server.seen) == 2


async def test_a_redirect_does_not_send_an_order_twice(rig_at: RigAt) -> None:
    """`requests` follows a 307 with the same form; the wire lets the second one go nowhere."""

    def script(exchange: Exchange) -> None:
        reply = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /orders/elsewhere\r\nContent-Length: 0\r\n\r\n"
        exchange.connection.sendall(reply.encode())

    with wire_server(script) as server:
        rig = rig_at(server.url)
        with pytest.raises(Unknown):
            await rig.broker.place(ORDER, PERMIT)
    assert len(server.seen) == 1


def answering(server: WireServer, status: str, message: str, error_type: str) -> None:
    """Let the server answer every request so."""
    server.script = lambda exchange: exchange.error(status, message, error_type)


@pytest.mark.parametrize(
    ("status", "message", "error_type", "expected"),
    [
        ("400 Bad Request", "Invalid quantity", "InputException", Refused),
        ("400 Bad Request", "Insufficient funds. Required margin is 5.", "MarginException", Refused),
        ("400 Bad Request", "Order request timed out. Please check the order book", "OrderException", Unknown),
        ("403 Forbidden", "Incorrect `api_key` or `access_token`.", "TokenException", TokenDead),
        ("429 Too Many Requests", "Too many requests", "NetworkException", RateLimited),
        ("503 Service Unavailable", "Request failed (kitetrade-oms).", "NetworkException", Unknown),
    ],
)
async def test_errors_of_the_broker_through_the_official_client(
    rig_at: RigAt, status: str, message: str, error_type: str, expected: type[Outcome]
) -> None:
    """Message and code decide, as they arrive through the official client."""
    with wire_server(accept) as server:
        rig = rig_at(server.url)
        answering(server, status, message, error_type)
        with pytest.raises(Outcome) as caught:
            await rig.broker.place(ORDER, PERMIT)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        ("502 Bad Gateway", "<html>bad gateway</html>", "text/html"),
        ("504 Gateway Timeout", "", None),
        ("500 Internal Server Error", '{"status": "error", "message": "x"}', "application/json"),
        ("503 Service Unavailable", '{"message": "x"}', "application/json"),
        ("200 OK", '{"status": "success", "data": {}}', "application/json"),
        ("200 OK", "{torn", "application/json"),
    ],
)
async def test_oddities_of_proxies_are_doubt(rig_at: RigAt, status: str, body: str, content_type: str | None) -> None:
    """What the official client answers with KeyError and its like is never taken for a refusal."""
    with wire_server(lambda exchange: exchange.reply(status, body, content_type)) as server:
        rig = rig_at(server.url)
        with pytest.raises(Unknown):
            await rig.broker.place(ORDER, PERMIT)


async def test_many_dead_tokens_make_one_login(rig_at: RigAt) -> None:
    """Whoever finds the token dead, one renewal serves all."""
    with wire_server(accept) as server:
        rig = rig_at(server.url)
        answering(server, "403 Forbidden", "Incorrect `access_token`.", "TokenException")
        ended = await asyncio.gather(*(rig.broker.orders() for _ in range(4)), return_exceptions=True)
        assert {type(each) for each in ended} == {TokenDead}
        server.script = lambda exchange: exchange.data([])
        assert await rig.broker.orders() == ()
    assert rig.source.asked == 2
    assert b"Authorization: token key:token-2" in server.seen[-1].request


async def test_half_a_book_is_no_book(rig_at: RigAt) -> None:
    """One row that cannot be understood makes the read fail."""
    with wire_server(lambda exchange: exchange.data([{"order_id": "1"}])) as server:
        rig = rig_at(server.url)
        with pytest.raises(Unknown, match="cannot be understood"):
            await rig.broker.orders()
