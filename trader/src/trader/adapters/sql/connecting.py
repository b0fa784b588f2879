"""Connections that notice: a cut network, a frozen server, a file that another process locks. Nothing waits longer than told.

A `Lane` is one thread with one connection. Work that outlasts its time is abandoned together with both: the socket is shut
from outside, which wakes the driver, and the next work gets a new thread and a new connection.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import NullPool

from trader.engine.ports import StoreAway, StoreRefused

Result = TypeVar("Result")

STATEMENT_SECONDS = 1.5
CONNECT_SECONDS = 2
"""libpq takes no less."""
UNANSWERED_MILLISECONDS = 1500
_EXPECTED = (
    "expected postgresql://USER:PASSWORD@HOST:PORT/NAME, with @ : / ? and # of the password as %40 %3A %2F %3F and %23"
)


def normalise(url: str) -> URL:
    """The URL with the driver that this package brings; `postgresql://` and `sqlite:///` are what people write.

    Raises:
        ValueError: no URL of either; the message repeats nothing of it but its scheme, for any part may be the password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"is no database URL: {_EXPECTED}") from None
    if parsed.get_backend_name() == "postgresql":
        _judge_postgresql(parsed)
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite")
    raise ValueError(f"expected a postgresql:// or sqlite:/// URL, was {parsed.drivername}://")


def _judge_postgresql(parsed: URL) -> None:
    """Find before the server does what it would repeat in an error: the rest of a password in the place of a host."""
    import psycopg  # noqa: PLC0415 - a run on SQLite starts without it
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above

    if "@" in (parsed.host or ""):
        raise ValueError(f"its password holds an @: {_EXPECTED}")
    try:
        make_conninfo("", **{name: str(value) for name, value in parsed.query.items()})
    except psycopg.ProgrammingError:
        raise ValueError(f"a parameter after its ? is none of PostgreSQL's: {_EXPECTED}") from None


def make_engine(url: str) -> Engine:
    """An engine without a pool: each lane keeps the one connection that it made."""
    parsed = normalise(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    options = " ".join(
        (
            f"-c statement_timeout={round(STATEMENT_SECONDS * 1000)}",
            f"-c lock_timeout={round(STATEMENT_SECONDS * 1000)}",
            f"-c idle_in_transaction_session_timeout={round(STATEMENT_SECONDS * 1000)}",
            # A commit counts when it is on the disk (and, with synchronous standbys, on theirs).
            "-c synchronous_commit=on",
        )
    )
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": UNANSWERED_MILLISECONDS,
        "keepalives": 1,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "prepare_threshold": 0,
        "application_name": "trader",
        "options": options,
    }
    return create_engine(parsed, poolclass=NullPool, connect_args=arguments)


def _sqlite_engine(url: URL) -> Engine:
    arguments = {"timeout": STATEMENT_SECONDS, "check_same_thread": False}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's own guesses
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class Lane:
    """One thread, one connection, one piece of work at a time."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._held: list[Connection] = []
        """The connection of the present thread, once it stands."""

    async def run(self, work: Callable[[Connection], Result], seconds: float) -> Result:
        """Do the work in the thread.

        Raises:
            StoreAway: no answer in time, or an answer that tells nothing of the data.
            IntegrityError: a constraint forbade it; nothing was written.
        """
        executor, held = self._executor, self._held
        future = asyncio.get_running_loop().run_in_executor(executor, self._do, work, held)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as late:
            if self._executor is executor:
                self._abandon()
            raise StoreAway(f"no answer within {seconds} s") from late
        except (IntegrityError, ProgrammingError, DataError):
            raise
        except DBAPIError as failure:
            raise StoreAway(str(failure.orig).strip()) from failure

    def close(self) -> None:
        """End the thread and its connection, whatever it is doing."""
        self._abandon()

    def _do(self, work: Callable[[Connection], Result], held: list[Connection]) -> Result:
        if not held:
            held.append(self._engine.connect())
        connection = held[0]
        try:
            result = work(connection)
            if connection.in_transaction():
                connection.commit()
        except (IntegrityError, ProgrammingError, DataError, StoreRefused):
            connection.rollback()
            raise
        except BaseException:
            held.clear()
            connection.invalidate()
            connection.close()
            raise
        return result

    def _abandon(self) -> None:
        held, executor = self._held, self._executor
        self._held, self._executor = [], ThreadPoolExecutor(1, thread_name_prefix=self._name)
        for connection in held:
            _sever(connection)
        executor.submit(_close, held)
        executor.shutdown(wait=False)


def _sever(connection: Connection) -> None:
    """Shut the socket below a driver that may be waiting on it in another thread; SQLite has none and needs none."""
    driver = connection.connection.driver_connection
    fileno = getattr(driver, "fileno", None)
    if fileno is None:
        return
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(fileno())) as copy:  # closed already: just as well
        copy.shutdown(socket.SHUT_RDWR)


def _close(held: list[Connection]) -> None:
    while held:
        connection = held.pop()
        with contextlib.suppress(DBAPIError):
            connection.close()
