"""One refresh at a time, no storm on a dead token, and whatever a source says it is never repeated."""

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trader.adapters.kite.credentials import (
    FIRST_PAUSE_SECONDS,
    CallbackToken,
    CommandToken,
    CredentialsMissing,
    MountedToken,
    Session,
    Token,
)
from trader.engine.ports import TokenDead, Unknown

DEAD = Token("key", "dead")


@dataclass
class Refusing:
    """A source that has nothing but the dead token, until it is given another."""

    next: Token | None = None
    asked: list[str] = field(default_factory=list)

    async def current(self) -> Token:
        return DEAD

    async def renewed(self, dead: Token) -> Token:
        self.asked.append("renewed")
        await asyncio.sleep(0)
        if self.next is None:
            raise TokenDead("log in")
        return self.next


async def test_a_dead_token_is_not_stormed() -> None:
    """A hundred calls that find it dead are one question; the next comes later, and later still."""
    now = [0.0]
    source = Refusing()
    session = Session(source, lambda: now[0])
    dead = await session.token()
    for pause in (FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS):
        source.asked.clear()
        failures = await asyncio.gather(*(session.renew(dead) for _ in range(100)), return_exceptions=True)
        assert all(isinstance(each, TokenDead) for each in failures)
        assert len(source.asked) == 1
        now[0] += pause - 0.01
        with pytest.raises(TokenDead):
            await session.renew(dead)
        assert len(source.asked) == 1
        now[0] += 0.01
    source.next = Token("key", "fresh")
    assert await session.renew(dead) == source.next
    assert session.renewals == 1


async def test_an_accepted_token_is_not_undone_by_the_older_file(tmp_path: Path) -> None:
    """A login hands its token over before the mounted file shows it; what a person writes later counts again."""
    (tmp_path / "api_key").write_text("key")
    (tmp_path / "access_token").write_text("old")
    session = Session(MountedToken(tmp_path))
    await session.token()
    session.accept(Token("key", "new"))
    await session.read_again()
    assert (await session.token()).access_token == "new"
    (tmp_path / "access_token").write_text("newer")
    await session.read_again()
    assert (await session.token()).access_token == "newer"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("print('fresh')", None),
        ("print('half of it'); raise SystemExit(1)", TokenDead),
        ("pass", TokenDead),
        ("print('two words')", TokenDead),
        ("import time; print('fresh', flush=True); time.sleep(60)", Unknown),
    ],
)
async def test_a_command_prints_the_token(tmp_path: Path, program: str, expected: type[Exception] | None) -> None:
    """One word, exit code 0, in time; anything else is no token, and what was printed is not repeated."""
    (tmp_path / "api_key").write_text("key")
    source = CommandToken(
        (sys.executable, "-S", "-c", program), tmp_path, seconds=10.0 if expected is not Unknown else 0.5
    )
    if expected is None:
        assert await source.current() == Token("key", "fresh")
        return
    with pytest.raises(expected) as caught:
        await source.current()
    assert "half" not in str(caught.value)
    assert "words" not in str(caught.value)


async def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    """By name."""
    (tmp_path / "api_key").write_text("key")
    with pytest.raises(CredentialsMissing, match="the token command /nowhere/vault cannot run"):
        await CommandToken(("/nowhere/vault",), tmp_path).current()


async def test_a_callback_is_told_which_token_died() -> None:
    """None at the start."""
    told: list[Token | None] = []

    async def callback(dead: Token | None) -> Token:
        told.append(dead)
        return Token("key", f"token-{len(told)}")

    session = Session(CallbackToken(callback))
    first = await session.token()
    second = await session.renew(first)
    assert (told, second.access_token) == ([None, first], "token-2")


def test_tokens_are_kept_out_of_words() -> None:
    """A token that stands in a message by accident shows nothing."""
    assert "dead" not in f"{DEAD!r} {DEAD}"
