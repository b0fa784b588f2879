"""A snapshot of an account's rows that proves itself: taken in one transaction, restored elsewhere, and compared row by row.

It is a SQLite file with the product's own schema, whatever the database is: a trader can be started on it, anybody can open it,
and neither taking nor restoring it needs a client of the server's version. `restore` puts it into an empty PostgreSQL or SQLite.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from trader.adapters.sql import keeping
from trader.adapters.sql.connecting import normalise
from trader.adapters.sql.migrating import upgrade
from trader.adapters.sql.tables import metadata
from trader.domain.records import Record
from trader.domain.values import AccountId
from trader.engine.ports import StoreAway
from trader.engine.records import RecordUnreadable, decode_record

STATEMENT_MILLISECONDS = 60_000


class SnapshotError(Exception):
    """The database cannot be read, or what was taken does not come back."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds of an account: rows and digest of each table."""

    rows: dict[str, int]
    digests: dict[str, str]
    taken_at: dt.datetime | None = None
    """When the transaction that read them began; None where nobody asks."""

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def take(url: str, accounts: Sequence[str], target: Path) -> Contents:
    """Copy the rows of these accounts into a new SQLite file, as one transaction saw them; what that transaction saw.

    Raises:
        SnapshotError: the database cannot be read.
    """
    target.unlink(missing_ok=True)
    try:
        upgrade(f"sqlite:///{target}")
        source, copy = _engine(url), _engine(f"sqlite:///{target}")
        try:
            with source.connect() as reading, copy.begin() as writing:
                taken_at = dt.datetime.now(dt.UTC)
                _freeze(reading)
                return replace(_copy(reading, writing, accounts), taken_at=taken_at)
        finally:
            source.dispose()
            copy.dispose()
    except (SQLAlchemyError, StoreAway, ValueError) as error:
        raise SnapshotError(f"the database cannot be read: {_brief(error)}") from error


def restore(snapshot: Path, url: str) -> Contents:
    """Put a snapshot into an empty database of the newest schema; what the database then holds.

    Raises:
        SnapshotError: it is not empty, cannot be written, or the snapshot is damaged.
    """
    try:
        upgrade(url)
        upgrade(f"sqlite:///{snapshot}")  # one that an older release took has fewer tables
        source, target = _engine(f"sqlite:///{snapshot}"), _engine(url)
        try:
            with source.connect() as reading, target.begin() as writing:
                damage = reading.execute(text("PRAGMA integrity_check")).scalar_one()
                if damage != "ok":
                    raise SnapshotError(f"the snapshot is damaged: {damage}")
                for table in metadata.sorted_tables:
                    if writing.execute(select(func.count()).select_from(table)).scalar_one():
                        raise SnapshotError(f"the target is not empty: {table.name} has rows")
                _copy(reading, writing, None)
                _continue_numbers(writing)
            with target.connect() as reading:
                return contents(reading, None)
        finally:
            source.dispose()
            target.dispose()
    except (SQLAlchemyError, StoreAway, ValueError) as error:
        raise SnapshotError(f"cannot be restored: {_brief(error)}") from error


def prove(snapshot: Path, expected: Contents, scratch: Path) -> None:
    """Restore into a scratch database and compare; every fact must also be one that a trader can read.

    Raises:
        SnapshotError: it differs.
    """
    scratch.unlink(missing_ok=True)
    found = restore(snapshot, f"sqlite:///{scratch}")
    wrong = [name for name in expected.digests if found.digests.get(name) != expected.digests[name]]
    if wrong:
        raise SnapshotError(f"what was restored differs from what was read in {', '.join(wrong)}")
    facts(scratch)


def facts(database: Path, account: str | None = None) -> tuple[Record, ...]:
    """The journal of a snapshot, of one account or of all, oldest first, decoded.

    Raises:
        SnapshotError: a row that this release cannot read.
    """
    journal = metadata.tables["journal"]
    engine = _engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            order = (journal.c.epoch, journal.c.batch, journal.c.position)
            query = select(journal.c.kind, journal.c.payload).order_by(*order)
            if account is not None:
                query = query.where(journal.c.account == account)
            rows = connection.execute(query).all()
        return tuple(decode_record(kind, payload) for kind, payload in rows)
    except (SQLAlchemyError, RecordUnreadable) as error:
        raise SnapshotError(f"the journal cannot be read: {_brief(error)}") from error
    finally:
        engine.dispose()


def note_sealed(url: str, accounts: Sequence[str], date: str, taken_at: dt.datetime, sha256: str) -> None:
    """Tell the traders that they may forget, in their time, what this day's snapshot holds.

    Raises:
        SnapshotError: the database does not take it.
    """
    try:
        engine = _engine(url)
        try:
            with engine.begin() as connection:
                for account in accounts:
                    keeping.note_sealed(connection, AccountId(account), date, taken_at, sha256)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ValueError) as error:
        raise SnapshotError(f"the database does not take the note that {date} is sealed: {_brief(error)}") from error


def contents(connection: Connection, accounts: Sequence[str] | None) -> Contents:
    """Rows and digests as a connection sees them."""
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table in metadata.sorted_tables:
        found = _rows(connection, table, accounts)
        rows[table.name], digests[table.name] = len(found), _digest(found)
    return Contents(rows, digests)


def _copy(reading: Connection, writing: Connection, accounts: Sequence[str] | None) -> Contents:
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table in metadata.sorted_tables:
        found = _rows(reading, table, accounts)
        if found:
            writing.execute(insert(table), found)
        rows[table.name], digests[table.name] = len(found), _digest(found)
    return Contents(rows, digests)


def _rows(connection: Connection, table: Table, accounts: Sequence[str] | None) -> list[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key.columns)
    if accounts is not None:
        query = query.where(table.c.account.in_(accounts))
    return [_plain(row._mapping) for row in connection.execute(query)]


def _plain(row: Any) -> dict[str, Any]:
    """Times in UTC: SQLite keeps no zone, and what has none is UTC there."""
    return {name: _in_utc(value) if isinstance(value, dt.datetime) else value for name, value in row.items()}


def _in_utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _digest(rows: Iterable[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=_text).encode() + b"\n")
    return digest.hexdigest()


def _text(value: object) -> str:
    assert isinstance(value, dt.datetime), f"no column holds a {type(value).__name__}"
    return value.isoformat(timespec="microseconds")


def _freeze(connection: Connection) -> None:
    """See one moment of the database, whatever is written meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        return
    connection.execute(text("BEGIN"))
    connection.execute(
        select(func.count()).select_from(metadata.tables["journal"])
    )  # WAL: the first read begins the view


def _continue_numbers(connection: Connection) -> None:
    """PostgreSQL's own counters know nothing of rows that were given their number."""
    if connection.dialect.name != "postgresql":
        return
    connection.execute(
        text(
            "SELECT setval(pg_get_serial_sequence('audit', 'number'), (SELECT COALESCE(MAX(number), 0) + 1 FROM audit), false)"
        )
    )


def _engine(url: str) -> Engine:
    """Patient, unlike a trader's: a whole day's rows may take seconds."""
    parsed = normalise(url)
    if parsed.get_backend_name() == "sqlite":
        return create_engine(parsed, connect_args={"timeout": 10})
    options = (
        f"-c statement_timeout={STATEMENT_MILLISECONDS} -c idle_in_transaction_session_timeout={STATEMENT_MILLISECONDS}"
    )
    return create_engine(parsed, connect_args={"connect_timeout": 5, "options": options})


def _brief(error: BaseException) -> str:
    """The first line, without the statement that SQLAlchemy quotes: a URL's password never stands in it."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).strip().splitlines()), type(error).__name__)
