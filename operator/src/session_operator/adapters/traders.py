"""The traders' HTTP: their reports, and which configuration to run (docs/seams.md §5, §6).

The operator shows a token of its own ServiceAccount that is made for the traders alone: whoever steals it from a trader
cannot speak to the API server with it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from session_operator.domain.actions import Configure
from session_operator.domain.names import TRADER_PORT
from session_operator.domain.reports import TraderReport, read_report

REPORT_SECONDS = 1.5
# The leader's engine may take two seconds to judge, and its database one more to keep the record.
ANSWER_SECONDS = 4.0
AT_ONCE = 32
LONGEST_ANSWER = 65_536
LONGEST_WORDS = 300


class TraderApi:
    """Asks and tells traders over HTTP; safe to share between tasks."""

    def __init__(self, http: aiohttp.ClientSession, token_file: Path, port: int = TRADER_PORT) -> None:
        self._http = http
        self._token_file = token_file
        self._port = port
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def report(self, address: str) -> TraderReport | None:
        """Ask for the report; None when there is no answer that can be read."""
        try:
            async with (
                self._turns,
                self._http.get(self._url(address, "/v1/report"), **self._options(REPORT_SECONDS)) as response,
            ):
                text = await response.content.read(LONGEST_ANSWER)
                return read_report(json.loads(text)) if response.status == 200 else None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return None

    async def configure(self, order: Configure) -> str:
        """Tell a trader which configuration to run; empty when it acknowledged hash, epoch and run."""
        url = self._url(order.address, "/v1/config")
        try:
            async with (
                self._turns,
                self._http.post(url, json=order_body(order), **self._options(ANSWER_SECONDS)) as response,
            ):
                text = (await response.content.read(LONGEST_ANSWER)).decode(errors="replace")
                if response.status in (200, 202):
                    return unacknowledged(json.loads(text), order)
                return f"{response.status} {text[:LONGEST_WORDS]}"
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return f"no answer: {type(error).__name__}"

    def _url(self, address: str, path: str) -> URL:
        return URL.build(scheme="http", host=address, port=self._port, path=path)

    def _options(self, seconds: float) -> dict[str, Any]:
        """Read the token anew each time: the kubelet replaces it."""
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
        except OSError:
            token = ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return {"headers": headers, "allow_redirects": False, "timeout": aiohttp.ClientTimeout(total=seconds)}


def order_body(order: Configure) -> dict[str, Any]:
    """Write the body of `POST /v1/config`."""
    return {
        "hash": order.hash,
        "epoch": order.epoch,
        "replaces": order.replaces,
        "stage": order.stage,
        "run": order.run,
        "isStable": order.is_stable,
        "isPromoted": True,
        "profile": order.profile_yaml,
    }


def unacknowledged(answer: Any, order: Configure) -> str:
    """Say in what an answer differs from an acknowledgement; empty when it is one."""
    if not isinstance(answer, dict):
        return "the answer is no acknowledgement"
    said = (answer.get("hash"), answer.get("epoch"), answer.get("run"))
    if said != (order.hash, order.epoch, order.run):
        return f"it acknowledged {said[0]} of epoch {said[1]}, wanted was {order.hash} of epoch {order.epoch}"
    return ""


@asynccontextmanager
async def reaching(token_file: Path) -> AsyncIterator[TraderApi]:
    """Reach traders for as long as the context lasts; no proxy stands between pods."""
    async with aiohttp.ClientSession(trust_env=False) as http:
        yield TraderApi(http, token_file)
