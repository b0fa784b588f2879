"""What people ask of a trader is on record: who, what, from where, and what came of it; refused attempts too.

A line in the log at once, and a row in the database as soon as it answers. A kill never waits for either; a change of another
kind is on record before it takes effect, or does not take effect.

Who let the trader take new risk is on record too, each time that it begins to: by whom, under which configuration and epoch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from trader.adapters.sql.audit import AuditEntry
from trader.domain.values import TradingState
from trader.engine.ports import Permission, SessionWatch, StoreAway, Wishes
from trader.engine.settings import Snapshot

log = structlog.get_logger(__name__)

KEPT: Final = 1000
"""Entries that wait for a database that is away; the log has them in any case."""
RETRY_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 0.2
SETTLE_SECONDS: Final = 0.5
"""What a planned stop waits for the last rows, so that no hand-over waits for a database that is away."""
LIVE: Final = "live"


class Unrecorded(Exception):  # noqa: N818 - what happened
    """The entry could not be made durable."""


class Records(Protocol):
    """The store, as far as it keeps the audit trail."""

    async def audit(self, entry: AuditEntry) -> None:
        """Raises `StoreAway`."""
        ...


class HasStore(Protocol):
    """The process, as far as it has a database."""

    @property
    def store(self) -> Records | None:
        """None before it is connected."""
        ...


class Audit:
    """The audit trail of one process."""

    def __init__(self, process: HasStore) -> None:
        self._process = process
        self._waiting: deque[AuditEntry] = deque(maxlen=KEPT)
        self._writing: asyncio.Task[None] | None = None

    def note(self, entry: AuditEntry) -> None:
        """Log it now, and write it when the database answers; waits for nothing."""
        _say(entry)
        self._waiting.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="audit")

    async def settle(self) -> None:
        """Wait for what is being written, as long as a planned stop may."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=SETTLE_SECONDS)

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


class HeardWatch:
    """A `SessionWatch` that remembers who let new risk be taken; the engine decides by the wishes alone."""

    def __init__(self, watch: SessionWatch) -> None:
        self._watch = watch
        self.permission = Permission()

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """As the other's."""

        def remember(wishes: Wishes) -> None:
            self.permission = wishes.permission
            heard(wishes)

        self._watch.watch(remember, stopped)

    def close(self) -> None:
        """As the other's."""
        self._watch.close()


class LiveTrail:
    """Notes each beginning of new risk: who allowed it, with which configuration, under which epoch."""

    def __init__(
        self, audit: Audit, pod: str, look: Callable[[], Snapshot | None], by: Callable[[], Permission]
    ) -> None:
        self._audit = audit
        self._pod = pod
        self._look = look
        self._by = by
        self._noted: tuple[object, ...] = ()

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def settle(self) -> None:
        """Wait, but not for long, until what was noted is written."""
        await self._audit.settle()

    def look(self) -> None:
        """Note what is new risk now and was none, or another's, before."""
        snapshot = self._look()
        view = snapshot.view if snapshot is not None else None
        if snapshot is None or view is None or snapshot.trading_state is not TradingState.LIVE:  # on paper it is PAPER
            self._noted = ()
            return
        permission = self._by()
        found = (snapshot.epoch, view.config_hash, permission.who)
        if found == self._noted:
            return
        self._noted = found
        detail = f"configuration {view.config_hash}, stage {view.stage or 'none'}, epoch {snapshot.epoch}; {permission.detail}"
        self._audit.note(AuditEntry(permission.who, LIVE, "taken", detail, "", self._pod))


def _say(entry: AuditEntry) -> None:
    told: dict[str, Any] = {"who": entry.who, "action": entry.action, "address": entry.address}
    log.info("audited", outcome=entry.outcome, detail=entry.detail, **told)
