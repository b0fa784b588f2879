"""Running external programs: each is told as it prints, ended in time, and leaves no file open behind it."""

import gc
import sys

import pytest

from ops.cluster import running
from ops.cluster.errors import CommandError

PRINTS = [sys.executable, "-c", "print('one'); print('two')"]
HANGS = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
FAILS = [sys.executable, "-c", "import sys; print('why'); sys.exit(3)"]


def test_followed_lines_come_one_by_one_and_whole() -> None:
    """Each as it is printed; the whole at the end; no pipe is left to the garbage collector, which would warn."""
    lines: list[str] = []
    assert running.follow(PRINTS, timeout_seconds=30, on_line=lines.append) == "one\ntwo"
    gc.collect()
    assert lines == ["one", "two"]


@pytest.mark.parametrize(("command", "said"), [(FAILS, "exit code 3"), (HANGS, "did not end within 1 s")])
def test_what_fails_or_hangs_is_an_error_with_its_output(command: list[str], said: str) -> None:
    """By exit code, or by the time that it was given."""
    with pytest.raises(CommandError, match=said):
        running.follow(command, timeout_seconds=1, on_line=lambda _: None)
    gc.collect()


def test_a_program_that_outlives_its_time_is_ended() -> None:
    """And its pipes with it."""
    with pytest.raises(CommandError, match="did not end within 1 s"):
        running.run(HANGS, timeout_seconds=1)
    gc.collect()
