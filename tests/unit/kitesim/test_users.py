"""A session is bought with a request token and a checksum, and ends at six in the morning."""

import hashlib
from datetime import date, time

import pytest

from kitesim.clocks import MINUTE, SECOND, at
from kitesim.errors import TokenRefused
from kitesim.users import User, Users

NOW = at(date(2026, 11, 23), time(9, 15))


def users(single_session: bool = False, token_expiry: bool = True) -> tuple[Users, User]:
    made = Users(single_session, token_expiry)
    return made, made.add("AB1234")


def session(made: Users, user: User, now: int = NOW) -> str:
    request_token = made.request_token(user, now)
    checksum = hashlib.sha256(f"{user.api_key}{request_token}{user.api_secret}".encode()).hexdigest()
    return made.access_token(user.api_key, request_token, checksum, now)[1]


def test_the_checksum_must_be_right() -> None:
    """A wrong checksum is refused and does not use up the request token."""
    made, user = users()
    request_token = made.request_token(user, NOW)
    with pytest.raises(TokenRefused, match="checksum"):
        made.access_token(user.api_key, request_token, "0" * 64, NOW)
    with pytest.raises(TokenRefused, match="api_key"):
        made.access_token("nobody", request_token, "0" * 64, NOW)
    checksum = hashlib.sha256(f"{user.api_key}{request_token}{user.api_secret}".encode()).hexdigest()
    assert made.access_token(user.api_key, request_token, checksum, NOW)[0] is user


def test_a_request_token_serves_once_and_not_for_long() -> None:
    """The second use is refused, and so is a token that is some minutes old."""
    made, user = users()
    request_token = made.request_token(user, NOW)
    checksum = hashlib.sha256(f"{user.api_key}{request_token}{user.api_secret}".encode()).hexdigest()
    made.access_token(user.api_key, request_token, checksum, NOW)
    with pytest.raises(TokenRefused, match="invalid or has expired"):
        made.access_token(user.api_key, request_token, checksum, NOW)
    old = made.request_token(user, NOW)
    checksum = hashlib.sha256(f"{user.api_key}{old}{user.api_secret}".encode()).hexdigest()
    with pytest.raises(TokenRefused, match="invalid or has expired"):
        made.access_token(user.api_key, old, checksum, NOW + 6 * MINUTE)


def test_sessions_stand_side_by_side_unless_single() -> None:
    """By default a new access token ends no other; a single session ends the older."""
    made, user = users()
    first, second = session(made, user), session(made, user)
    assert made.check(user.api_key, first, NOW) is made.check(user.api_key, second, NOW) is user
    made, user = users(single_session=True)
    first, second = session(made, user), session(made, user)
    made.check(user.api_key, second, NOW)
    with pytest.raises(TokenRefused):
        made.check(user.api_key, first, NOW)


def test_a_session_ends_at_six_the_next_morning() -> None:
    """Valid up to the last second before 06:00 IST of the next day, and not after."""
    made, user = users()
    token = session(made, user)
    six = at(date(2026, 11, 24), time(6))
    made.check(user.api_key, token, six - SECOND)
    with pytest.raises(TokenRefused):
        made.check(user.api_key, token, six)
    early = session(made, user, at(date(2026, 11, 23), time(5)))
    with pytest.raises(TokenRefused):
        made.check(user.api_key, early, at(date(2026, 11, 23), time(6)))
    made, user = users(token_expiry=False)
    made.check(user.api_key, session(made, user), six)


def test_a_session_that_was_ended_is_over() -> None:
    """Ending it twice is a TokenException, as using it is."""
    made, user = users()
    token = session(made, user)
    made.end_session(user.api_key, token)
    for refused in (lambda: made.end_session(user.api_key, token), lambda: made.check(user.api_key, token, NOW)):
        with pytest.raises(TokenRefused, match="Incorrect `api_key` or `access_token`"):
            refused()


def test_secrets_stay_out_of_representations() -> None:
    """A user in a log line or a traceback shows no secret and no token."""
    made, user = users()
    token = session(made, user)
    assert user.api_secret not in repr(user)
    assert token not in repr(user)
