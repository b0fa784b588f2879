"""Kills in SQL: at most one of an account stands, and an engagement of a manifest makes one, however often it is heard."""

from typing import Any

from sqlalchemy import Connection, Table, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from trader.adapters.sql.tables import kill_switches, kills
from trader.domain.values import AccountId, KillReason, MarketTime
from trader.engine.ports import KillRow, KillSwitch


def standing_row(connection: Connection, account: AccountId) -> KillRow | None:
    """The kill that stands."""
    where = and_(kills.c.account == account, kills.c.released_at.is_(None))
    row = connection.execute(select(kills).where(where)).one_or_none()
    if row is None:
        return None
    return KillRow(row.kill_id, KillReason(row.reason), row.note, row.engaged_by, MarketTime(row.market_time))


def engage(connection: Connection, account: AccountId, kill: KillRow) -> None:
    """Write the kill, unless one stands or this very one was written before."""
    values = {
        "account": account,
        "kill_id": kill.kill_id,
        "reason": kill.reason.value,
        "note": kill.note,
        "engaged_by": kill.by,
        "market_time": kill.market_time,
    }
    connection.execute(_on_conflict_do_nothing(connection, kills, values))


def hear(connection: Connection, account: AccountId, wish: KillSwitch) -> bool:
    """Remember `engaged` as of this generation; whether that is a new engagement."""
    key = and_(kill_switches.c.account == account, kill_switches.c.session_uid == wish.session_uid)
    before = connection.execute(select(kill_switches).where(key).with_for_update()).one_or_none()
    values = {"generation": wish.generation, "engaged": wish.engaged}
    if before is None:
        row = {"account": account, "session_uid": wish.session_uid, **values}
        written = connection.execute(_on_conflict_do_nothing(connection, kill_switches, row)).rowcount
        return wish.engaged and written == 1
    if before.generation >= wish.generation:
        return False
    connection.execute(update(kill_switches).where(key).values(values))
    return wish.engaged and not before.engaged


def _on_conflict_do_nothing(connection: Connection, table: Table, values: dict[str, Any]) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).values(values).on_conflict_do_nothing()
