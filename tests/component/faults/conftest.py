"""Real servers for the whole trader, one of each for all of the folder's tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text

from ops.drills.processes import Program, awaited, program
from tests.component.faults.stand import READY_SECONDS, Servers, Stand
from tests.component.trader.postgres_server import running_server
from tests.component.trader.redis_server import running_redis
from trader.adapters.sql.migrating import upgrade

KITESIM = {
    "seed": 11,
    "date": "2026-11-23",
    # Early in a session of the always-open calendar (half an hour each): none of its ends falls into these tests.
    "start": "09:30:20",
    "port": 0,
    "strikes": 0,
    "stream": {"tick_interval_ms": 200},
    # A broker takes an order before it answers: what happens in between is as likely here as in life.
    "latencies": {"reply_ms": 120, "exchange_ms": 10},
}
_LISTENING = re.compile(r"kitesim listening on (http://\S+)")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL with a migrated database, Redis, and kitesim in a process of its own."""
    folder = tmp_path_factory.mktemp("servers")
    (folder / "kitesim.yaml").write_text(yaml.safe_dump(KITESIM), encoding="utf-8")
    command = [program("kitesim"), "serve", "--config", str(folder / "kitesim.yaml")]
    with running_server() as postgresql, running_redis(folder) as (_, redis):
        engine = create_engine(f"postgresql+psycopg://postgres@{postgresql}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE faults"))
        engine.dispose()
        upgrade(f"postgresql://postgres@{postgresql}/faults")
        kitesim = Program(command, folder / "kitesim.log", {"PATH": "/usr/bin"})
        try:
            found = awaited(lambda: _LISTENING.search(kitesim.said()), READY_SECONDS, "kitesim listens")
            yield Servers(found.group(1), postgresql, "faults", redis.removeprefix("unix://"))
        finally:
            kitesim.end()


@pytest.fixture
def stand(servers: Servers, tmp_path: Path) -> Iterator[Stand]:
    """An account, its control plane, and a network; the test starts the traders."""
    made = Stand(tmp_path, servers)
    yield made
    made.close()
