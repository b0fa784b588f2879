"""A Lease for a trader run by hand: a locked file keeps a second process out, and there is nobody to lose it to.

The lock is the kernel's (flock): it ends with the process, however that ends.
"""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from trader.engine.ports import LeaseAway, LeaseConflict, LeaseRecord, LeaseWrite

CHANGES_SECONDS = 5.0


class LocalLease:
    """`LeaseClient` on a file; the record itself lives in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._record = LeaseRecord("local", "1", "", 0, 0, "")
        self._closed = threading.Event()

    def read(self) -> LeaseRecord:
        """The record; raises `LeaseAway` while another process on this machine trades with the same files."""
        self._lock()
        return self._record

    def write(self, write: LeaseWrite) -> LeaseRecord:
        """Compare and swap."""
        self._lock()
        if write.base.version != self._record.version:
            raise LeaseConflict("the record changed in between")
        version = str(int(self._record.version) + 1)
        transitions = self._record.transitions + (write.holder != self._record.holder)
        self._record = LeaseRecord("local", version, write.holder, write.duration_seconds, transitions, version)
        return self._record

    def changes(self) -> Iterator[str]:
        """Nothing ever changes from outside."""
        self._closed.wait(CHANGES_SECONDS)
        yield from ()

    def close(self) -> None:
        """Let the next process in."""
        self._closed.set()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lock(self) -> None:
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as failure:
            file.close()
            raise LeaseAway(f"another process holds {self._path}") from failure
        self._file = file
