"""The wall clock of a trader's machine, set by a test while it runs: NTP stepped it, or somebody typed a date.

The clock itself belongs to the whole machine. So the trader's own process adds to it what it finds in a file that both map.
"""

import mmap
import struct
import time
from pathlib import Path
from typing import Final

VARIABLE: Final = "TEST_WALL_CLOCK"
_OFFSET: Final = struct.Struct("q")


class WallClock:
    """What a test sets."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(_OFFSET.pack(0))
        self.environment = {VARIABLE: str(file)}
        self._file = file

    def step(self, seconds: float) -> None:
        """So much ahead of the true time from now on; negative: behind it."""
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), _OFFSET.size) as shared:
            _OFFSET.pack_into(shared, 0, round(seconds * 1e9))


def follow(path: str) -> None:
    """In the trader's process: every reading of the wall clock from Python code."""
    with Path(path).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _OFFSET.size)
    true = time.time_ns

    def time_ns() -> int:
        return true() + int(_OFFSET.unpack_from(shared, 0)[0])

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
