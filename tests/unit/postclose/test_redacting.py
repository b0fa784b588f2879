"""What is archived holds no secret, wherever it stood and whatever stood around it."""

from pathlib import Path

import pytest

from ops.postclose.redacting import known_secrets, without


@pytest.fixture
def secrets(tmp_path: Path) -> tuple[bytes, ...]:
    """Of a mounted Secret of each kind, as the kubelet lays them out."""
    (tmp_path / "credentials" / "..data").mkdir(parents=True)
    (tmp_path / "credentials" / "access_token").write_text("XyZ0123456789abcdef\n")
    (tmp_path / "credentials" / "api_secret").write_text("XyZ0123456789abcdef-and-more\n")
    (tmp_path / "credentials" / "user").write_text("AB1234")
    (tmp_path / "notifications").mkdir()
    (tmp_path / "notifications" / "urls").write_text(
        "tgram://123456789:AAF-token_of_a_bot/4711\njson://desk.example/hooks/h00k-of-the-desk\n"
    )
    return known_secrets(
        tmp_path / "credentials", "postgresql://trader:p%40ss-word-of-db@db/x", tmp_path / "notifications"
    )


@pytest.mark.parametrize(
    "leak",
    [
        "XyZ0123456789abcdef",
        "p@ss-word-of-db",
        "p%40ss-word-of-db",
        "AAF-token_of_a_bot",
        "h00k-of-the-desk",
    ],
)
def test_a_known_value_is_blanked_wherever_it_stands(secrets: tuple[bytes, ...], leak: str) -> None:
    """In JSON, in a traceback, in the middle of a word; and it is counted."""
    clean, count = without(secrets, f'{{"event": "a", "it": "{leak}"}}\nrepr(x{leak}y)\n'.encode())
    assert leak.encode() not in clean
    assert (count, clean.count(b"[redacted]")) == (2, 2)


def test_a_value_that_contains_another_goes_as_a_whole(secrets: tuple[bytes, ...]) -> None:
    """What is left of it would tell."""
    assert without(secrets, b"<XyZ0123456789abcdef-and-more>") == (b"<[redacted]>", 1)


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("redis://:hush@redis:6379/0", "redis://:[redacted]@redis:6379/0"),
        ("cannot reach 'postgresql://u:pw@db/x'", "cannot reach 'postgresql://u:[redacted]@db/x'"),
        ("authorization: Bearer eyJhbGciOi.J9", "authorization: Bearer [redacted]"),
    ],
)
def test_what_has_the_form_of_a_secret_is_blanked_too(line: str, clean: str) -> None:
    """Of Redis, say, whose Secret the post-close does not have."""
    assert without((), line.encode()) == (clean.encode(), 1)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "order_placed", "order_id": "251123000000001", "account": "AB1234"}',
        "GET http://index-trader-0.index-trader:8080/metrics at 09:15:00",
        "mail to desk@example.org at 10:00",
    ],
)
def test_what_is_none_is_left_alone(secrets: tuple[bytes, ...], line: str) -> None:
    """Short values are words; ids of orders and addresses are what a log is read for."""
    assert without(secrets, line.encode()) == (line.encode(), 0)
