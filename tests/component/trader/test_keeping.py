"""Old rows go, what is replayed stays; a database says what it is fit for."""

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from trader.adapters.sql.connecting import make_engine
from trader.adapters.sql.keeping import note_sealed
from trader.adapters.sql.migrating import newest
from trader.adapters.sql.store import SqlStore
from trader.adapters.sql.tables import journal
from trader.domain.records import DayOpened
from trader.domain.values import AccountId, Epoch, MarketTime, Paise

pytestmark = pytest.mark.component


def opened(day: int) -> DayOpened:
    return DayOpened(MarketTime(day), f"2026-11-{day:02}", Paise(1))


async def test_what_nobody_replays_is_forgotten_after_its_time(
    url: str, account: AccountId, open_store: Callable[[], SqlStore]
) -> None:
    """Rows of a month ago before the day that is replayed go; younger ones, and the replayed day however old, stay."""
    store = open_store()
    epoch = await store.take_epoch(account, "trader-0", Epoch(0))
    for batch, day in enumerate((1, 2, 3), 1):
        await store.commit(epoch, "trader-0", batch, (opened(day),), ())
    engine = make_engine(url)

    def grow_old(batches: tuple[int, ...]) -> None:
        with engine.begin() as connection:
            old = dt.datetime.now(dt.UTC) - dt.timedelta(days=31)
            where = (journal.c.account == account) & journal.c.batch.in_(batches)
            connection.execute(update(journal).where(where).values(at=old))

    def rows() -> int:
        with engine.connect() as connection:
            counted = connection.execute(select(func.count()).select_from(journal).where(journal.c.account == account))
            return int(counted.scalar_one())

    assert await store.prune(account, 30) == 0
    grow_old((1,))
    assert await store.prune(account, 30) == 0, "no archive holds it"
    with engine.begin() as connection:
        note_sealed(connection, AccountId("somebody else"), "2026-11-01", dt.datetime.now(dt.UTC), "00")
    assert await store.prune(account, 30) == 0, "nor does another account's"
    with engine.begin() as connection:
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=32)
        note_sealed(connection, account, "2026-10-20", long_ago, "00")
    assert await store.prune(account, 30) == 0, "nor does an archive of before"
    with engine.begin() as connection:
        note_sealed(connection, account, "2026-11-01", dt.datetime.now(dt.UTC), "00")
        note_sealed(connection, account, "2026-11-01", long_ago, "the first word holds")
    assert await store.prune(account, 30) == 1
    grow_old((2, 3))
    assert await store.prune(account, 30) == 1
    assert await store.prune(account, 30) == 0
    assert rows() == 1
    assert await store.replay(account) == (opened(3),)
    engine.dispose()


async def test_a_fresh_database_is_healthy(open_store: Callable[[], SqlStore]) -> None:
    """At head, a primary, commits reach the disk, no standby that could lose them."""
    health = await open_store().health()
    assert health.revision == newest()
    assert (health.is_standby, health.synchronous_commit, health.asynchronous_standbys) == (False, "on", ())
