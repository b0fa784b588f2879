"""The tables, as SQLAlchemy knows them. Alembic's migrations are the truth; a test compares both.

Why each exists:

* `leader_epoch`: the token of leadership. Every commit locks its row in share mode, taking an epoch locks it alone.
* `journal`: the facts, in the order of (epoch, batch, position).
* `outbox`: what may be on the wire. A placement's tag, and its intent, leg and attempt, stand at most once per account.
* `intents`: which epoch burned a signal. A successor never sends an older epoch's entry.
* `kills`: one row per kill; at most one of an account stands (a partial unique index says so).
* `kill_switches`: what was last heard of a session's `spec.killSwitch.engaged`, so that an engagement makes one kill.
* `sealed_days`: which days a post-close has sealed, and when it read them; younger rows are never forgotten.
* `audit`: what people asked of the traders, and what came of it; nothing reads it to decide.
"""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, MetaData, Table, Text, func, text

metadata = MetaData()

leader_epoch = Table(
    "leader_epoch",
    metadata,
    Column("account", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

journal = Table(
    "journal",
    metadata,
    Column("account", Text, primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("batch", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
_BOUNDS = text("kind IN ('DayOpened', 'BracketPlanned', 'BracketClosed')")
Index(
    "journal_bounds",
    journal.c.account,
    journal.c.epoch,
    journal.c.batch,
    journal.c.position,
    postgresql_where=_BOUNDS,
    sqlite_where=_BOUNDS,
)

outbox = Table(
    "outbox",
    metadata,
    Column("account", Text, primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("batch", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("intent", Text, nullable=True),
    Column("leg", Text, nullable=True),
    Column("attempt", Integer, nullable=True),
    Column("adds_risk", Boolean, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
_PLACES = text("operation = 'PlaceOrder'")
Index("outbox_tags", outbox.c.account, outbox.c.tag, unique=True, postgresql_where=_PLACES, sqlite_where=_PLACES)
Index(
    "outbox_attempts",
    outbox.c.account,
    outbox.c.intent,
    outbox.c.leg,
    outbox.c.attempt,
    unique=True,
    postgresql_where=_PLACES,
    sqlite_where=_PLACES,
)

intents = Table(
    "intents",
    metadata,
    Column("account", Text, primary_key=True),
    Column("intent", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)

kills = Table(
    "kills",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kill_id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("engaged_by", Text, nullable=False),
    Column("market_time", BigInteger, nullable=False),
    Column("engaged_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("released_at", DateTime(timezone=True), nullable=True),
)
_STANDS = text("released_at IS NULL")
Index("kills_standing", kills.c.account, unique=True, postgresql_where=_STANDS, sqlite_where=_STANDS)

kill_switches = Table(
    "kill_switches",
    metadata,
    Column("account", Text, primary_key=True),
    Column("session_uid", Text, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("engaged", Boolean, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("pod", Text, nullable=False),
)
Index("audit_times", audit.c.account, audit.c.at)

sealed_days = Table(
    "sealed_days",
    metadata,
    Column("account", Text, primary_key=True),
    Column("trading_date", Text, primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("sha256", Text, nullable=False),
)
