"""A trader's `/readyz`, asked by the operator for its words. The kubelet asks it too, and keeps only the number."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from session_operator.domain.names import TRADER_PORT

ANSWER_SECONDS = 2.0
AT_ONCE = 32
LONGEST_ANSWER = 2000


class TraderReadiness:
    """Asks traders over HTTP; safe to share between tasks."""

    def __init__(self, http: aiohttp.ClientSession, port: int = TRADER_PORT) -> None:
        self._http = http
        self._port = port
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def why_not_ready(self, address: str) -> str | None:
        """Return the body of a refusal, empty if there is none; None if nobody answers."""
        url = URL.build(scheme="http", host=address, port=self._port, path="/readyz")
        try:
            async with self._turns, self._http.get(url, allow_redirects=False) as response:
                if response.status == 200:
                    return ""
                text = (await response.content.read(LONGEST_ANSWER)).decode(errors="replace")
                return text.strip() if response.status == 503 else None
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None


@asynccontextmanager
async def asking() -> AsyncIterator[TraderReadiness]:
    """Ask for as long as the context lasts; no proxy stands between pods."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as http:
        yield TraderReadiness(http)
