"""HTTP postbacks: every order update as a POST to the address that the user registered.

https://kite.trade/docs/connect/v3/postbacks/: a raw JSON body with a checksum, also while the user is logged out, and
"only orders placed using the app's api_key are notified". Updates of one user leave in order. Whether Kite tries again
is not documented; `postbacks.attempts` says it here.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from kitesim.exchange.accounts import Account
from kitesim.exchange.orders import Order
from kitesim.simulator import Simulator
from kitesim.stream.hub import payload
from kitesim.web.replies import SIMULATOR

logger = logging.getLogger(__name__)


class _Postman:
    """Carries the updates of one user to one address."""

    def __init__(self, simulator: Simulator, user_id: str, url: str) -> None:
        self._simulator = simulator
        self._user_id = user_id
        self._url = url
        self._letters: asyncio.Queue[str] = asyncio.Queue()

    def hear(self, account: Account, order: Order, status: str) -> None:
        """Take an update of this user, of an order that his app placed; the stream has all others too."""
        if order.request.origin != "app":
            return
        user = self._simulator.users.find(account.user_id)
        if account.user_id == self._user_id and user is not None:
            self._letters.put_nowait(json.dumps(payload(user, order, status), separators=(",", ":")))

    async def carry(self, session: aiohttp.ClientSession) -> None:
        """Deliver for ever."""
        attempts = self._simulator.config.postbacks.attempts
        while True:
            letter = await self._letters.get()
            for _ in range(attempts):
                status = await self._post(session, letter)
                self._simulator.log.write("postback", user_id=self._user_id, status=status)
                if status is not None and status < 400:
                    break

    async def _post(self, session: aiohttp.ClientSession, letter: str) -> int | None:
        try:
            async with session.post(self._url, data=letter, headers={"Content-Type": "application/json"}) as reply:
                return reply.status
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("postback_failed url=%s error=%s", self._url, error)
            return None


async def deliver(application: web.Application) -> AsyncIterator[None]:
    """Deliver postbacks as long as the application lives; without an address this does nothing."""
    simulator = application[SIMULATOR]
    postmen = [
        _Postman(simulator, user.user_id, user.postback_url) for user in simulator.config.users if user.postback_url
    ]
    if not postmen:
        yield
        return
    timeout = aiohttp.ClientTimeout(simulator.config.postbacks.timeout_seconds)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        tasks = [asyncio.create_task(postman.carry(session)) for postman in postmen]
        simulator.desk.listeners.extend(postman.hear for postman in postmen)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
