"""Looking after the database: is it fit to hold a journal, and what of it may be forgotten."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, delete, func, insert, select, text, tuple_

from trader.adapters.sql.migrating import current_revision
from trader.adapters.sql.tables import journal, outbox, sealed_days
from trader.domain.values import AccountId

ROWS_AT_ONCE: Final = 2_000
"""Few enough that nobody waits for their locks."""
SEALING: Final = dt.timedelta(hours=1)
"""More than a post-close needs for its snapshot, and than its machine's clock may differ from the database's."""


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

    Nothing goes that no sealed day holds: a snapshot has all rows that stood when it was taken.
    """
    sealed = _sealed_until(connection, account)
    if start is None or sealed is None:
        return 0
    before = min(dt.datetime.now(dt.UTC) - dt.timedelta(days=days), sealed - SEALING)
    gone = 0
    for table in (journal, outbox):
        key = (table.c.epoch, table.c.batch, table.c.position)
        old = and_(table.c.account == account, table.c.at < before, tuple_(*key) < start)
        rows = connection.execute(select(*key).where(old).order_by(*key).limit(ROWS_AT_ONCE)).all()
        if rows:
            last = tuple(rows[-1])
            gone += connection.execute(delete(table).where(and_(old, tuple_(*key) <= last))).rowcount
    return gone


def note_sealed(
    connection: Connection, account: AccountId, trading_date: str, taken_at: dt.datetime, sha256: str
) -> None:
    """Remember that a day is sealed and its archive proved; the first word about a day holds."""
    mine = and_(sealed_days.c.account == account, sealed_days.c.trading_date == trading_date)
    if connection.execute(select(sealed_days.c.account).where(mine)).first() is None:
        row = {"account": account, "trading_date": trading_date, "taken_at": taken_at, "sha256": sha256}
        connection.execute(insert(sealed_days), [row])


def _sealed_until(connection: Connection, account: AccountId) -> dt.datetime | None:
    """When the newest snapshot was taken; None when no day was ever sealed."""
    newest: dt.datetime | None = connection.execute(
        select(func.max(sealed_days.c.taken_at)).where(sealed_days.c.account == account)
    ).scalar()
    if newest is None:
        return None
    return newest.replace(tzinfo=dt.UTC) if newest.tzinfo is None else newest
