"""Real databases for the trader's store."""

import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.component.trader.postgres_server import running_server
from tests.component.trader.redis_server import running_redis
from trader.adapters.sql.migrating import upgrade
from trader.adapters.sql.store import SqlStore
from trader.domain.values import AccountId

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    """`host:port` of a PostgreSQL server that lives as long as the test run."""
    with running_server() as address:
        yield address


@pytest.fixture(scope="session")
def new_database(postgresql_address: str) -> Callable[[], str]:
    """Makes an empty PostgreSQL database; returns its URL."""

    def make() -> str:
        name = f"trading{next(_NUMBERS)}"
        engine = create_engine(
            f"postgresql+psycopg://postgres@{postgresql_address}/postgres", isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return f"postgresql://postgres@{postgresql_address}/{name}"

    return make


@pytest.fixture(scope="session")
def postgresql_url(new_database: Callable[[], str]) -> str:
    """A migrated PostgreSQL database; tests share it, each with an account of its own."""
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    address = f"sqlite:///{tmp_path / 'trader.db'}"
    upgrade(address)
    return address


@pytest.fixture
def account() -> AccountId:
    """An account that no other test uses."""
    return AccountId(f"AB{next(_NUMBERS):04}")


@pytest.fixture
async def open_store(url: str, account: AccountId) -> AsyncIterator[Callable[[], SqlStore]]:
    """Opens stores on the same database and account, as other pods would; closed afterwards."""
    opened: list[SqlStore] = []

    def open_one() -> SqlStore:
        opened.append(SqlStore(url, account))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A Redis of this test's own, and its URL."""
    with running_redis(tmp_path) as running:
        yield running
