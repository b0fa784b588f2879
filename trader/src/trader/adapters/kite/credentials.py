"""Where the access token comes from, and how a new one is had.

* Kitesim: the trader logs itself in (`POST /sim/login`, then the official `generate_session` with its checksum).
* Kite: a person logs in once a day (exchange rule; kite.trade/forum/discussion/comment/31247) and the token arrives in a
  mounted Secret; we read the files again when they change, and never log in by ourselves.

Tokens are kept out of `repr`, messages and logs.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import httpx
import structlog

from trader.adapters.kite.official import KiteConnect
from trader.engine.ports import TokenDead, Unknown

log = structlog.get_logger(__name__)

LOGIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Token:
    """What REST and stream authenticate with."""

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)


class CredentialsMissing(Exception):  # noqa: N818 - says what is missing
    """A credential file is absent or empty; the message names it."""


class TokenSource(Protocol):
    """Finds a token; called by one task at a time."""

    async def current(self) -> Token:
        """The token to start with.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had.
        """
        ...

    async def renewed(self, dead: Token) -> Token:
        """Another token than the dead one.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had.
        """
        ...


class KitesimLogin:
    """Logs in at a simulator. Several tokens of a user live side by side there, so two pods do not kick each other out."""

    def __init__(self, url: str, user_id: str, control_token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._user_id = user_id
        self._control_token_file = control_token_file

    async def current(self) -> Token:
        """Log in and exchange the request token."""
        headers = control_headers(self._control_token_file)
        try:
            async with httpx.AsyncClient(timeout=LOGIN_SECONDS, trust_env=False) as http:
                reply = await http.post(f"{self._url}/sim/login", json={"user_id": self._user_id}, headers=headers)
        except httpx.HTTPError as error:
            raise Unknown(f"kitesim at {self._url} does not answer: {error or type(error).__name__}") from error
        if reply.status_code in {401, 403}:
            raise TokenDead(f"kitesim at {self._url} refuses the login of {self._user_id}: is control_token right?")
        if reply.status_code != httpx.codes.OK:
            raise Unknown(f"kitesim at {self._url} answered the login with {reply.status_code}")
        granted = reply.json()
        return await asyncio.to_thread(
            self._exchange, granted["api_key"], granted["api_secret"], granted["request_token"]
        )

    async def renewed(self, dead: Token) -> Token:
        """Log in again."""
        return await self.current()

    def _exchange(self, api_key: str, api_secret: str, request_token: str) -> Token:
        client = KiteConnect(api_key, root=self._url, timeout=LOGIN_SECONDS)
        client.reqsession.trust_env = False
        try:
            granted = client.generate_session(request_token, api_secret)
        except Exception as error:
            raise Unknown(
                f"kitesim at {self._url} did not exchange the request token: {type(error).__name__}"
            ) from error
        finally:
            client.reqsession.close()
        return Token(api_key, str(granted["access_token"]))


class MountedToken:
    """Reads `api_key` and `access_token` from the mounted Secret, whose files kubelet replaces when a person renews it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def current(self) -> Token:
        """Read the files."""
        return Token(self._read("api_key"), self._read("access_token"))

    async def renewed(self, dead: Token) -> Token:
        """Read them again; a token that is still the dead one is no new token."""
        token = await self.current()
        if token == dead:
            raise TokenDead(
                "the access token is not accepted; log in to Kite and write the new access_token into the Secret"
            )
        return token

    def _read(self, name: str) -> str:
        return read_credential(self._folder / name)


def read_credential(path: Path) -> str:
    """The text of a mounted credential.

    Raises:
        CredentialsMissing: the file is absent, unreadable or empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsMissing(f"cannot read the credential {path}: {error}") from error
    if not text:
        raise CredentialsMissing(f"the credential {path} is empty")
    return text


def control_headers(control_token_file: Path | None) -> dict[str, str]:
    """The header that kitesim's control routes ask for off loopback; read anew each time, for Secrets rotate."""
    if control_token_file is None or not control_token_file.exists():
        return {}
    return {"Authorization": f"Bearer {read_credential(control_token_file)}"}


class Session:
    """Holds the token for all who need it, and renews it single-flight: many may find it dead at the same moment."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._token: Token | None = None
        self._turn = asyncio.Lock()
        self._listeners: list[Callable[[Token], None]] = []
        self.renewals = 0
        """How many times a dead token was replaced (`trader_retries_total{type="token_refresh"}`)."""

    def on_token(self, listener: Callable[[Token], None]) -> None:
        """Be told of each new token."""
        self._listeners.append(listener)
        if self._token is not None:
            listener(self._token)

    async def token(self) -> Token:
        """The token in use; the first call gets it.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had.
        """
        if self._token is not None:
            return self._token  # even while a renewal runs: an order that waits for it would only grow old
        async with self._turn:
            if self._token is None:
                self._take(await self._source.current())
            assert self._token is not None
            return self._token

    async def read_again(self) -> None:
        """Take what the source has now, when it differs: a person renewed the Secret before the old token died.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had; the one in use stays.
        """
        async with self._turn:
            token = await self._source.current()
            if token != self._token:
                self._take(token)
                log.info("token_read_again")

    async def renew(self, dead: Token) -> Token:
        """Replace the token that was found dead, unless somebody else has done so already.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had.
        """
        async with self._turn:
            if self._token is not None and self._token != dead:
                return self._token
            self._take(await self._source.renewed(dead))
            self.renewals += 1
            log.warning("token_renewed", renewals=self.renewals)
            assert self._token is not None
            return self._token

    def _take(self, token: Token) -> None:
        self._token = token
        for listener in self._listeners:
            listener(token)
