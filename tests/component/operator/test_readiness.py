"""The operator asks traders why they are not ready, over real sockets."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from session_operator.adapters.readiness import LONGEST_ANSWER, TraderReadiness
from session_operator.app.http import serve

pytestmark = pytest.mark.component

Ask = Callable[[web.StreamResponse], Awaitable[str | None]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Ask a trader that answers as given."""
    answers: list[web.StreamResponse] = []

    async def readyz(request: web.Request) -> web.StreamResponse:
        assert request.path == "/readyz"
        return answers[-1]

    application = web.Application()
    application.router.add_get("/readyz", readyz)
    async with serve(application, "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:

        async def asking(answer: web.StreamResponse) -> str | None:
            answers.append(answer)
            return await TraderReadiness(http, port).why_not_ready("127.0.0.1")

        yield asking


async def test_a_refusal_is_heard_in_its_own_words(ask: Ask) -> None:
    """`503` with a reason is what a waiting trader answers."""
    assert await ask(web.Response(status=503, text="the database does not answer\n")) == "the database does not answer"


async def test_a_ready_trader_waits_for_nothing(ask: Ask) -> None:
    """Its complaint is over."""
    assert await ask(web.Response(text="ok")) == ""


async def test_whatever_else_is_no_answer(ask: Ask) -> None:
    """Another program on that port says nothing about the session."""
    assert await ask(web.Response(status=404, text="<html>")) is None
    assert await ask(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})) is None


async def test_silence_is_no_answer() -> None:
    """A port that takes the connection and says nothing is not waited for; on a port with nobody it is at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as http:
            port = silent.getsockname()[1]
            assert await TraderReadiness(http, port).why_not_ready("127.0.0.1") is None
            silent.close()
            assert await TraderReadiness(http, port).why_not_ready("127.0.0.1") is None


async def test_an_endless_answer_is_cut(ask: Ask) -> None:
    """A status is no place for a novel."""
    assert await ask(web.Response(status=503, text="x" * 100_000)) == "x" * LONGEST_ANSWER
