"""Logs are one JSON object a line, and no secret ever stands in one."""

import io
import json
import logging as standard_logging
from collections.abc import Iterator

import pytest
import structlog

from trader.app import logging


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What was logged."""
    stream = io.StringIO()
    handlers = standard_logging.getLogger().handlers[:]
    logging.configure(stream)
    yield stream
    standard_logging.getLogger().handlers[:] = handlers
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


SECRET = "s3cr3tvalue"


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": SECRET},
        {"api_secret": SECRET, "api_key": SECRET},
        {"nested": {"token": SECRET, "list": [{"password": SECRET}]}},
        {"url": f"wss://ws.kite.trade/?api_key={SECRET}&access_token={SECRET}"},
        {"reason": f"refused: Authorization: token {SECRET}:{SECRET}"},
        {"header": f"Bearer {SECRET}"},
        {"database": f"postgresql://trader:{SECRET}@database:5432/trading"},
        {"checksum": SECRET, "request_token": SECRET},
    ],
)
def test_secrets_are_blotted_out(lines: io.StringIO, fields: dict[str, object]) -> None:
    """By the name of the field, and by their shape inside texts and nested values."""
    structlog.get_logger("test").warning("something_happened", **fields)
    assert SECRET not in lines.getvalue()
    assert json.loads(lines.getvalue())["event"] == "something_happened"


def test_what_is_no_secret_stays(lines: io.StringIO) -> None:
    """Tags, holders and order ids are what logs are for."""
    structlog.get_logger("test").info("order_filled", tag="T0001", holder="pod_uid_nonce", order_id="19")
    said = json.loads(lines.getvalue())
    assert (said["tag"], said["holder"], said["order_id"]) == ("T0001", "pod_uid_nonce", "19")


def test_every_line_says_who_speaks(lines: io.StringIO) -> None:
    """Session and pod, also on lines of other people's libraries, exceptions included."""
    logging.bind(session="index-intraday", pod="trader-0")
    try:
        int(f"token {SECRET}")
    except ValueError:
        standard_logging.getLogger("elsewhere").exception("it broke")
    said = json.loads(lines.getvalue())
    assert (said["session"], said["pod"], said["level"]) == ("index-intraday", "trader-0", "error")
    assert "ValueError" in said["exception"]
    assert SECRET not in lines.getvalue()
