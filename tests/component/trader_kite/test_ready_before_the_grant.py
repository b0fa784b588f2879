"""A request is made ready while its order is committed; not a byte of it leaves before the grant, and none without one."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.component.trader_kite.conftest import CANCEL, MODIFY, ORDER, PERMIT, Rig
from tests.component.trader_kite.test_order_gate_on_the_wire import accept
from tests.component.trader_kite.wire_server import stall, wire_server
from trader.adapters.kite.rest import RestOptions
from trader.engine.ports import GateClosed, Permit, Unknown

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]
RigAt = Callable[..., Rig]


class Awaited:
    """A grant that a test gives, or withdraws."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.decided: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()

    async def granted(self) -> Permit:
        self.asked.set()
        return await self.decided


async def test_not_a_byte_leaves_before_the_grant(rig_at: RigAt) -> None:
    """However long the commit takes: the deadline counts from the grant."""
    with wire_server(accept) as server:
        rig, grant = rig_at(server.url), Awaited()
        await rig.broker.warm()
        seen = len(server.seen)
        placing = asyncio.ensure_future(rig.broker.place(ORDER, grant))
        await grant.asked.wait()
        await asyncio.sleep(0.7)
        assert (len(server.seen), rig.gate.asked, placing.done()) == (seen, 0, False)
        grant.decided.set_result(PERMIT)
        assert await placing == "1914227164488687616"
        assert (len(server.seen), rig.gate.asked) == (seen + 1, 1)


@pytest.mark.parametrize("operation", ["place", "modify", "cancel"])
async def test_what_is_withdrawn_never_leaves_and_gives_its_worker_back(rig_at: RigAt, operation: str) -> None:
    """With one worker only, the next order finds it free at once."""
    with wire_server(accept) as server:
        rig, grant = rig_at(server.url, RestOptions(order_seconds=2, read_seconds=1, order_workers=1)), Awaited()
        calls = {"place": rig.broker.place, "modify": rig.broker.modify, "cancel": rig.broker.cancel}
        messages = {"place": ORDER, "modify": MODIFY, "cancel": CANCEL}
        sending = asyncio.ensure_future(calls[operation](messages[operation], grant))  # type: ignore[operator]
        await grant.asked.wait()
        await asyncio.sleep(0.05)
        grant.decided.set_exception(GateClosed("withdrawn"))
        with pytest.raises(GateClosed, match="withdrawn"):
            await sending
        assert (server.seen, rig.gate.asked) == ([], 0)
        begun = time.monotonic()
        await rig.broker.place(ORDER, PERMIT)
        assert time.monotonic() - begun < 1
    assert len(server.seen) == 1


async def test_a_leadership_that_ends_meanwhile_sends_nothing(rig_at: RigAt) -> None:
    """Cancelled while it waits for its commit: the request that was ready is dropped."""
    with wire_server(accept) as server:
        rig, grant = rig_at(server.url), Awaited()
        placing = asyncio.ensure_future(rig.broker.place(ORDER, grant))
        await grant.asked.wait()
        await asyncio.sleep(0.05)
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        await asyncio.sleep(0.1)
        assert (server.seen, rig.gate.asked) == ([], 0)


async def test_the_gate_judges_at_the_write_not_when_the_request_was_ready(rig_at: RigAt) -> None:
    """It was open when the request was made ready, and is shut when the grant comes."""
    with wire_server(accept) as server:
        rig, grant = rig_at(server.url), Awaited()
        placing = asyncio.ensure_future(rig.broker.place(ORDER, grant))
        await grant.asked.wait()
        await asyncio.sleep(0.05)
        rig.gate.refuses = "cut"
        grant.decided.set_result(PERMIT)
        with pytest.raises(GateClosed, match="cut"):
            await placing
        assert server.seen == []


async def test_a_reply_that_does_not_come_is_doubt_from_the_grant_on(rig_at: RigAt) -> None:
    """The deadline of half a second begins with the grant, not before it and not anew."""
    with wire_server(stall(5)) as server:
        rig, grant = rig_at(server.url), Awaited()
        placing = asyncio.ensure_future(rig.broker.place(ORDER, grant))
        await grant.asked.wait()
        await asyncio.sleep(0.3)
        granted = time.monotonic()
        grant.decided.set_result(PERMIT)
        with pytest.raises(Unknown):
            await placing
        assert 0.45 < time.monotonic() - granted < 1.5
