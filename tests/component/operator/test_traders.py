"""What the operator asks traders and tells them, over real sockets: a trader's answer is only believed when it fits."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from session_operator.adapters import traders
from session_operator.adapters.traders import TraderApi
from session_operator.app.http import serve
from session_operator.domain.actions import Configure

pytestmark = pytest.mark.component

ORDER = Configure("index-trader-0", "127.0.0.1", 7, "before", "canary", "r/canary/1", False, "abc", "name: canary\n")
REPORT = {
    "pod": "index-trader-0",
    "isLeader": True,
    "epoch": 7,
    "config": {"inForce": "abc", "waiting": "", "begins": "def", "stage": "canary", "run": "r/canary/1"},
    "tradingDate": "2026-11-23",
    "figures": {
        "config": "abc",
        "epoch": 7,
        "run": "r/canary/1",
        "marketSeconds": 60,
        "orders": 3,
        "orderAck": {"samples": 3, "p50Ms": 100, "p95Ms": 200},
        "duplicates": 0,
        "orphans": 0,
        "heatMaximumPpm": 100,
        "denials": {},
    },
    "kills": None,
}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Trader:
    """Answers as a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, Any]] = []
        self.answer: Answer | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        text = await request.text()
        self.asked.append(
            (request.method, request.path, request.headers.get("Authorization", ""), json.loads(text or "null"))
        )
        assert self.answer is not None
        return await self.answer(request)


@pytest.fixture
async def trader(tmp_path: Path) -> AsyncIterator[tuple[Trader, TraderApi, Path]]:
    """A trader, a client of it, and the file of its token."""
    found, token = Trader(), tmp_path / "token"
    token.write_text("first\n")
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", found.handle)
    async with (
        serve(application, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as http,
    ):
        yield found, TraderApi(http, token, port), token


def saying(body: object, status: int = 200) -> Answer:
    """Always the same."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return answer


async def test_a_report_is_read_with_the_token_as_it_is_now(trader: tuple[Trader, TraderApi, Path]) -> None:
    """The kubelet replaces it."""
    found, client, token = trader
    found.answer = saying(REPORT)
    report = await client.report("127.0.0.1")
    assert report is not None
    assert (report.run, report.in_force, report.epoch) == ("r/canary/1", "abc", 7)
    token.write_text("second")
    await client.report("127.0.0.1")
    assert [asked[:3] for asked in found.asked] == [
        ("GET", "/v1/report", "Bearer first"),
        ("GET", "/v1/report", "Bearer second"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ([], 200),
        (REPORT, 503),
        (REPORT, 302),
        (REPORT | {"epoch": -1}, 200),
        (REPORT | {"epoch": True}, 200),
        (REPORT | {"figures": {}}, 200),
        (REPORT | {"kills": {"tradingDate": "x", "samples": "many", "slowestMs": 1}}, 200),
    ],
)
async def test_an_answer_that_is_no_report_is_none(
    trader: tuple[Trader, TraderApi, Path], body: object, status: int
) -> None:
    """No data, and so no promotion."""
    found, client, _ = trader
    found.answer = saying(body, status)
    assert await client.report("127.0.0.1") is None


async def test_a_trader_is_told_and_must_acknowledge(trader: tuple[Trader, TraderApi, Path]) -> None:
    """Hash, epoch and run come back."""
    found, client, _ = trader
    found.answer = saying({"hash": "abc", "epoch": 7, "run": "r/canary/1", "verdict": "WAITING"}, 202)
    assert await client.configure(ORDER) == ""
    ((method, path, login, body),) = found.asked
    assert (method, path, login) == ("POST", "/v1/config", "Bearer first")
    assert body == {
        "hash": "abc",
        "epoch": 7,
        "replaces": "before",
        "stage": "canary",
        "run": "r/canary/1",
        "isStable": False,
        "isPromoted": True,
        "profile": "name: canary\n",
    }


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"detail": "WRONG_EPOCH: epoch must be 8"}, 409, "409 .*WRONG_EPOCH"),
        ({"hash": "other", "epoch": 7, "run": "r/canary/1"}, 200, "acknowledged other"),
        ({"hash": "abc", "epoch": 8, "run": "r/canary/1"}, 200, "epoch 8"),
        ([], 200, "no acknowledgement"),
    ],
)
async def test_what_is_not_acknowledged_was_not_taken(
    trader: tuple[Trader, TraderApi, Path], body: object, status: int, words: str
) -> None:
    """In words, for the session's condition."""
    found, client, _ = trader
    found.answer = saying(body, status)

    assert re.search(words, await client.configure(ORDER))


async def test_a_silent_trader_is_given_up(
    trader: tuple[Trader, TraderApi, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways; neither raises."""
    for name in ("REPORT_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(traders, name, 0.3)
    found, client, _ = trader
    release = asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.json_response({})

    found.answer = answer
    assert await client.report("127.0.0.1") is None
    assert (await client.configure(ORDER)).startswith("no answer")
    release.set()
