"""The audit trail in SQL: rows are only ever added here."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert

from trader.adapters.sql.tables import audit
from trader.domain.values import AccountId

LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody asked of a trader."""

    who: str
    """The user name that the API server knows, `token file`, or empty for somebody who could not be proved."""
    action: str
    """`kill`, `release`, `config`, `login`…"""
    outcome: str
    """`taken`, `refused`, `failed`."""
    detail: str
    """In words; never a secret."""
    address: str
    pod: str


def write_audit(connection: Connection, account: AccountId, entry: AuditEntry) -> None:
    """Add one row."""
    row = {
        "account": account,
        "who": entry.who,
        "action": entry.action,
        "outcome": entry.outcome,
        "detail": entry.detail[:LONGEST_DETAIL],
        "address": entry.address,
        "pod": entry.pod,
    }
    connection.execute(insert(audit), [row])
