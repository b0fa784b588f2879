"""Looking after the database: is it fit to hold a journal, and what of it may be forgotten."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, delete, select, text, tuple_

from trader.adapters.sql.migrating import current_revision
from trader.adapters.sql.tables import journal, outbox
from trader.domain.values import AccountId

ROWS_AT_ONCE: Final = 2_000
"""Few enough that nobody waits for their locks."""


@dataclass(frozen=True, slots=True)
class Health:
    """What decides whether a commit here is worth anything."""

    revision: str | None
    is_standby: bool
    synchronous_commit: str
    """As our connections have it: `on` when a commit waits for the disk and the synchronous standbys."""
    asynchronous_standbys: tuple[str, ...]
    """Standbys that could be promoted without our last commits; as far as we may see them."""


def read_health(connection: Connection) -> Health:
    """Ask the database about itself."""
    revision = current_revision(connection)
    if connection.dialect.name != "postgresql":
        return Health(revision, is_standby=False, synchronous_commit="on", asynchronous_standbys=())
    standby = bool(connection.execute(text("SELECT pg_is_in_recovery()")).scalar())
    commit = str(connection.execute(text("SHOW synchronous_commit")).scalar())
    rows = connection.execute(
        text("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'async'")
    )
    return Health(revision, standby, commit, tuple(sorted(str(row[0]) for row in rows)))


def prune(connection: Connection, account: AccountId, days: int, start: tuple[int, int, int] | None) -> int:
    """Forget a bounded number of old rows: of the journal those before `start`, where replay begins, and of the outbox those
    of the same epochs.
    """
    if start is None:
        return 0
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    gone = 0
    for table in (journal, outbox):
        key = (table.c.epoch, table.c.batch, table.c.position)
        old = and_(table.c.account == account, table.c.at < before, tuple_(*key) < start)
        rows = connection.execute(select(*key).where(old).order_by(*key).limit(ROWS_AT_ONCE)).all()
        if rows:
            last = tuple(rows[-1])
            gone += connection.execute(delete(table).where(and_(old, tuple_(*key) <= last))).rowcount
    return gone
