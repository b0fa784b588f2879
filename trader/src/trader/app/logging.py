"""Logs: one JSON object a line in a pod, readable lines by hand; who speaks (session, pod) in each, secrets in none.

Events are past-tense snake case with plain fields. INFO is a business fact, WARNING healed itself, ERROR asks for a human.
"""

import contextlib
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from trader.app.documents import ConfigInvalid
from trader.app.recent import keep_event

REDACTED: Final = "[redacted]"
# Names of fields whose values never reach a log. Not `holder`, `tag` or `keys`.
_SECRET_NAME: Final = re.compile(r"(^|_)(token|secret|password|authorization|checksum|api_key|key)($|_)", re.IGNORECASE)
# The same inside texts: query strings, headers, and URLs of databases with a password.
_SECRET_TEXT: Final = (
    re.compile(r"((?:access_token|api_key|api_secret|request_token|checksum|password)=)[^&\s\"']+", re.IGNORECASE),
    re.compile(r"((?:token|bearer)\s+)[A-Za-z0-9._~+/:-]{6,}", re.IGNORECASE),
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blot out secrets by the name of their field and by their shape inside texts, in nested values too."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name) and value:
        return REDACTED
    if isinstance(value, str):
        for pattern in _SECRET_TEXT:
            value = pattern.sub(rf"\1{REDACTED}", value)
        return value
    if isinstance(value, dict):
        return {key: _redacted(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_redacted("", each) for each in value)
    return value


@contextlib.contextmanager
def by_hand(file: Path) -> Iterator[None]:
    """JSON lines into a file, and the last events kept for the screen.

    Raises:
        ConfigInvalid: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigInvalid([f"{file}: cannot be written: {error.strerror}"]) from error
    with stream:
        configure(stream, watch=(keep_event,))
        yield


def configure(stream: TextIO = sys.stdout, *, watch: Sequence[Processor] = (), level: int = logging.INFO) -> None:
    """Set up structlog, and lead the standard library's loggers into it."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    end: list[Processor] = [
        structlog.processors.format_exc_info,
        redact,
        *watch,
        structlog.processors.JSONRenderer(default=str),
    ]
    structlog.configure(
        processors=[*shared, *end],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_drop_internals, *end], foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _drop_internals(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if not name.startswith("_")}


def bind(**who: str | int) -> None:
    """Say in every line from here on who speaks."""
    structlog.contextvars.bind_contextvars(**who)
