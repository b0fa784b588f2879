"""Callers are proved and allowed, each answer is believed for a while only, and a kill needs no API server."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trader.adapters.identities import Identity, ReviewsAway
from trader.app.access import (
    ALLOWED_SECONDS,
    KNOWN_SECONDS,
    REFUSED_SECONDS,
    WAITING_AT_MOST,
    AccessDenied,
    Action,
    ClusterAccess,
    TokenFile,
    make_token_file,
)

MEERA = Identity("meera")


@dataclass
class FakeReviews:
    """An API server in memory; counts what it is asked."""

    tokens: dict[str, Identity] = field(default_factory=lambda: {"hers": MEERA})
    allowed: set[tuple[str, str, str]] = field(default_factory=lambda: {("meera", "get", "state")})
    is_away: bool = False
    asked: int = 0
    answers: asyncio.Event | None = None

    async def identity(self, token: str) -> Identity | None:
        self.asked += 1
        if self.answers is not None:
            await self.answers.wait()
        if self.is_away:
            raise ReviewsAway("no answer within 2 s")
        return self.tokens.get(token)

    async def allows(self, identity: Identity, verb: str, subresource: str) -> bool:
        self.asked += 1
        if self.is_away:
            raise ReviewsAway("no answer within 2 s")
        return (identity.name, verb, subresource) in self.allowed


@dataclass
class World:
    """Access with a clock that a test turns."""

    reviews: FakeReviews
    access: ClusterAccess
    seconds: list[float]

    async def status(self, token: str, action: Action) -> int:
        """As HTTP would say it."""
        try:
            await self.access.judge(token, action)
        except AccessDenied as denied:
            return denied.status
        return 200


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "api_token").write_text("break-glass\n")
    seconds = [0.0]
    reviews = FakeReviews()
    token_file = TokenFile(tmp_path / "api_token", frozenset({Action.STATE, Action.KILL}))
    return World(reviews, ClusterAccess(reviews, token_file, lambda: seconds[0]), seconds)


async def test_rbac_says_what_a_caller_may_do(world: World) -> None:
    """Known and allowed, known and not allowed, unknown."""
    assert await world.access.judge("hers", Action.STATE) == "meera"
    with pytest.raises(AccessDenied, match=r"meera may not create on tradingsessions/kill in group tradeops\.dev"):
        await world.access.judge("hers", Action.KILL)
    assert await world.status("forged", Action.STATE) == 401


async def test_answers_are_believed_for_a_while(world: World) -> None:
    """Many requests are one review; what RBAC takes back is gone in seconds, and so is a deleted account."""
    for _ in range(50):
        assert await world.status("hers", Action.STATE) == 200
    assert world.reviews.asked == 2
    world.reviews.allowed.clear()
    world.seconds[0] += ALLOWED_SECONDS
    assert await world.status("hers", Action.STATE) == 403
    world.reviews.tokens.clear()
    world.seconds[0] = KNOWN_SECONDS
    assert await world.status("hers", Action.STATE) == 401


async def test_a_refusal_is_forgotten_soon(world: World) -> None:
    """Whoever mends a RoleBinding and tries again is let in."""
    assert await world.status("hers", Action.CONFIG) == 403
    world.reviews.allowed.add(("meera", "create", "config"))
    assert await world.status("hers", Action.CONFIG) == 403
    world.seconds[0] += REFUSED_SECONDS
    assert await world.status("hers", Action.CONFIG) == 200


@pytest.mark.parametrize("action", list(Action))
async def test_without_the_api_server_only_the_token_file_may_kill(world: World, action: Action) -> None:
    """Nobody can be proved: changes are refused; whoever holds the file may look and kill."""
    world.reviews.is_away = True
    assert await world.status("hers", action) == 503
    expected = 200 if action in {Action.STATE, Action.KILL} else 403
    assert await world.status("break-glass", action) == expected


async def test_a_flood_of_strangers_does_not_keep_a_kill_out(world: World) -> None:
    """Reviews that hang are bounded in number, and the token file waits for none of them."""
    world.reviews.answers = asyncio.Event()
    strangers = [asyncio.create_task(world.status(f"stranger-{n}", Action.KILL)) for n in range(WAITING_AT_MOST)]
    await asyncio.sleep(0)
    assert await world.status("one-more", Action.KILL) == 503
    assert await world.status("break-glass", Action.KILL) == 200
    world.reviews.answers.set()
    assert await asyncio.gather(*strangers) == [401] * WAITING_AT_MOST


async def test_an_absent_or_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    """An empty bearer never equals an empty file."""
    for content in (None, "", "\n"):
        if content is not None:
            (tmp_path / "api_token").write_text(content)
        with pytest.raises(AccessDenied):
            await TokenFile(tmp_path / "api_token").judge("", Action.STATE)


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """The next run keeps the token of the last; nobody else on the machine can read it."""
    path = tmp_path / "credentials" / "api_token"
    make_token_file(path)
    first = path.read_text()
    make_token_file(path)
    assert (path.read_text(), len(first.strip()) >= 32) == (first, True)
    assert path.stat().st_mode & 0o077 == 0
