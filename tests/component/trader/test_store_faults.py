"""The store when PostgreSQL is slow, silent, gone or locked: it says so in time, comes back, and nothing is written twice."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.component.trader.orders import bracket, day, place
from tests.component.trader.tcp_proxy import Proxy
from trader.adapters.sql.store import SqlStore
from trader.domain.values import AccountId, Epoch
from trader.engine.ports import StoreAway, StoreRefused

pytestmark = pytest.mark.component

NONE = Epoch(0)


@pytest.fixture
def proxy(postgresql_address: str) -> Iterator[Proxy]:
    """A cable that can be pulled."""
    host, port = postgresql_address.split(":")
    with Proxy(host, int(port)) as cable:
        yield cable


@pytest.fixture
def far(proxy: Proxy, postgresql_url: str, account: AccountId) -> Iterator[SqlStore]:
    """A store behind the cable."""
    store = SqlStore(f"postgresql://postgres@127.0.0.1:{proxy.port}/{postgresql_url.rsplit('/', 1)[1]}", account)
    yield store
    store.close()


async def test_a_cut_network_is_noticed_in_time_and_survived(
    far: SqlStore, proxy: Proxy, postgresql_url: str, account: AccountId
) -> None:
    """Silence is StoreAway within the deadline, each time; after the cable is back the same batch is committed once."""
    epoch = await far.take_epoch(account, "a", NONE)
    await far.commit(epoch, "a", 1, [bracket()], [])
    proxy.freeze()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(StoreAway):
            await far.commit(epoch, "a", 2, [day("2026-11-23")], [place(epoch)])
        assert time.monotonic() - began < 1.5
    proxy.thaw()
    await far.commit(epoch, "a", 2, [day("2026-11-23")], [place(epoch)])

    near = SqlStore(postgresql_url, account)
    assert await near.last_batch(account) == (epoch, 2)
    assert await near.replay(account) == (bracket(), day("2026-11-23"))
    near.close()


async def test_a_frozen_client_locks_nobody_out(
    far: SqlStore, proxy: Proxy, postgresql_url: str, account: AccountId
) -> None:
    """While the old leader's connection hangs, the successor takes its epoch without waiting for it."""
    epoch = await far.take_epoch(account, "old", NONE)
    proxy.freeze()
    with pytest.raises(StoreAway):
        await far.commit(epoch, "old", 1, [bracket()], [place(epoch)])
    near = SqlStore(postgresql_url, account)
    began = time.monotonic()
    assert await near.take_epoch(account, "new", NONE) == epoch + 1
    assert time.monotonic() - began < 0.5, "a lock of the old one's would have held it up for as long"
    proxy.thaw()
    with pytest.raises(StoreRefused, match="epoch"):
        await far.commit(epoch, "old", 1, [bracket()], [place(epoch)])
    near.close()


async def test_a_closed_connection_costs_one_call(postgresql_url: str, account: AccountId) -> None:
    """The server ended every session (a restart, a failover): the next call says away, the one after it connects anew."""
    store = SqlStore(postgresql_url, account)
    epoch = await store.take_epoch(account, "a", NONE)
    await store.commit(epoch, "a", 1, [bracket()], [])
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as other:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trader' AND query LIKE :it"
        other.execute(text(end), {"it": "%leader_epoch%"})
    engine.dispose()
    with pytest.raises(StoreAway):
        await store.commit(epoch, "a", 2, [bracket()], [])
    await store.commit(epoch, "a", 2, [bracket()], [])
    store.close()


async def test_a_database_that_is_not_there_is_away(account: AccountId) -> None:
    """Nobody listens: told at once, not after a time-out."""
    store = SqlStore("postgresql://postgres@127.0.0.1:1/none", account)
    with pytest.raises(StoreAway):
        await store.holds_epoch(account, Epoch(1), "a")
    store.close()


async def test_a_taker_waits_for_the_commit_in_flight_and_the_next_commit_fails(
    open_store: Callable[[], SqlStore], account: AccountId
) -> None:
    """Interleaved as tightly as two tasks can: whatever the old epoch wrote stands before the new epoch was handed out."""
    old, new = open_store(), open_store()
    for _ in range(10):
        epoch = await old.take_epoch(account, "old", NONE)
        commits = [asyncio.create_task(_try(old, epoch, number)) for number in range(1, 6)]
        taken = await new.take_epoch(account, "new", NONE)
        at_take = await new.replay(account)
        await asyncio.gather(*commits)
        assert taken == epoch + 1
        assert await new.replay(account) == at_take


async def _try(store: SqlStore, epoch: Epoch, batch: int) -> None:
    try:
        await store.commit(epoch, "old", batch, [bracket()], [])
    except StoreRefused:
        return
