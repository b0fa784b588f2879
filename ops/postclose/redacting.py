"""Takes secrets out of what is archived. The traders write none (a test looks); this holds for whatever else got into a log.

Known values go, whatever surrounds them, and so do a password inside any URL and any bearer. How often is told: a secret that stood
in a log was seen by whoever may read logs, and must be rotated.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

BLANK: Final = b"[redacted]"
SHORTEST: Final = 12
"""Shorter values are words as likely as secrets: blanking them would make a log unreadable."""
_IN_URLS: Final = re.compile(rb"(?<=://)([^\s/:@\"']*):([^\s/@\"']+)@")
_BEARERS: Final = re.compile(rb"\b(Bearer) +(?!\[redacted\])[\w.~+/=-]{12,}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"(?=.*\d)[\w.~-]{16,}")


def known_secrets(credentials: Path, database_url: str, notifications: Path) -> tuple[bytes, ...]:
    """The values that a post-close can read, longest first: one that contains another goes as a whole."""
    values = {*_files(credentials), *_passwords(database_url)}
    for line in (each for text in _files(notifications) for each in text.splitlines()):
        # A webhook's or bot's token is a part of its address.
        values |= {line.strip(), *_passwords(line), *_TOKEN.findall(line)}
    return tuple(sorted((each.encode() for each in values if len(each) >= SHORTEST), key=len, reverse=True))


def without(secrets: Iterable[bytes], content: bytes) -> tuple[bytes, int]:
    """The content with every secret blanked, and how many there were."""
    found = 0
    for each in secrets:
        if count := content.count(each):
            content, found = content.replace(each, BLANK), found + count
    content, in_urls = _IN_URLS.subn(_blank_password, content)
    content, bearers = _BEARERS.subn(rb"\1 " + BLANK, content)
    return content, found + in_urls + bearers


def _blank_password(found: re.Match[bytes]) -> bytes:
    return found[1] + b":" + BLANK + b"@"


def _files(folder: Path) -> Iterator[str]:
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        if each.is_file():
            yield each.read_text(encoding="utf-8", errors="replace").strip()


def _passwords(url: str) -> Iterator[str]:
    """As it stands in the URL, and as it is meant."""
    password = urlsplit(url).password
    if password:
        yield from {password, unquote(password)}
