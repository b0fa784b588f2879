"""Alembic's environment: for `migrating.upgrade(url)`, which brings a connection, and for `alembic upgrade head` by hand,
which reads TRADER_DATABASE_URL. Either way under an advisory lock, held by the transaction: the second pod waits, then finds
nothing to do."""

import os

from alembic import context
from sqlalchemy import Connection, text

from trader.adapters.sql.connecting import make_engine
from trader.adapters.sql.tables import metadata

LOCK = 7_481_035_229_114_003
"""Any number that nobody else uses."""


def run(connection: Connection) -> None:
    """Migrate in one transaction."""
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # A migration may take longer than a trading statement may; waiting for another pod's, too.
            connection.execute(text("SET LOCAL statement_timeout = '60s'"))
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    address = os.environ.get("TRADER_DATABASE_URL") or context.config.get_main_option("sqlalchemy.url")
    if not address:
        raise SystemExit("set TRADER_DATABASE_URL to the database's URL, for example postgresql://user@host/trading")
    engine = make_engine(address)
    with engine.connect() as own:
        run(own)
    engine.dispose()
