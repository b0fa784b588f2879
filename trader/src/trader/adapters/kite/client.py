"""The official `KiteConnect`, unmodified, run in worker threads with deadlines.

Two clients with one token: orders have a session and an executor of their own, so that a slow read never delays an order.
`requests` measures its time-out between two bytes; a total deadline stands above it, in the event loop.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import structlog

from trader.adapters.kite.official import KiteConnect, proxies
from trader.adapters.kite.outcomes import outcome_of
from trader.adapters.kite.transport import GatedAdapter, Wire, carried_by
from trader.engine.ports import GateClosed, Grant, Outcome, Unknown

T = TypeVar("T")

LATE_SECONDS: Final = 10.0
"""How long a worker may go on waiting for a reply that is already judged in doubt; then its connection is hung up."""

log = structlog.get_logger(__name__)


class Lane:
    """One official client with a bounded number of worker threads and a deadline for each call."""

    def __init__(
        self,
        name: str,
        root: str | None,
        workers: int,
        deadline_seconds: float,
        proxy: str | None = None,
    ) -> None:
        """`root` is a simulator's, None for Kite itself; `proxy` an HTTP proxy that all calls go through."""
        self._name = name
        self._deadline_seconds = deadline_seconds
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"kite-{name}")
        self._client = KiteConnect("", root=root, timeout=deadline_seconds)
        # Neither a proxy of the environment nor a ~/.netrc (it would replace the Authorization header) has a say here.
        self._client.reqsession.trust_env = False
        self._client.reqsession.proxies = proxies(proxy)
        self.clock_skew: float | None = None
        """Seconds that our wall clock is ahead of the broker's, by the `Date` of its last answer."""
        self._client.reqsession.hooks["response"].append(self._hear_date)
        for scheme in ("http://", "https://"):
            self._client.reqsession.mount(scheme, GatedAdapter(workers))

    def use(self, api_key: str, access_token: str) -> None:
        """Take a new token for all calls from now on."""
        self._client.api_key = api_key
        self._client.set_access_token(access_token)

    async def call(self, work: Callable[[KiteConnect], T], deadline_seconds: float | None = None) -> T:
        """Run one call of the official client in a worker thread.

        Raises:
            Outcome: whatever went wrong, judged.
        """
        return await self._carried(work, Wire(), None, deadline_seconds or self._deadline_seconds)

    async def send(self, work: Callable[[KiteConnect], T], wire: Wire, grant: Grant) -> T:
        """The same for an order: a worker makes the request ready while its grant is waited for, and writes it with that.

        Cancelling it abandons the request if no byte has left; otherwise the reply is read and dropped. The deadline counts from
        the grant.

        Raises:
            Outcome: whatever went wrong, judged; what the grant raises.
        """
        return await self._carried(work, wire, grant, self._deadline_seconds)

    async def _carried(self, work: Callable[[KiteConnect], T], wire: Wire, grant: Grant | None, deadline: float) -> T:
        loop = asyncio.get_running_loop()
        running = self._executor.submit(_carry, work, self._client, wire)
        waiting = asyncio.wrap_future(running)
        try:
            if grant is not None:
                wire.grant(await grant.granted())
            done, _ = await asyncio.wait({waiting}, timeout=deadline)
        except BaseException:
            self._let_go(running, waiting, wire, loop)
            raise
        if done:
            return waiting.result()
        if self._let_go(running, waiting, wire, loop):
            raise GateClosed(f"the deadline of {deadline:g} s struck before any byte left")
        raise Unknown(f"no reply within {deadline:g} s")

    def _let_go(
        self, running: "Future[T]", waiting: "asyncio.Future[T]", wire: Wire, loop: asyncio.AbstractEventLoop
    ) -> bool:
        """Stop what can be stopped; True when nothing left. A late reply is noted and otherwise ignored: the book will tell."""
        nothing_left = wire.abandon()
        running.cancel()
        if nothing_left:
            waiting.add_done_callback(_ignore)
        else:
            waiting.add_done_callback(functools.partial(_note_late_reply, self._name, loop.time()))
            loop.call_later(LATE_SECONDS, wire.hang_up)
        return nothing_left

    def _hear_date(self, response: Any, *_arguments: Any, **_options: Any) -> None:
        with contextlib.suppress(KeyError, ValueError):
            told = parsedate_to_datetime(response.headers["Date"]).timestamp()
            # The header was written at some moment of the round trip, in a second of which only the beginning is told.
            self.clock_skew = time.time() - response.elapsed.total_seconds() / 2 - (told + 0.5)

    def let_go(self) -> None:
        """Close the connections that nobody uses; the next call makes a new one."""
        self._client.reqsession.close()

    def close(self) -> None:
        """Let running calls end by themselves; nothing new is taken."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.reqsession.close()


def _carry(work: Callable[[KiteConnect], T], client: KiteConnect, wire: Wire) -> T:
    """The worker thread's side: whatever is raised leaves as an Outcome."""
    with carried_by(wire):
        try:
            return work(client)
        except Outcome:
            raise
        except Exception as error:
            raise outcome_of(error, wire) from error


def _ignore(waiting: "asyncio.Future[Any]") -> None:
    """It ended without a byte on the wire, as it was told to."""
    if not waiting.cancelled():
        waiting.exception()


def _note_late_reply(lane: str, since: float, waiting: "asyncio.Future[Any]") -> None:
    if waiting.cancelled():
        return
    failure = waiting.exception()
    seconds = round(waiting.get_loop().time() - since, 3)
    log.info("late_reply_ignored", lane=lane, seconds_late=seconds, outcome=str(failure) if failure else "accepted")
