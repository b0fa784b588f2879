"""The day's login at the broker, from a person's button to a stored token (https://kite.trade/docs/connect/v3/user/#login-flow).

A caller who may log in gets the address of the broker's page with a `state`: who, until when, and a nonce, signed with the
app's secret, so that any pod of the session can take the way back. Kite hands it back through `redirect_params`. The request
token is exchanged by the official client, the access token stored where the traders read theirs, and taken into use here at once.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog

from trader.adapters.kite.credentials import CredentialsMissing, Token, exchange_request_token, read_credential
from trader.engine.ports import Outcome

log = structlog.get_logger(__name__)

KITE_LOGIN: Final = "https://kite.zerodha.com/connect/login"
STATE_SECONDS: Final = 600.0
"""A person with a second factor on another device needs a while; request tokens live for minutes only."""


class LoginUnavailable(Exception):  # noqa: N818 - says why
    """This session is not logged in by a person, or what the login needs is missing."""


class LoginFailed(Exception):  # noqa: N818 - says why
    """No token is stored; `outcome` is what the page is told."""

    def __init__(self, outcome: str, why: str, who: str = "") -> None:
        super().__init__(why)
        self.outcome = outcome
        self.who = who


class TokenKeeper(Protocol):
    """Where the traders of this session read their access token from."""

    async def store(self, access_token: str) -> None:
        """Replace it. Raises `TokenUnstored`."""
        ...


class TokenUnstored(Exception):  # noqa: N818 - what happened
    """The new token could not be written."""


class FileKeeper:
    """By hand: the file beside the others, replaced whole, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def store(self, access_token: str) -> None:
        """Write it beside, then move it into place."""
        path = self._folder / f".access_token.{secrets.token_hex(4)}"
        try:
            path.touch(mode=0o600)
            path.write_text(access_token, encoding="utf-8")
            path.replace(self._folder / "access_token")
        except OSError as error:
            raise TokenUnstored(f"{self._folder / 'access_token'}: {error.strerror}") from error


class Login:
    """The logins of one process."""

    def __init__(
        self,
        credentials: Path,
        root: str | None,
        keeper: TokenKeeper,
        is_offered: Callable[[], bool],
        proxy: str | None = None,
    ) -> None:
        """`root` is a simulator's address, None for Kite itself; `is_offered`: whether a person logs in here at all.

        `proxy` is the HTTP proxy that the exchange of the token goes through.
        """
        self._credentials = credentials
        self._root = root
        self._proxy = proxy
        self._keeper = keeper
        self._is_offered = is_offered
        self._used: dict[str, float] = {}
        self._turn = asyncio.Lock()
        self.stored: Callable[[Token], None] = lambda _: None
        """Told of each new token, once it is in place."""

    def begin(self, who: str) -> str:
        """The broker's page to send this person to.

        Raises:
            LoginUnavailable: there is nothing to log in to, or no app to do it with.
        """
        if not self._is_offered():
            raise LoginUnavailable("this session logs itself in at its simulator: nobody has to")
        try:
            api_key = read_credential(self._credentials / "api_key")
            state = self._sign(who, time.time() + STATE_SECONDS)
        except CredentialsMissing as missing:
            raise LoginUnavailable(str(missing)) from missing
        page = f"{self._root.rstrip('/')}/connect/login" if self._root else KITE_LOGIN
        return f"{page}?{urlencode({'v': 3, 'api_key': api_key, 'redirect_params': urlencode({'state': state})})}"

    async def finish(self, request_token: str, state: str) -> str:
        """Exchange and store; who it was that began.

        Raises:
            LoginFailed: there is no new token.
        """
        async with self._turn:
            who = self._verified(state)
            if not request_token:
                raise LoginFailed("refused", "the broker sent nobody's request token", who)
            try:
                api_key, secret = (read_credential(self._credentials / name) for name in ("api_key", "api_secret"))
                token = await asyncio.to_thread(
                    exchange_request_token, api_key, secret, request_token, self._root, self._proxy
                )
                await self._keeper.store(token)
            except (CredentialsMissing, Outcome) as failure:
                raise LoginFailed("refused", str(failure), who) from failure
            except TokenUnstored as failure:
                raise LoginFailed("unstored", str(failure), who) from failure
            self.stored(Token(api_key, token))
            log.info("token_stored", who=who)
            return who

    def _sign(self, who: str, until: float) -> str:
        body = (
            base64.urlsafe_b64encode(json.dumps([who, round(until), secrets.token_hex(8)]).encode())
            .decode()
            .rstrip("=")
        )
        return f"{body}.{self._mark(body)}"

    def _mark(self, body: str) -> str:
        secret = read_credential(self._credentials / "api_secret")
        return hmac.new(secret.encode(), f"login-state:{body}".encode(), hashlib.sha256).hexdigest()

    def _verified(self, state: str) -> str:
        """Who began; each state is good for one way back."""
        body, _, mark = state.partition(".")
        try:
            if not hmac.compare_digest(mark.encode(), self._mark(body).encode()):
                raise LoginFailed("expired", "the way back bears no mark of ours")
            who, until, nonce = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (CredentialsMissing, ValueError) as error:
            raise LoginFailed("expired", f"the way back cannot be read: {type(error).__name__}") from error
        now = time.time()
        self._used = {each: end for each, end in self._used.items() if end > now}
        if until < now or nonce in self._used:
            raise LoginFailed("expired", "the way back came too late, or twice", str(who))
        self._used[nonce] = until
        return str(who)
