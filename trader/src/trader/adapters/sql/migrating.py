"""Bring a database to the newest schema. Any number of pods may do so at once: Alembic runs under a lock (migrations/env.py)."""

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import OperationalError

from trader.adapters.sql.connecting import make_engine
from trader.engine.ports import StoreAway


def upgrade(url: str) -> None:
    """Run all migrations that are missing; blocking, for the boot of a process.

    Raises:
        StoreAway: the database cannot be reached, or refuses us.
        ValueError: not a URL of PostgreSQL or SQLite.
    """
    engine = make_engine(url)
    config = Config()
    config.set_main_option("script_location", "trader.adapters.sql:migrations")
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as failure:
        raise StoreAway(str(failure.orig).strip()) from failure
    finally:
        engine.dispose()
