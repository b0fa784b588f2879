"""All that goes to the broker leaves through the proxy that the session names; the address that is seen there is judged."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import start
from tests.component.trader_kite.conftest import ORDER, PERMIT, OpenGate
from tests.component.trader_kite.wire_server import Exchange, WireServer, wire_server
from trader.adapters.kite.clock import KitesimClock
from trader.adapters.kite.credentials import CommandToken, KitesimLogin, Session
from trader.adapters.kite.rest import KiteRest
from trader.adapters.kite.stream import KiteStream
from trader.app.checks import egress_finding
from trader.app.documents import parse
from trader.app.exchanges import token_source
from trader.app.settings import BrokerAddress
from trader.app.tables import freeze_table
from trader.domain.values import Paise
from trader.engine.ports import FeedUp, Refused

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]


@dataclass
class Proxy:
    """An HTTP proxy on loopback (RFC 9110, 7.3.2 and 9.3.6), and what was asked of it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that ends with the proxy."""
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A tunnel, or requests in absolute form, which every server must take."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.asked.append(f"{method} {target}")
        authority = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = authority.rpartition(":")
        beyond, out = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            out.write(head)
        try:
            await asyncio.gather(_pour(reader, out), _pour(beyond, writer))
        finally:
            for each in (writer, out):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def proxy() -> AsyncIterator[Proxy]:
    """Serve until the block ends."""
    made = Proxy()
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    for each in made.connections:
        each.cancel()
    await asyncio.gather(*made.connections, return_exceptions=True)


async def test_orders_reads_and_the_stream_go_through_the_proxy() -> None:
    """An order is placed by the official client, through the gate and the proxy, and its update comes back through a tunnel."""
    async with proxy() as between:
        simulator = await start(SimulatorConfig(port=0, seed=7, speed=10, funds=10_000_000))
        clock = KitesimClock(simulator.url)
        await clock.start()
        session, gate = Session(KitesimLogin(simulator.url, "AB1234")), OpenGate()
        broker = KiteRest(session, gate, clock, freeze=freeze_table(), root=simulator.url, proxy=between.url)
        stream = KiteStream(session, clock, simulator.stream_url, proxy=between.url)
        try:
            async with aclosing(stream.items([])) as items:  # type: ignore[type-var]
                assert await anext(items) == FeedUp()
                order_id = await broker.place(replace(ORDER, price=Paise(2_400_000)), PERMIT)
                assert order_id in {each.order_id for each in await broker.orders()}
        finally:
            broker.close()
            await simulator.stop()
    authority = simulator.url.removeprefix("http://")
    assert f"POST {simulator.url}/orders/regular" in between.asked
    assert f"GET {simulator.url}/orders" in between.asked
    assert f"CONNECT {authority}" in between.asked
    assert gate.asked == 1


async def test_without_its_proxy_nothing_reaches_the_broker() -> None:
    """It is no detour that may be left out: the address behind it is the registered one."""
    simulator = await start(SimulatorConfig(port=0, seed=7))
    clock = KitesimClock(simulator.url)
    await clock.start()
    session = Session(KitesimLogin(simulator.url, "AB1234"))
    broker = KiteRest(session, OpenGate(), clock, freeze=freeze_table(), root=simulator.url, proxy="http://127.0.0.1:1")
    try:
        with pytest.raises(Refused, match="not sent"):
            await broker.orders()
    finally:
        broker.close()
        await simulator.stop()


@pytest.fixture
def teller() -> Iterator[tuple[WireServer, list[str]]]:
    """A service that answers with an address, and which one."""
    told = ["203.0.113.7\n"]

    def answer(exchange: Exchange) -> None:
        exchange.reply("200 OK", told[0], "text/plain")

    with wire_server(answer) as server:
        yield server, told


def broker_with(check_url: str, proxy_url: str | None = None) -> BrokerAddress:
    """A broker whose addresses are registered."""
    egress = {"registeredAddresses": ["203.0.113.7", "2001:db8::7"], "checkURL": check_url, "proxyURL": proxy_url}
    return parse(json.dumps({"type": "Kite", "egress": egress}), "session.yaml", BrokerAddress)


@pytest.mark.parametrize(
    ("told", "passed", "words"),
    [
        ("203.0.113.7\n", True, "203.0.113.7 is registered"),
        ("2001:DB8:0::7", True, "2001:db8::7 is registered"),
        ("203.0.113.8", False, "203.0.113.8 is not registered; registered are 203.0.113.7, 2001:db8::7"),
        ("<html>log in to the hotel</html>", False, "answers no address: '<html>log in"),
    ],
)
async def test_the_address_that_is_seen_is_judged(
    teller: tuple[WireServer, list[str]], told: str, passed: bool, words: str
) -> None:
    """As an address, however it is spelled; a page that is none is no address."""
    server, says = teller
    says[0] = told
    found = await egress_finding(broker_with(server.url))
    assert (found.passed, found.is_certain) == (passed, True)
    assert words in found.detail


async def test_the_address_is_asked_for_on_the_way_that_orders_take(teller: tuple[WireServer, list[str]]) -> None:
    """Through the proxy: another way has another address."""
    server, _ = teller
    async with proxy() as between:
        assert (await egress_finding(broker_with(f"{server.url}/", between.url))).passed
    assert between.asked == [f"GET {server.url}/"]


async def test_an_address_that_nobody_tells_does_not_arm() -> None:
    """In doubt, no new risk."""
    found = await egress_finding(broker_with("http://127.0.0.1:1/"))
    assert (found.passed, found.is_certain) == (False, False)
    assert found.detail.startswith("unknown: http://127.0.0.1:1/")


async def test_a_token_command_of_the_session_is_where_the_token_comes_from(tmp_path: Path) -> None:
    """With the app's key from the Secret; the program of the session is run as it stands there."""
    (tmp_path / "api_key").write_text("app-key")
    broker = parse("{type: Kite, tokenCommand: [/bin/echo, token-of-the-day]}", "session.yaml", BrokerAddress)
    source = token_source(broker, "AB1234", tmp_path)
    assert isinstance(source, CommandToken)
    token = await source.current()
    assert (token.api_key, token.access_token) == ("app-key", "token-of-the-day")
