"""`Store` on SQL: synchronous drivers in threads of their own, one lane for commits, one for everything that may wait.

What a commit promises: under one epoch, in one statement, all of it or nothing, and the same batch once however often it is
tried. A stale epoch's commit never lands after a newer epoch stands.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from trader.adapters.sql.audit import AuditEntry, write_audit
from trader.adapters.sql.connecting import Lane, make_engine
from trader.adapters.sql.keeping import Health, prune, read_health
from trader.adapters.sql.kills import engage, hear, standing_row
from trader.adapters.sql.statements import COMMIT, TAKE_EPOCH
from trader.adapters.sql.tables import intents, journal, kills, leader_epoch, outbox
from trader.domain.effects import PlaceOrder
from trader.domain.records import Record
from trader.domain.values import AccountId, Epoch, Leg, Tag
from trader.engine.ports import KillRow, KillSwitch, StoreRefused
from trader.engine.records import Order, decode_record, encode

COMMIT_SECONDS = 1.0
"""A proof older than G is worth nothing at the gate: there is no sense in waiting longer."""
TAKE_SECONDS = 4.0
REPLAY_SECONDS = 10.0
HOUSEKEEPING_SECONDS = 2.0
PRUNE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Commit:
    """A batch as columns."""

    epoch: Epoch
    holder: str
    batch: int
    facts: tuple[tuple[str, str], ...]
    orders: tuple[tuple[Order, str, str], ...]

    @property
    def places(self) -> tuple[PlaceOrder, ...]:
        return tuple(order for order, _, _ in self.orders if isinstance(order, PlaceOrder))

    @property
    def entries(self) -> list[str]:
        """Intents of which this batch sends an entry."""
        return sorted({order.intent for order in self.places if order.leg is Leg.ENTRY})

    @property
    def adds_risk(self) -> bool:
        return any(order.adds_risk for order in self.places)


class SqlStore:
    """The store of one account: its epoch, kills and audit trail, and one of its journals."""

    def __init__(self, url: str, account: AccountId, *, journal_of: AccountId | None = None) -> None:
        """Connects on first use; `migrating.upgrade(url)` comes before.

        `journal_of`: under whose name journal, outbox and burned intents stand; the account's own unless it trades on paper.
        Leadership and kills stay the account's: one leader, and one kill, for both.
        """
        self._account = account
        self._journal_of = journal_of or account
        self._engine = make_engine(url)
        self._is_postgresql = self._engine.dialect.name == "postgresql"
        # On PostgreSQL the commit is one statement, and no transaction block is ever open around it.
        single = {"isolation_level": "AUTOCOMMIT"} if self._is_postgresql else {}
        self._commits = Lane(self._engine.execution_options(**single), "store-commit")
        self._others = Lane(self._engine, "store-housekeeping")

    def close(self) -> None:
        """Close both connections."""
        self._commits.close()
        self._others.close()
        self._engine.dispose()

    async def take_epoch(self, account: AccountId, holder: str, at_least: Epoch) -> Epoch:
        """The next epoch, above the database's and `at_least`, committed with this holder."""

        def work(connection: Connection) -> Epoch:
            with connection.begin():
                parameters = {"account": account, "holder": holder, "floor": at_least}
                return Epoch(connection.execute(TAKE_EPOCH, parameters).scalar_one())

        return await self._others.run(work, TAKE_SECONDS)

    async def holds_epoch(self, account: AccountId, epoch: Epoch, holder: str) -> bool:
        """Whether the epoch is still ours."""

        def work(connection: Connection) -> bool:
            return self._holds(connection, account, epoch, holder)

        return await self._commits.run(work, COMMIT_SECONDS)

    async def commit(
        self, epoch: Epoch, holder: str, batch: int, records: Sequence[Record], orders: Sequence[Order]
    ) -> None:
        """Journal and outbox rows in one statement that also checks epoch, holder and (for added risk) kills."""
        commit = _Commit(
            epoch,
            holder,
            batch,
            tuple(encode(each) for each in records),
            tuple((each, *encode(each)) for each in orders),
        )
        work = self._commit_at_once if self._is_postgresql else self._commit_in_transaction
        try:
            await self._commits.run(lambda connection: work(connection, commit), COMMIT_SECONDS)
        except IntegrityError:
            tags = await self._commits.run(lambda connection: self._repeated(connection, commit), COMMIT_SECONDS)
            if tags is not None:
                raise StoreRefused("duplicate", tags) from None

    async def mark(self, tag: Tag, state: str) -> None:
        """Note what became of an outbox row."""
        where = and_(outbox.c.account == self._journal_of, outbox.c.tag == tag, outbox.c.operation == "PlaceOrder")

        def work(connection: Connection) -> None:
            with connection.begin():
                connection.execute(update(outbox).where(where).values(state=state))

        await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def replay(self, account: AccountId) -> tuple[Record, ...]:
        """All records since the day was opened, or since the oldest bracket that is still open was planned."""

        def work(connection: Connection) -> list[Any]:
            place = tuple_(journal.c.epoch, journal.c.batch, journal.c.position)
            mine = journal.c.account == self._kept_under(account)
            rows = select(journal.c.kind, journal.c.payload).where(mine)
            with connection.begin():
                start = self._start(connection, self._kept_under(account))
                if start is not None:
                    rows = rows.where(place >= start)
                rows = rows.order_by(journal.c.epoch, journal.c.batch, journal.c.position)
                return list(connection.execute(rows))

        found = await self._others.run(work, REPLAY_SECONDS)
        return tuple(decode_record(kind, payload) for kind, payload in found)

    async def last_batch(self, account: AccountId) -> tuple[Epoch, int]:
        """The epoch and number of the newest batch in the journal; (0, 0) for an empty one."""
        newest = (
            select(journal.c.epoch, journal.c.batch)
            .where(journal.c.account == self._kept_under(account))
            .order_by(journal.c.epoch.desc(), journal.c.batch.desc())
            .limit(1)
        )

        def work(connection: Connection) -> tuple[Epoch, int]:
            with connection.begin():
                row = connection.execute(newest).one_or_none()
            return (Epoch(row.epoch), row.batch) if row is not None else (Epoch(0), 0)

        return await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def engage_kill(self, account: AccountId, kill: KillRow) -> KillRow | None:
        """Write the kill unless one stands; the one that stands, None when this very kill was released before."""

        def work(connection: Connection) -> KillRow | None:
            with connection.begin():
                engage(connection, account, kill)
                return standing_row(connection, account)

        return await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def hear_kill_switch(self, account: AccountId, wish: KillSwitch, kill: KillRow) -> KillRow | None:
        """Remember `engaged` of this generation, and write the kill when it turned true; the kill that stands."""

        def work(connection: Connection) -> KillRow | None:
            with connection.begin():
                if hear(connection, account, wish):
                    engage(connection, account, kill)
                return standing_row(connection, account)

        return await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def release_kill(self, account: AccountId, kill_id: str) -> bool:
        """Release the kill with this id; False when no such kill stands."""
        where = and_(kills.c.account == account, kills.c.kill_id == kill_id, kills.c.released_at.is_(None))

        def work(connection: Connection) -> bool:
            with connection.begin():
                return connection.execute(update(kills).where(where).values(released_at=func.now())).rowcount == 1

        return await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def standing_kill(self, account: AccountId) -> KillRow | None:
        """The kill that stands, if any."""

        def work(connection: Connection) -> KillRow | None:
            with connection.begin():
                return standing_row(connection, account)

        return await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def audit(self, entry: AuditEntry) -> None:
        """Add a row to the audit trail.

        Raises:
            StoreAway: nothing is known to be written.
        """

        def work(connection: Connection) -> None:
            with connection.begin():
                write_audit(connection, self._account, entry)

        await self._others.run(work, HOUSEKEEPING_SECONDS)

    async def health(self) -> Health:
        """Schema, durability and role of the database.

        Raises:
            StoreAway: it does not answer.
        """
        return await self._others.run(read_health, HOUSEKEEPING_SECONDS)

    async def prune(self, account: AccountId, days: int) -> int:
        """Forget what is older than so many days and not replayed any more; how many rows that were.

        Raises:
            StoreAway: the database does not answer; part of it may be done.
        """

        def work(connection: Connection) -> int:
            with connection.begin():
                kept_under = self._kept_under(account)
                return prune(connection, kept_under, days, self._start(connection, kept_under))

        return await self._others.run(work, PRUNE_SECONDS)

    def _kept_under(self, account: AccountId) -> AccountId:
        """The name that this account's journal has here."""
        return self._journal_of if account == self._account else account

    # --- in the lane's thread ---

    def _commit_at_once(self, connection: Connection, commit: _Commit) -> None:
        row = connection.execute(COMMIT, self._parameters(commit)).one()
        proved, killed, burned = row
        self._judge(commit, proved=proved, killed=killed, burned=burned)

    def _commit_in_transaction(self, connection: Connection, commit: _Commit) -> None:
        with connection.begin():
            where = and_(intents.c.account == self._journal_of, intents.c.intent.in_(commit.entries))
            rows = connection.execute(select(intents.c.intent, intents.c.epoch).where(where)) if commit.entries else ()
            known: dict[str, int] = {row.intent: row.epoch for row in rows}
            self._judge(
                commit,
                proved=self._holds(connection, self._account, commit.epoch, commit.holder),
                killed=commit.adds_risk and standing_row(connection, self._account) is not None,
                burned=[intent for intent, epoch in known.items() if epoch != commit.epoch],
            )
            key: dict[str, Any] = {"account": self._journal_of, "epoch": commit.epoch}
            place = {**key, "batch": commit.batch}
            self._insert(connection, intents, [{**key, "intent": each} for each in commit.entries if each not in known])
            self._insert(connection, journal, [{**place, **each} for each in _facts(commit)])
            self._insert(connection, outbox, [{**place, "state": "pending", **each} for each in _queue(commit)])

    def _judge(self, commit: _Commit, *, proved: bool, killed: bool, burned: Sequence[str]) -> None:
        if not proved:
            raise StoreRefused("epoch")
        if killed:
            raise StoreRefused("killed")
        if burned:
            tags = (each.tag for each in commit.places if each.leg is Leg.ENTRY and each.intent in burned)
            raise StoreRefused("duplicate", tuple(tags))

    def _insert(self, connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            connection.execute(insert(table), rows)

    def _holds(self, connection: Connection, account: AccountId, epoch: Epoch, holder: str) -> bool:
        where = and_(leader_epoch.c.account == account, leader_epoch.c.epoch == epoch, leader_epoch.c.holder == holder)
        return connection.execute(select(leader_epoch.c.epoch).where(where)).one_or_none() is not None

    def _repeated(self, connection: Connection, commit: _Commit) -> tuple[Tag, ...] | None:
        """Which placements were there already; None when it is this very batch that was."""
        for table in (journal, outbox):
            mine = table.c.account == self._journal_of
            same = and_(mine, table.c.epoch == commit.epoch, table.c.batch == commit.batch)
            if connection.execute(select(table.c.batch).where(same).limit(1)).one_or_none() is not None:
                return None
        places = {each.tag: (each.intent, each.leg.value, each.attempt) for each in commit.places}
        attempt = tuple_(outbox.c.intent, outbox.c.leg, outbox.c.attempt)
        there = or_(outbox.c.tag.in_(places), attempt.in_(list(places.values())))
        columns = select(outbox.c.tag, outbox.c.intent, outbox.c.leg, outbox.c.attempt)
        rows = connection.execute(
            columns.where(outbox.c.account == self._journal_of, outbox.c.operation == "PlaceOrder", there)
        )
        known = [tuple(row) for row in rows]
        return tuple(tag for tag, name in places.items() if any(row[0] == tag or row[1:] == name for row in known))

    def _start(self, connection: Connection, account: AccountId) -> tuple[int, int, int] | None:
        """Where replay begins; None for the very first record."""
        place = (journal.c.epoch, journal.c.batch, journal.c.position)
        bounds = select(*place, journal.c.kind, journal.c.payload).where(
            journal.c.account == account, journal.c.kind.in_(("DayOpened", "BracketPlanned", "BracketClosed"))
        )
        day: tuple[int, int, int] | None = None
        planned: dict[str, tuple[int, int, int]] = {}
        for epoch, batch, position, kind, payload in connection.execute(bounds.order_by(*place)):
            record: Any = decode_record(kind, payload)
            if kind == "DayOpened":
                day = (epoch, batch, position)
            elif kind == "BracketPlanned":
                planned[record.intent] = (epoch, batch, position)
            else:
                planned.pop(record.intent, None)
        return min([*planned.values(), day]) if day is not None else None

    def _parameters(self, commit: _Commit) -> Mapping[str, Any]:
        """Two JSON texts instead of a dozen arrays: the driver takes half as long to send them."""
        return {
            "account": self._account,
            "journal_of": self._journal_of,
            "epoch": commit.epoch,
            "holder": commit.holder,
            "batch": commit.batch,
            "facts": json.dumps(list(_facts(commit))),
            "orders": json.dumps(list(_queue(commit))),
        }


def _facts(commit: _Commit) -> Iterator[dict[str, Any]]:
    for position, (kind, payload) in enumerate(commit.facts, 1):
        yield {"position": position, "kind": kind, "payload": payload}


def _queue(commit: _Commit) -> Iterator[dict[str, Any]]:
    for position, (order, operation, payload) in enumerate(commit.orders, 1):
        place = order if isinstance(order, PlaceOrder) else None
        yield {
            "position": position,
            "operation": operation,
            "tag": order.tag,
            "intent": place.intent if place is not None else None,
            "leg": place.leg.value if place is not None else None,
            "attempt": place.attempt if place is not None else None,
            "adds_risk": place is not None and place.adds_risk,
            "payload": payload,
        }
