"""What people ask of a trader is on record: who, what, from where, and what came of it; refused attempts too.

A line in the log at once, and a row in the database as soon as it answers. A kill never waits for either; a change of another
kind is on record before it takes effect, or does not take effect.
"""

import asyncio
from collections import deque
from typing import Any, Final

import structlog

from trader.adapters.sql.audit import AuditEntry
from trader.app.process import TraderProcess
from trader.engine.ports import StoreAway

log = structlog.get_logger(__name__)

KEPT: Final = 1000
"""Entries that wait for a database that is away; the log has them in any case."""
RETRY_SECONDS: Final = 2.0


class Unrecorded(Exception):  # noqa: N818 - what happened
    """The entry could not be made durable."""


class Audit:
    """The audit trail of one process."""

    def __init__(self, process: TraderProcess) -> None:
        self._process = process
        self._waiting: deque[AuditEntry] = deque(maxlen=KEPT)
        self._writing: asyncio.Task[None] | None = None

    def note(self, entry: AuditEntry) -> None:
        """Log it now, and write it when the database answers; waits for nothing."""
        _say(entry)
        self._waiting.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="audit")

    async def record(self, entry: AuditEntry) -> None:
        """Write it before going on.

        Raises:
            Unrecorded: the database does not answer.
        """
        store = self._process.store
        if store is None:
            raise Unrecorded("the database is not connected yet")
        try:
            await store.audit(entry)
        except StoreAway as away:
            raise Unrecorded(f"the database does not answer: {away}") from away
        _say(entry)

    async def _write(self) -> None:
        while self._waiting:
            store = self._process.store
            try:
                if store is not None:
                    await store.audit(self._waiting[0])
                    self._waiting.popleft()
                    continue
            except StoreAway:
                pass
            await asyncio.sleep(RETRY_SECONDS)


def _say(entry: AuditEntry) -> None:
    told: dict[str, Any] = {"who": entry.who, "action": entry.action, "address": entry.address}
    log.info("api_change", outcome=entry.outcome, detail=entry.detail, **told)
