"""The emergency journal: what was done, or asked for, while the database was away. JSON lines, each synced before its effect.

It outlives the process, not the pod's volume. The leader that wrote it commits it when the database is back; after a crash the
next process adopts it, unless another leader led in between: then the broker's book, read by tag, has told the same already.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trader.domain.records import Record
from trader.domain.values import Epoch, KillReason, MarketTime
from trader.engine.ports import KillRow
from trader.engine.records import Order, decode_order, decode_record, encode

BATCHES = "batches.jsonl"
KILLS = "kills.jsonl"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit holds; numbered from 1 in each epoch."""

    epoch: Epoch
    number: int
    records: tuple[Record, ...]
    orders: tuple[Order, ...]


class EmergencyJournal:
    """Two files in a directory of its own. Blocking calls: the engine makes them in a thread."""

    def __init__(self, directory: Path, *, on_paper: bool = False) -> None:
        """Batches made on paper have a file of their own; a kill is one for both."""
        self._directory = directory
        self._batches = f"paper-{BATCHES}" if on_paper else BATCHES
        self._writing = threading.Lock()

    def write(self, batch: Batch) -> None:
        """Append a batch; returns when it is on the disk.

        Raises:
            OSError: it is not, so nothing of it may be done.
        """
        self._append(
            self._batches,
            {
                "epoch": batch.epoch,
                "batch": batch.number,
                "records": [encode(each) for each in batch.records],
                "orders": [encode(each) for each in batch.orders],
            },
        )

    def write_kill(self, kill: KillRow) -> None:
        """Append a kill that the database has not heard of."""
        self._append(KILLS, asdict(kill))

    def batches(self) -> tuple[Batch, ...]:
        """What was written and not cleared, oldest first."""
        return tuple(
            Batch(
                Epoch(line["epoch"]),
                line["batch"],
                tuple(decode_record(kind, payload) for kind, payload in line["records"]),
                tuple(decode_order(kind, payload) for kind, payload in line["orders"]),
            )
            for line in self._lines(self._batches)
        )

    def kills(self) -> tuple[KillRow, ...]:
        """Kills that the database may not have heard of."""
        return tuple(
            KillRow(
                line["kill_id"], KillReason(line["reason"]), line["note"], line["by"], MarketTime(line["market_time"])
            )
            for line in self._lines(KILLS)
        )

    def clear_batches(self) -> None:
        """All of them stand in the database now."""
        (self._directory / self._batches).unlink(missing_ok=True)

    def set_batches_aside(self, epoch: Epoch) -> None:
        """Keep what a later leader has overtaken, for people, out of the way of the next adoption."""
        path = self._directory / self._batches
        if path.exists():
            path.rename(self._directory / f"overtaken-before-{epoch}.jsonl")

    def clear_kills(self) -> None:
        """All of them stand in the database now, or were released."""
        (self._directory / KILLS).unlink(missing_ok=True)

    def _append(self, name: str, line: dict[str, Any]) -> None:
        with self._writing:
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / name
            is_new = not path.exists()
            with path.open("a+b") as file:
                torn = file.tell() > 0 and _last_byte(file.fileno(), file.tell()) != b"\n"
                file.write((b"\n" if torn else b"") + json.dumps(line, separators=(",", ":")).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                self._sync_directory()

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _lines(self, name: str) -> Sequence[dict[str, Any]]:
        path = self._directory / name
        if not path.exists():
            return ()
        lines = []
        for text in path.read_text().splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:  # torn by a crash: it was never synced, so its effect never happened
                continue
        return lines


def _last_byte(descriptor: int, size: int) -> bytes:
    return os.pread(descriptor, 1, size - 1)
