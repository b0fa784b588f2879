"""Users, their API keys, and the two tokens of a session.

A request token is for one use and short-lived; it buys an access token with the right checksum. Access tokens end at
06:00 of the next day: https://kite.trade/docs/connect/v3/user/
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import time, timedelta

from kitesim.clocks import MINUTE, at, day_of
from kitesim.errors import TokenRefused

_EXPIRY = time(6)
# "lifetime is only a few minutes": https://kite.trade/docs/connect/v3/user/
_REQUEST_TOKEN_LIFE = 5 * MINUTE
INCORRECT = "Incorrect `api_key` or `access_token`."


@dataclass(slots=True)
class User:
    """A client of the broker, with one app."""

    user_id: str
    api_key: str
    api_secret: str = field(repr=False)
    access_tokens: dict[str, int] = field(default_factory=dict, repr=False)
    """Each live token and the market time at which it ends."""
    request_tokens: dict[str, int] = field(default_factory=dict, repr=False)
    refresh_tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """Each refresh token and the access token that it renewed last."""
    logged_in_ns: int = 0

    @property
    def app_id(self) -> int:
        """The number of the app in order updates."""
        return int.from_bytes(hashlib.sha256(self.api_key.encode()).digest()[:2])


class Users:
    """Everybody who may log in."""

    def __init__(self, single_session: bool, token_expiry: bool) -> None:
        self._single_session = single_session
        self._token_expiry = token_expiry
        self._by_id: dict[str, User] = {}
        self._by_key: dict[str, User] = {}

    def find(self, user_id: str) -> User | None:
        """Return the user, or None."""
        return self._by_id.get(user_id)

    def add(self, user_id: str, api_key: str | None = None, api_secret: str | None = None) -> User:
        """Make a user; the key follows from the id, so that it survives a restart, the secret does not."""
        made_key = hashlib.sha256(f"kitesim {user_id}".encode()).hexdigest()[:16]
        user = User(user_id, api_key or made_key, api_secret or secrets.token_hex(16))
        self._by_id[user_id] = self._by_key[user.api_key] = user
        return user

    def request_token(self, user: User, now_ns: int) -> str:
        """Return a new request token."""
        user.request_tokens = {token: ends for token, ends in user.request_tokens.items() if ends > now_ns}
        token = secrets.token_urlsafe(24)
        user.request_tokens[token] = now_ns + _REQUEST_TOKEN_LIFE
        return token

    def access_token(self, api_key: str, request_token: str, checksum: str, now_ns: int) -> tuple[User, str]:
        """Use up a request token and return a new access token.

        Raises:
            TokenRefused: unknown key, wrong checksum, or a request token that was used, has ended or never was.
        """
        user = self._by_key.get(api_key)
        if user is None:
            raise TokenRefused("Invalid `api_key`.")
        right = hashlib.sha256(f"{api_key}{request_token}{user.api_secret}".encode()).hexdigest()
        if not hmac.compare_digest(right.encode(), checksum.encode()):
            raise TokenRefused("Invalid `checksum`.")
        ends = user.request_tokens.pop(request_token, None)
        if ends is None or ends <= now_ns:
            raise TokenRefused("Token is invalid or has expired.")
        if self._single_session:
            user.access_tokens.clear()
        token = secrets.token_urlsafe(24)
        user.access_tokens[token] = _session_end(now_ns)
        user.logged_in_ns = now_ns
        return user, token

    def refresh_token(self, user: User, access_token: str) -> str:
        """Return a new refresh token beside this access token."""
        token = secrets.token_urlsafe(24)
        user.refresh_tokens[token] = access_token
        return token

    def renew(self, api_key: str, refresh_token: str, checksum: str, now_ns: int) -> tuple[User, str]:
        """Return a new access token for a refresh token; the access token that it stood beside ends.

        Not on the documentation's pages; the official clients have it (`renew_access_token`).

        Raises:
            TokenRefused: unknown key or refresh token, or a wrong checksum.
        """
        user = self._by_key.get(api_key)
        if user is None:
            raise TokenRefused("Invalid `api_key`.")
        right = hashlib.sha256(f"{api_key}{refresh_token}{user.api_secret}".encode()).hexdigest()
        if not hmac.compare_digest(right.encode(), checksum.encode()):
            raise TokenRefused("Invalid `checksum`.")
        if refresh_token not in user.refresh_tokens:
            raise TokenRefused("Token is invalid or has expired.")
        user.access_tokens.pop(user.refresh_tokens[refresh_token], None)
        token = user.refresh_tokens[refresh_token] = secrets.token_urlsafe(24)
        user.access_tokens[token] = _session_end(now_ns)
        return user, token

    def end_refresh(self, api_key: str, refresh_token: str) -> None:
        """End a refresh token; its access token lives on to its own end.

        Raises:
            TokenRefused: no such token.
        """
        user = self._by_key.get(api_key)
        if user is None or user.refresh_tokens.pop(refresh_token, None) is None:
            raise TokenRefused(INCORRECT)

    def of_key(self, api_key: str) -> User | None:
        """Return the user of an API key, or None."""
        return self._by_key.get(api_key)

    def end_session(self, api_key: str, access_token: str) -> None:
        """End one access token.

        Raises:
            TokenRefused: no such session.
        """
        user = self._by_key.get(api_key)
        if user is None or user.access_tokens.pop(access_token, None) is None:
            raise TokenRefused(INCORRECT)

    def check(self, api_key: str, access_token: str, now_ns: int) -> User:
        """Return the user of a live session.

        Raises:
            TokenRefused: unknown key, or no live token of that key.
        """
        user = self._by_key.get(api_key)
        ends = user.access_tokens.get(access_token) if user is not None else None
        if user is None or ends is None or (self._token_expiry and ends <= now_ns):
            raise TokenRefused(INCORRECT)
        return user


def _session_end(now_ns: int) -> int:
    today = day_of(now_ns)
    end = at(today, _EXPIRY)
    return end if now_ns < end else at(today + timedelta(days=1), _EXPIRY)
