"""What the traders of a session wrote, fetched from the API server before the day is sealed.

This runs in a container of its own, which may read the logs of these pods by name and nothing else: it has no Secret, and the
container that has Secrets has no token. A log that cannot be had is noted, and keeps no day from being sealed: the database is
the record, logs explain it. What a pod that was deleted had written is gone with it (docs/adr/0040).
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kubernetes.client import ApiClient, ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

CONTAINER: Final = "trader"
MISSING: Final = "missing.txt"
"""One line for each log that could not be had."""
LONGEST_BYTES: Final = 64 << 20
"""Of one log. The kubelet gives the newest file only, 10 MiB by default (containerLogMaxSize)."""
CALL_SECONDS: Final = (5.0, 30.0)
PATIENCE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 2.0
_FOR_GOOD: Final = (400, 404)
"""No such container, no such pod. A permission (401, 403) may be on its way: the operator made it together with the Job."""


class LogAwayError(Exception):
    """A log cannot be had now; `is_final` says that another try would find the same."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


def collect(
    client: ApiClient, namespace: str, pods: Sequence[str], into: Path, patience: float = PATIENCE_SECONDS
) -> None:
    """Write `POD.log`, `POD.previous.log` where the container was started anew, and what is missing into a folder.

    Takes at most `patience` seconds for tries that failed, all pods together.

    Raises:
        OSError: the folder cannot be written.
    """
    into.mkdir(parents=True, exist_ok=True)
    until, missing = time.monotonic() + patience, list[str]()
    for pod in pods:
        for is_previous in (False, True):
            name = f"{pod}.previous.log" if is_previous else f"{pod}.log"
            try:
                _patiently(client, namespace, pod, into / name, is_previous=is_previous, until=until)
            except LogAwayError as away:
                (into / name).unlink(missing_ok=True)
                if not (is_previous and away.is_final):
                    missing.append(f"{pod}: {away}")
    (into / MISSING).write_text("".join(f"{each}\n" for each in missing), encoding="utf-8")


def _patiently(client: ApiClient, namespace: str, pod: str, target: Path, *, is_previous: bool, until: float) -> None:
    while True:
        try:
            _fetch(client, namespace, pod, target, is_previous=is_previous)
        except LogAwayError as away:
            if away.is_final or time.monotonic() + PAUSE_SECONDS > until:
                raise
            time.sleep(PAUSE_SECONDS)  # nobody tells when an API server is back
        else:
            return


def _fetch(client: ApiClient, namespace: str, pod: str, target: Path, *, is_previous: bool) -> None:
    api: Any = CoreV1Api(client)  # its annotations do not know the time-out
    try:
        answer = api.read_namespaced_pod_log(
            pod,
            namespace,
            container=CONTAINER,
            previous=is_previous,
            _preload_content=False,
            _request_timeout=CALL_SECONDS,
        )
        with contextlib.closing(answer), target.open("wb") as file:
            written = sum(map(file.write, _limited(answer)))
    except ApiException as failure:
        said = f"{failure.status} {_message(failure)}"
        raise LogAwayError(said, is_final=failure.status in _FOR_GOOD) from failure
    except (HTTPError, TimeoutError, ConnectionError) as failure:
        raise LogAwayError(f"the API server does not answer ({type(failure).__name__})", is_final=False) from failure
    if not written:  # a container that was just started, or a file that was just rotated: the first line is on its way
        raise LogAwayError("the log is empty", is_final=is_previous)


def _limited(answer: Any) -> Iterator[bytes]:
    left = LONGEST_BYTES
    for part in answer.stream(1 << 16):
        if len(part) >= left:
            yield part[:left] + b"\n[cut off here]\n"
            return
        left -= len(part)
        yield part


def _message(failure: ApiException) -> str:
    """What the API server said, in a line."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return str(json.loads(failure.body or "")["message"]).splitlines()[0][:200]
    return str(failure.reason)
