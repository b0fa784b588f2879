"""Who may ask what of the HTTP API: every request beyond the probes and the metrics carries a bearer token.

In the cluster the API server says whose token it is (TokenReview) and whether RBAC lets that person do it (SubjectAccessReview):
each action is a subresource of the TradingSession, as `pods/eviction` is one of a pod, so that a Role says `create` on
`tradingsessions/kill`. By hand the token stands in a file that only its owner reads.

While the API server is away nobody can be proved, so changes are refused. A kill must not depend on it: whoever holds the token
file's content (key `api_token` of the credentials Secret) may look and kill, and nothing more.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from trader.adapters.identities import Identity, ReviewsAway

KNOWN_SECONDS: Final = 30.0
"""How long a proved identity is believed: a deleted ServiceAccount is shut out after that."""
ALLOWED_SECONDS: Final = 10.0
REFUSED_SECONDS: Final = 3.0
"""Short, for whoever mends a RoleBinding and tries again; long enough that a loop of wrong tokens does not become load."""
ENTRIES: Final = 256
REVIEWS_AT_ONCE: Final = 4
WAITING_AT_MOST: Final = 32
LONGEST_TOKEN: Final = 16_384


class Action(StrEnum):
    """What can be asked; each is a subresource of `tradingsessions.tradeops.dev`."""

    STATE = "state"
    KILL = "kill"
    RELEASE = "release"
    CONFIG = "config"
    LOGIN = "login"
    SIGNAL = "signal"

    @property
    def verb(self) -> str:
        """`get` for what only looks, `create` for what changes something."""
        return "get" if self is Action.STATE else "create"


class Reviews(Protocol):
    """The two questions to the API server; each call has a deadline of its own."""

    async def identity(self, token: str) -> Identity | None:
        """Whose token this is; None when it is nobody's. Raises `ReviewsAway`."""
        ...

    async def allows(self, identity: Identity, verb: str, subresource: str) -> bool:
        """Whether RBAC lets them do this to our TradingSession. Raises `ReviewsAway`."""
        ...


class AccessDenied(Exception):  # noqa: N818 - what happened
    """Not let in; `status` is HTTP's: 401 unknown, 403 not allowed, 503 nobody can tell now."""

    def __init__(self, status: int, why: str, who: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.who = who


class Access(Protocol):
    """Lets callers in."""

    async def judge(self, token: str, action: Action) -> str:
        """Who it is. Raises `AccessDenied`."""
        ...


class TokenFile:
    """One token for all who can read its file; read anew each time, for Secrets rotate."""

    def __init__(self, path: Path, actions: frozenset[Action] = frozenset(Action)) -> None:
        self._path = path
        self._actions = actions

    def knows(self, token: str) -> bool:
        """Whether this is the token; compared in constant time."""
        try:
            expected = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return False
        return bool(expected) and hmac.compare_digest(token.encode(), expected.encode())

    async def judge(self, token: str, action: Action) -> str:
        """`token file` when it is the one."""
        if not self.knows(token):
            raise AccessDenied(401, f"the bearer token is not the one in {self._path.name}")
        if action not in self._actions:
            allowed = ", ".join(sorted(self._actions))
            raise AccessDenied(403, f"the token file allows {allowed}; {action} needs a Kubernetes token", "token file")
        return "token file"


def make_token_file(path: Path) -> None:
    """Write a new token that only we can read, unless one is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8").strip():
        return
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")


Answer = TypeVar("Answer")


class _Remembered(Generic[Answer]):
    """The last answers, each for its own time; the oldest leave when there are too many."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._answers: OrderedDict[object, tuple[float, Answer]] = OrderedDict()

    def find(self, key: object) -> tuple[Answer] | None:
        """The answer in a tuple, for None is an answer too."""
        found = self._answers.get(key)
        return (found[1],) if found is not None and self._now() < found[0] else None

    def keep(self, key: object, answer: Answer, seconds: float) -> Answer:
        self._answers[key] = (self._now() + seconds, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > ENTRIES:
            self._answers.popitem(last=False)
        return answer


class ClusterAccess:
    """`Access` by Kubernetes, with the token file as the way in that needs no API server."""

    def __init__(self, reviews: Reviews, token_file: TokenFile, now: Callable[[], float] = time.monotonic) -> None:
        self._reviews = reviews
        self._token_file = token_file
        self._identities: _Remembered[Identity | None] = _Remembered(now)
        self._decisions: _Remembered[bool] = _Remembered(now)
        self._turns = asyncio.Semaphore(REVIEWS_AT_ONCE)
        self._waiting = 0

    async def judge(self, token: str, action: Action) -> str:
        """The user name that the API server knows, or `token file`."""
        if self._token_file.knows(token):  # first: it waits for nobody
            return await self._token_file.judge(token, action)
        if self._waiting >= WAITING_AT_MOST:
            raise AccessDenied(503, "too many requests wait to be proved")
        self._waiting += 1
        try:
            async with self._turns:
                return await self._reviewed(token, action)
        except ReviewsAway as away:
            raise AccessDenied(503, f"the API server cannot say who you are now: {away}") from away
        finally:
            self._waiting -= 1

    async def _reviewed(self, token: str, action: Action) -> str:
        key = hashlib.sha256(token.encode()).digest()
        found = self._identities.find(key)
        if found is None:
            told = await self._reviews.identity(token)
            found = (self._identities.keep(key, told, KNOWN_SECONDS if told is not None else REFUSED_SECONDS),)
        (identity,) = found
        if identity is None:
            raise AccessDenied(401, "the API server does not know this bearer token")
        decided = self._decisions.find((identity, action))
        if decided is None:
            may = await self._reviews.allows(identity, action.verb, action.value)
            decided = (self._decisions.keep((identity, action), may, ALLOWED_SECONDS if may else REFUSED_SECONDS),)
        if not decided[0]:
            needed = f"{action.verb} on tradingsessions/{action} in group tradeops.dev"
            raise AccessDenied(403, f"{identity.name} may not {needed}", identity.name)
        return identity.name
