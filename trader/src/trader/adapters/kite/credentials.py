"""Where the access token comes from, and how a new one is had.

* Kitesim: the trader logs itself in (`POST /sim/login`, then the official `generate_session` with its checksum).
* Kite: a person logs in once a day (exchange rule; kite.trade/forum/discussion/comment/31247) and the token arrives in a
  mounted Secret; we read the files again when they change, and never log in by ourselves.

Tokens are kept out of `repr`, messages and logs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import httpx
import structlog

from trader.adapters.kite.official import KiteConnect, KiteException, proxies
from trader.engine.ports import TokenDead, Unknown

log = structlog.get_logger(__name__)

LOGIN_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 20.0
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""A dead token is asked to be replaced after 2, 4, 8 … seconds, however many calls find it dead: a broker, a vault or a person
who refuses is not stormed."""


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
        access_token = await asyncio.to_thread(
            exchange_request_token,
            granted["api_key"],
            granted["api_secret"],
            granted["request_token"],
            self._url,
        )
        return Token(granted["api_key"], access_token)

    async def renewed(self, dead: Token) -> Token:
        """Log in again."""
        return await self.current()


def exchange_request_token(
    api_key: str, api_secret: str, request_token: str, root: str | None, proxy: str | None = None
) -> str:
    """The access token for a request token, by the official client and its checksum; blocking, five seconds at most.

    Raises:
        TokenDead: the broker refuses the exchange.
        Unknown: it does not answer.
    """
    client = KiteConnect(api_key, root=root, timeout=LOGIN_SECONDS)
    client.reqsession.trust_env = False
    client.reqsession.proxies = proxies(proxy)
    try:
        return str(client.generate_session(request_token, api_secret)["access_token"])
    except KiteException as error:
        raise TokenDead(f"the broker did not exchange the request token: {type(error).__name__}") from None
    except Exception as error:
        # Not the error's text: it may repeat the request with its checksum.
        raise Unknown(f"the broker did not exchange the request token: {type(error).__name__}") from None
    finally:
        client.reqsession.close()


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


class CommandToken:
    """Asks a program of the desk's own: its standard output is the access token (a vault's client, a second factor's broker)."""

    def __init__(self, command: Sequence[str], folder: Path, seconds: float = COMMAND_SECONDS) -> None:
        """`folder` holds `api_key`; the program may run for so long."""
        assert command, "a command has a program"
        self._command = tuple(command)
        self._folder = folder
        self._seconds = seconds

    async def current(self) -> Token:
        """Run it once."""
        api_key = read_credential(self._folder / "api_key")
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise CredentialsMissing(f"the token command {self._command[0]} cannot run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._seconds):
                said, _ = await process.communicate()
        except TimeoutError as late:
            process.kill()
            await process.wait()
            raise Unknown(f"the token command {self._command[0]} did not end within {self._seconds:g} s") from late
        text = said.decode("ascii", errors="replace").strip()
        if process.returncode != 0 or not text or len(text.split()) != 1:
            # Never what it printed: that is a token, or half of one.
            raise TokenDead(f"the token command {self._command[0]} ended with {process.returncode} and no token")
        return Token(api_key, text)

    async def renewed(self, dead: Token) -> Token:
        """Run it again; the dead token once more is no new token."""
        token = await self.current()
        if token == dead:
            raise TokenDead(f"the token command {self._command[0]} still gives the token that is not accepted")
        return token


class CallbackToken:
    """A function of whoever embeds the trader: called with the dead token, or None at the start."""

    def __init__(self, callback: Callable[[Token | None], Awaitable[Token]]) -> None:
        self._callback = callback

    async def current(self) -> Token:
        """Ask it for the first token."""
        return await self._callback(None)

    async def renewed(self, dead: Token) -> Token:
        """Ask it for another one."""
        return await self._callback(dead)


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

    def __init__(self, source: TokenSource, now: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._now = now
        self._refusal: tuple[Token, Exception] | None = None
        """The token that could not be replaced, and why."""
        self._pause = 0.0
        self._ask_again_at = 0.0
        self._token: Token | None = None
        self._read: Token | None = None
        """What the source showed last."""
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
                self._read = await self._source.current()
                self._take(self._read)
            assert self._token is not None
            return self._token

    async def read_again(self) -> None:
        """Take what the source has now, when it differs: a person renewed the Secret before the old token died.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had; the one in use stays.
        """
        async with self._turn:
            token = await self._source.current()
            # What was read before is older than a token that was accepted since.
            if token not in (self._read, self._token):
                self._take(token)
                log.info("token_read_again")
            self._read = token

    def accept(self, token: Token) -> None:
        """Take a token that somebody has just been given, before its source shows it."""
        if token != self._token:
            self._take(token)
            log.info("token_accepted")

    async def renew(self, dead: Token) -> Token:
        """Replace the token that was found dead, unless somebody else has done so already.

        Raises:
            CredentialsMissing, TokenDead, Unknown: none could be had.
        """
        async with self._turn:
            if self._token is not None and self._token != dead:
                return self._token
            if self._refusal is not None and self._refusal[0] == dead and self._now() < self._ask_again_at:
                failure = self._refusal[1]
                raise type(failure)(str(failure))
            try:
                self._take(await self._source.renewed(dead))
            except (CredentialsMissing, TokenDead, Unknown) as failure:
                self._refusal = (dead, failure)
                is_refused = not isinstance(failure, Unknown)
                self._pause = (
                    min(self._pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                    if is_refused
                    else FIRST_PAUSE_SECONDS
                )
                self._ask_again_at = self._now() + self._pause
                raise
            self._refusal, self._pause = None, 0.0
            self.renewals += 1
            log.warning("token_renewed", renewals=self.renewals)
            assert self._token is not None
            return self._token

    def _take(self, token: Token) -> None:
        self._token = token
        for listener in self._listeners:
            listener(token)
