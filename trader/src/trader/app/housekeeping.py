"""The leader forgets what nobody replays any more: the journal of a month ago is the archive's, not the database's.

What no post-close has sealed is no archive's, and stays however old it is.
"""

import asyncio
from typing import Final, Protocol

import structlog

from trader.domain.values import AccountId
from trader.engine.ports import StoreAway

log = structlog.get_logger(__name__)

KEPT_DAYS: Final = 30
PRUNE_EVERY_SECONDS: Final = 3600.0
BETWEEN_BATCHES_SECONDS: Final = 1.0


class Leads(Protocol):
    """The engine, as far as it says whether it leads."""

    @property
    def is_leader(self) -> bool: ...


class Prunes(Protocol):
    """The store, as far as it forgets."""

    async def prune(self, account: AccountId, days: int) -> int: ...


async def keep_house(engine: Leads, store: Prunes, account: AccountId) -> None:
    """Prune once an hour while leading, until cancelled; a database that is away is left alone until the next hour."""
    while True:
        await asyncio.sleep(PRUNE_EVERY_SECONDS)
        if not engine.is_leader:
            continue
        try:
            gone = 0
            while rows := await store.prune(account, KEPT_DAYS):
                gone += rows
                await asyncio.sleep(BETWEEN_BATCHES_SECONDS)
            if gone:
                log.info("journal_pruned", rows=gone, kept_days=KEPT_DAYS)
        except StoreAway as away:
            log.warning("journal_not_pruned", reason=str(away))
