"""What else there is of a day, beside the database: logs, metrics and the verdicts of its drills; without secrets."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.postclose.pod_logs import MISSING
from ops.postclose.redacting import without

PAGE_SECONDS: Final = 5.0
VERDICT: Final = ("name", "verdict", "endedAt", "configHash", "tradingDate", "reason", "job")


class NotRunError(Exception):
    """Something that is needed is missing or does not answer: to be tried again."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Files for the archive, by their name in it, and what is to be said of them."""

    records: dict[str, Path]
    pages: tuple[str, ...]
    metrics_missing: str
    """Why metrics are missing; empty when all were read."""
    logs: tuple[str, ...]
    logs_missing: tuple[str, ...]
    drills: tuple[dict[str, Any], ...]
    redactions: int
    """How often a secret stood in what was gathered; it does not stand in the archive."""


def gather(
    scratch: Path, *, logs: Sequence[Path], metrics: Sequence[str], drills: Sequence[Path], secrets: Sequence[bytes]
) -> Gathered:
    """Copy all of it into a folder of its own, and read what is to be read.

    Raises:
        NotRunError: something that was named does not exist.
        OSError, ValueError: it cannot be read.
    """
    records, redactions = dict[str, Path](), 0

    def keep(name: str, content: bytes) -> None:
        nonlocal redactions
        clean, count = without(secrets, content)
        redactions += count
        records[name] = target = scratch / name.replace("/", "-")
        target.write_bytes(clean)

    files, missing = _log_files(logs)
    names = tuple(f"logs/{number:02d}-{each.name}" for number, each in enumerate(files, 1))
    for name, file in zip(names, files, strict=True):
        keep(name, file.read_bytes())
    pages, why = _pages(metrics)
    for number, page in enumerate(pages, 1):
        keep(f"metrics/metrics-{number}.prom", page.encode())
    for number, file in enumerate(_existing("--drills", drills), 1):
        keep(f"drills/{number:02d}-{file.name}", file.read_bytes())
    verdicts = tuple(_verdicts(drills))
    return Gathered(records, tuple(pages), why, names, tuple(missing), verdicts, redactions)


def _pages(urls: Sequence[str]) -> tuple[list[str], str]:
    """The metrics pages, and why some are missing: a trader that is gone takes its counters with it."""
    pages, missing = [], []
    for url in urls:
        try:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"--metrics: must begin with http:// or https://, was {url!r}")
            with urllib.request.urlopen(url, timeout=PAGE_SECONDS) as answer:
                pages.append(answer.read().decode())
        except OSError as error:
            missing.append(f"{url} does not answer ({type(error).__name__})")
    return pages, "; ".join(missing) or ("" if urls else "no --metrics was given")


def _log_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The logs, and which of them whoever collected them could not have."""
    found, missing = list[Path](), list[str]()
    for each in _existing("--logs", paths):
        found += sorted(each.rglob("*.log")) if each.is_dir() else [each]
        if (note := each / MISSING).is_file():
            missing += note.read_text(encoding="utf-8").splitlines()
    return found, missing


def _existing(option: str, paths: Sequence[Path]) -> Sequence[Path]:
    for each in paths:
        if not each.exists():
            raise NotRunError(f"{option}: {each} does not exist")
    return paths


def _verdicts(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Name, verdict and time of each drill; of the whole verdicts, or of lists of them."""
    found: list[dict[str, Any]] = []
    for each in files:
        content = json.loads(each.read_text(encoding="utf-8"))
        found += content if isinstance(content, list) else [content]
    return [{name: each[name] for name in VERDICT if each.get(name)} for each in found]
