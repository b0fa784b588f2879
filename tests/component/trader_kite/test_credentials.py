"""Tokens come from where they should, are renewed once for all, and never show."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.component.trader_kite.conftest import StubSource
from tests.component.trader_kite.wire_server import Exchange, wire_server
from trader.adapters.kite.credentials import (
    FIRST_PAUSE_SECONDS,
    CredentialsMissing,
    KitesimLogin,
    MountedToken,
    Session,
    Token,
)
from trader.engine.ports import TokenDead, Unknown

pytestmark = pytest.mark.component


def granting(exchange: Exchange) -> None:
    """A simulator's login and token exchange."""
    if "/sim/login" in exchange.line:
        exchange.reply("200 OK", json.dumps({"api_key": "key", "api_secret": "secret", "request_token": "once"}))
    else:
        exchange.data({"access_token": "fresh", "login_time": "2026-11-23 09:00:00"})


async def test_the_login_presents_the_control_token_and_the_checksum(tmp_path: Path) -> None:
    """The bearer of the mounted file; then the official exchange, whose checksum proves the secret without sending it."""
    (tmp_path / "control_token").write_text("door\n")
    with wire_server(granting) as server:
        token = await KitesimLogin(server.url, "AB1234", tmp_path / "control_token").current()
    login, exchanged = server.seen
    assert token == Token("key", "fresh")
    assert b"authorization: bearer door" in login.request.lower()
    assert json.loads(login.body) == {"user_id": "AB1234"}
    assert exchanged.line.startswith("POST /session/token")
    assert "secret" not in exchanged.body
    assert "checksum=" in exchanged.body


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [("401 Unauthorized", TokenDead, "control_token"), ("500 Internal Server Error", Unknown, "with 500")],
)
async def test_a_refused_login_says_what_to_look_at(status: str, expected: type[Exception], words: str) -> None:
    """A wrong control token is told apart from a simulator in trouble."""
    with wire_server(lambda exchange: exchange.reply(status, "{}")) as server, pytest.raises(expected, match=words):
        await KitesimLogin(server.url, "AB1234").current()


async def test_a_simulator_that_is_away_is_doubt() -> None:
    """It may come back; nothing is wrong with the token."""
    with wire_server(granting) as server:
        url = server.url
    with pytest.raises(Unknown, match="does not answer"):
        await KitesimLogin(url, "AB1234").current()


def write(folder: Path, access_token: str) -> None:
    """What kubelet mounts."""
    (folder / "api_key").write_text("key\n")
    (folder / "access_token").write_text(access_token)


async def test_a_token_that_a_person_renewed_is_taken(tmp_path: Path) -> None:
    """The files are read again; listeners hear of the new token, and an unchanged one is no news."""
    heard: list[Token] = []
    session = Session(MountedToken(tmp_path))
    session.on_token(heard.append)
    write(tmp_path, "morning")
    assert await session.token() == Token("key", "morning")
    await session.read_again()
    write(tmp_path, "evening")
    await session.read_again()
    assert heard == [Token("key", "morning"), Token("key", "evening")]


async def test_a_dead_token_in_the_secret_asks_for_a_person(tmp_path: Path) -> None:
    """We never log in to Kite by ourselves: the message says what to do."""
    write(tmp_path, "dead")
    seconds = [0.0]
    session = Session(MountedToken(tmp_path), lambda: seconds[0])
    dead = await session.token()
    with pytest.raises(TokenDead, match="write the new access_token into the Secret"):
        await session.renew(dead)
    write(tmp_path, "alive")
    seconds[0] = FIRST_PAUSE_SECONDS
    assert await session.renew(dead) == Token("key", "alive")
    assert session.renewals == 1


@pytest.mark.parametrize("content", [None, "", "\n"])
async def test_a_missing_or_empty_credential_is_named(tmp_path: Path, content: str | None) -> None:
    """By its path."""
    write(tmp_path, "any")
    (tmp_path / "access_token").unlink()
    if content is not None:
        (tmp_path / "access_token").write_text(content)
    with pytest.raises(CredentialsMissing, match="access_token"):
        await Session(MountedToken(tmp_path)).token()


async def test_one_renewal_serves_all_who_found_the_token_dead() -> None:
    """Single-flight; whoever comes late gets the new token without another login."""
    source = StubSource()
    session = Session(source)
    dead = await session.token()
    renewed = await asyncio.gather(*(session.renew(dead) for _ in range(5)))
    assert set(renewed) == {Token("key", "token-2")}
    assert (source.asked, session.renewals) == (2, 1)


def test_a_token_never_shows() -> None:
    """Neither key nor token in what a log or a traceback would print."""
    assert repr(Token("key", "token")) == "Token()"
