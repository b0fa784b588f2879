"""Bring a database to the newest schema. Any number of pods may do so at once: Alembic runs under a lock (migrations/env.py).

Most starts find nothing to do. They are told so by one statement, and never load Alembic: a restart is a recovery, and counts
in seconds.
"""

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from trader.adapters.sql.connecting import make_engine
from trader.engine.ports import StoreAway

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_NAMES: Final = re.compile(r"^(revision|down_revision) = (?:\"(\w+)\"|None)$", re.MULTILINE)


def newest() -> str:
    """The revision that no other one follows."""
    names = [dict(_NAMES.findall(path.read_text(encoding="utf-8"))) for path in sorted(_VERSIONS.glob("*.py"))]
    followed = {each["down_revision"] for each in names}
    (head,) = {each["revision"] for each in names} - followed
    return str(head)


def revision(url: str) -> str | None:
    """The revision that the database stands at; None for one that was never migrated.

    Raises:
        StoreAway: the database cannot be reached, or refuses us.
        ValueError: not a URL of PostgreSQL or SQLite.
    """
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return current_revision(connection)
    except OperationalError as failure:
        raise StoreAway(str(failure.orig).strip()) from failure
    finally:
        engine.dispose()


def upgrade(url: str) -> None:
    """Run all migrations that are missing; blocking, for the boot of a process.

    Raises:
        StoreAway: the database cannot be reached, or refuses us.
        ValueError: not a URL of PostgreSQL or SQLite.
    """
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            if current_revision(connection) != newest():
                _migrate(connection)
    except OperationalError as failure:
        raise StoreAway(str(failure.orig).strip()) from failure
    finally:
        engine.dispose()


def current_revision(connection: Connection) -> str | None:
    """The revision that this database stands at; ends the connection's transaction."""
    found = None
    if inspect(connection).has_table("alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    connection.rollback()  # Alembic begins its own transaction
    return str(found) if found is not None else None


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "trader.adapters.sql:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
