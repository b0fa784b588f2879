"""Runs external programs, each with a time limit, and never leaves one behind.

Every program gets a session of its own, so that a limit or Ctrl-C ends the
whole family (go starts compilers, docker starts plugins) by its group id,
and nothing else on the machine.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops.cluster.errors import CommandError, MissingError


@dataclass(frozen=True, slots=True)
class Result:
    """What a program printed, and how it ended."""

    code: int
    output: str
    errors: str


def run(
    command: Sequence[str],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    text: str | None = None,
    source: IO[bytes] | None = None,
    check: bool = True,
) -> Result:
    """Run a program to its end. `text` or the file `source` becomes its standard input.

    Raises CommandError on a non-zero exit (unless `check` is false) and when the time is up.
    """
    stdin: int | IO[bytes] = subprocess.DEVNULL
    if source is not None:
        stdin = source
    elif text is not None:
        stdin = subprocess.PIPE
    with _started(command, stdin=stdin, environment=environment, folder=folder, merge=False) as process:
        try:
            output, errors = process.communicate(text.encode() if text is not None else None, timeout=timeout_seconds)
        except subprocess.TimeoutExpired as expired:
            raise CommandError(
                command, f"did not end within {timeout_seconds:.0f} s", _decoded(expired.stderr)
            ) from None
    result = Result(process.returncode, _decoded(output), _decoded(errors))
    if check and result.code != 0:
        raise CommandError(command, f"failed with exit code {result.code}", result.errors or result.output)
    return result


def follow(
    command: Sequence[str],
    *,
    timeout_seconds: float,
    on_line: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a long program and hand over each line it prints, as it prints it; return the whole output."""
    lines: list[str] = []
    with _started(command, stdin=subprocess.DEVNULL, environment=environment, folder=folder, merge=True) as process:
        late = threading.Event()

        def end() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(timeout_seconds, end)
        timer.start()
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                line = _decoded(raw).rstrip()
                lines.append(line)
                on_line(line)
            process.wait()
        finally:
            timer.cancel()
    if late.is_set():
        raise CommandError(command, f"did not end within {timeout_seconds:.0f} s", "\n".join(lines))
    if process.returncode != 0:
        raise CommandError(command, f"failed with exit code {process.returncode}", "\n".join(lines))
    return "\n".join(lines)


@contextmanager
def _started(
    command: Sequence[str],
    *,
    stdin: int | IO[bytes],
    environment: Mapping[str, str] | None,
    folder: Path | None,
    merge: bool,
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            env=None if environment is None else dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise MissingError(f"the program `{command[0]}` is not installed or not on PATH") from None
    try:
        yield process
    finally:
        _end(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was to read, and never did
                    pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program's whole group, if it still runs."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def _decoded(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
