"""The first tables: leader epoch, journal, outbox, intents, kills, kill switches."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.func.now()
_BOUNDS = sa.text("kind IN ('DayOpened', 'BracketPlanned', 'BracketClosed')")
_PLACES = sa.text("operation = 'PlaceOrder'")
_STANDS = sa.text("released_at IS NULL")


def _batch_key() -> tuple[sa.Column[str], sa.Column[int], sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True),
        sa.Column("batch", sa.BigInteger, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
    )


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "leader_epoch",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_table(
        "journal",
        *_batch_key(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index(
        "journal_bounds",
        "journal",
        ["account", "epoch", "batch", "position"],
        postgresql_where=_BOUNDS,
        sqlite_where=_BOUNDS,
    )
    op.create_table(
        "outbox",
        *_batch_key(),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("intent", sa.Text, nullable=True),
        sa.Column("leg", sa.Text, nullable=True),
        sa.Column("attempt", sa.Integer, nullable=True),
        sa.Column("adds_risk", sa.Boolean, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index(
        "outbox_tags",
        "outbox",
        ["account", "tag"],
        unique=True,
        postgresql_where=_PLACES,
        sqlite_where=_PLACES,
    )
    op.create_index(
        "outbox_attempts",
        "outbox",
        ["account", "intent", "leg", "attempt"],
        unique=True,
        postgresql_where=_PLACES,
        sqlite_where=_PLACES,
    )
    op.create_table(
        "intents",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "kills",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("kill_id", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("engaged_by", sa.Text, nullable=False),
        sa.Column("market_time", sa.BigInteger, nullable=False),
        sa.Column("engaged_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("kills_standing", "kills", ["account"], unique=True, postgresql_where=_STANDS, sqlite_where=_STANDS)
    op.create_table(
        "kill_switches",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("session_uid", sa.Text, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("engaged", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("kill_switches", "kills", "intents", "outbox", "journal", "leader_epoch"):
        op.drop_table(table)
