"""Messages to the desk by Apprise: Telegram, mail, webhooks and whatever else its URLs name (github.com/caronc/apprise).

The URLs hold secrets. They are read from a file for each message (Secrets rotate), and neither they nor what the library says of
them reaches a log: a failure is told by the kind of its service alone.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

SEND_SECONDS: Final = 20.0


class DeskAway(Exception):  # noqa: N818 - what happened
    """Some of the desk's services did not take the message."""


class AppriseDesk:
    """Sends to every URL of a file, one a line; lines that begin with # are comments."""

    def __init__(self, urls_file: Path) -> None:
        self._urls_file = urls_file

    @property
    def is_wanted(self) -> bool:
        """Whether the session names whom to tell: the folder is mounted then, though the Secret may not be there."""
        return self._urls_file.parent.exists()

    @property
    def services(self) -> int:
        """How many there are to tell."""
        return len(self._urls())

    async def unusable(self) -> tuple[str, ...]:
        """The services whose URL says nothing that a message could be sent to, by their kind; asks nobody outside."""
        return tuple(await asyncio.to_thread(_unusable, self._urls()))

    async def send(self, title: str, text: str) -> None:
        """Send to all at once, from a worker thread.

        Raises:
            DeskAway: not all took it; some may have.
        """
        urls = self._urls()
        if not urls:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                refused = await asyncio.to_thread(_send, urls, title, text)
        except TimeoutError as late:
            raise DeskAway(f"no answer within {SEND_SECONDS:g} s") from late
        if refused:
            raise DeskAway(f"not taken by: {', '.join(refused)}")

    def _urls(self) -> tuple[str, ...]:
        try:
            lines = self._urls_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ()
        return tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _send(urls: Sequence[str], title: str, text: str) -> list[str]:
    """The kinds of services that did not take it."""
    refused = []
    for url in urls:
        service = _service(url)
        try:
            taken = service is not None and service.notify(body=text, title=title)
        except (OSError, TypeError, ValueError):
            taken = False
        if not taken:
            refused.append(_kind(url))
    return refused


def _unusable(urls: Sequence[str]) -> list[str]:
    return [_kind(url) for url in urls if _service(url) is None]


def _service(url: str) -> Any:
    """What sends to this URL; None when the library cannot read it."""
    import apprise  # noqa: PLC0415 - half a second that no start should wait for

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    try:
        return service if service.add(url) else None
    except (TypeError, ValueError):
        return None


def _kind(url: str) -> str:
    """As much of a URL as may be told."""
    return url.partition(":")[0][:20] if "://" in url else "something that is no URL"
