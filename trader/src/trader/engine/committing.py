"""From a step's effects to durable rows to the wire: batches are committed one after the other, in the order of the steps.

While one commit is under way the loop goes on stepping; what it decides meanwhile waits and goes as one next batch. An order
is sent only after the batch that holds it stands in the database, or, reducing risk while the database is away and the Lease
still proves us, in the emergency journal.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from trader.domain.effects import ModifyOrder, PlaceOrder
from trader.domain.events import CommitRefused, Committed, Event, MutationReply
from trader.domain.records import Record
from trader.domain.values import SECOND, AccountId, Epoch, MachineTime
from trader.engine.emergency import Batch, EmergencyJournal
from trader.engine.ports import Clock, Store, StoreAway, StoreRefused, Telemetry
from trader.engine.records import Order
from trader.engine.standing import Proof


@dataclass(frozen=True, slots=True)
class Term:
    """One leadership."""

    account: AccountId
    epoch: Epoch
    holder: str
    first_batch: int = 1


@dataclass(frozen=True, slots=True)
class Doors:
    """What the committer calls; none of them may block."""

    perform: Callable[[Sequence[Order], MachineTime | None], None]
    """Send these: they are durable. With when the epoch was proved, None when only the Lease stands."""
    make_ready: Callable[[Sequence[Order]], None]
    """These may be sent soon: whatever can be done before they are durable may be done."""
    forget_ready: Callable[[], None]
    """Of what was made ready, all that may be sent was."""
    post: Callable[[Event], None]
    may_use_lease: Callable[[], bool]
    """Whether the Lease still proves us."""
    kill_stands: Callable[[], None]
    """The store knows of a kill."""
    epoch_lost: Callable[[], None]
    """Somebody else leads: cut."""


class Committer:
    """One per epoch."""

    def __init__(
        self,
        term: Term,
        doors: Doors,
        *,
        store: Store,
        emergency: EmergencyJournal,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._emergency = emergency
        self._clock = clock
        self._telemetry = telemetry
        self._term = term
        self._doors = doors
        self._records: list[Record] = []
        self._orders: list[Order] = []
        self._filled = asyncio.Event()
        self._next_batch = term.first_batch
        self._owed: list[Batch] = []
        """Stand in the emergency journal, and not surely in the database."""
        self._asking = asyncio.Lock()
        self._is_busy = False
        self.proof = Proof.OURS
        self.proved_at = MachineTime(0)
        """Machine time from before the last statement that proved the epoch was sent."""

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return not (self._is_busy or self._records or self._orders)

    def add(self, records: Sequence[Record], orders: Sequence[Order]) -> None:
        """Take what one step decided."""
        self._records.extend(records)
        self._orders.extend(orders)
        self._filled.set()

    async def run(self) -> None:
        """Commit what waits, until cancelled or the epoch is lost."""
        while self.proof is not Proof.LOST:
            await self._filled.wait()
            self._filled.clear()
            batch = Batch(self._term.epoch, self._next_batch, tuple(self._records), tuple(self._orders))
            self._next_batch += 1
            self._records, self._orders, self._is_busy = [], [], True
            if (
                self.proof is Proof.AWAY
            ):  # without waiting for the question whether the database is back: exits wait for nobody
                self._commit_without_database(batch)
            else:
                self._doors.make_ready(batch.orders)
                try:
                    async with self._asking:
                        await self._commit(batch)
                finally:
                    self._doors.forget_ready()
            self._is_busy = False

    async def prove(self) -> None:
        """Ask whether the epoch is still ours, and hand over what the database is owed. For times without commits."""
        async with self._asking:
            asked_at = self._clock.machine_time()
            try:
                if not await self._store.holds_epoch(self._term.account, self._term.epoch, self._term.holder):
                    self._lose()
                    return
                await self._settle()
            except StoreAway:
                self.proof = Proof.AWAY
            except StoreRefused:
                self._lose()
            else:
                self.proof, self.proved_at = Proof.OURS, asked_at

    async def _commit(self, batch: Batch) -> None:
        while batch.records or batch.orders:
            if self.proof is Proof.AWAY:
                self._commit_without_database(batch)
                return
            checked_at = self._clock.machine_time()
            try:
                await self._store.commit(batch.epoch, self._term.holder, batch.number, batch.records, batch.orders)
            except StoreAway:
                self._told("away", checked_at)
                self.proof = Proof.AWAY
            except StoreRefused as refusal:
                self._told(refusal.why, checked_at)
                batch = self._without_refused(batch, refusal)
            else:
                self._told("written", checked_at)
                self.proof, self.proved_at = Proof.OURS, checked_at
                self._perform(batch, checked_at)
                return

    def _without_refused(self, batch: Batch, refusal: StoreRefused) -> Batch:
        """What may still be committed of a batch: its facts stand whatever becomes of its orders."""
        if refusal.why == "epoch":
            self._lose()
            self._refuse(batch.orders, refusal.why)
            return replace(batch, records=(), orders=())
        if refusal.why == "killed":
            self._doors.kill_stands()
            return self._without(batch, _adding_risk(batch.orders), refusal.why)
        named = tuple(each for each in batch.orders if isinstance(each, PlaceOrder) and each.tag in refusal.tags)
        places = tuple(each for each in batch.orders if isinstance(each, PlaceOrder))
        return self._without(batch, named or places, refusal.why)

    def _commit_without_database(self, batch: Batch) -> None:
        """Protection and exits only, each synced to the local disk first. The loop may wait for that: it has nothing better."""
        started = self._clock.machine_time()
        if not self._doors.may_use_lease():
            self._refuse(batch.orders, "neither the lease nor the epoch is proved")
            return
        batch = self._without(batch, _adding_risk(batch.orders), "the database is away")
        if batch.records or batch.orders:
            self._emergency.write(batch)
            self._owed.append(batch)
            self._told("emergency", started)
            self._perform(batch, None)

    async def _settle(self) -> None:
        while self._owed:
            batch = self._owed[0]
            try:
                await self._store.commit(batch.epoch, self._term.holder, batch.number, batch.records, batch.orders)
            except StoreRefused as refusal:
                if refusal.why == "epoch":
                    raise
                # What was sent was sent: its outbox row is for people, its facts are not to be lost.
                await self._store.commit(batch.epoch, self._term.holder, batch.number, batch.records, ())
            self._owed.pop(0)
            if not self._owed:
                self._emergency.clear_batches()

    def _perform(self, batch: Batch, checked_at: MachineTime | None) -> None:
        if batch.orders:
            self._doors.perform(batch.orders, checked_at)
        tags = tuple(each.tag for each in batch.orders if isinstance(each, PlaceOrder))
        if tags:
            self._doors.post(Committed(self._clock.machine_time(), self._clock.market_time(), tags))

    def _without(self, batch: Batch, refused: Sequence[Order], why: str) -> Batch:
        self._refuse(refused, why)
        return replace(batch, orders=tuple(each for each in batch.orders if each not in refused))

    def _refuse(self, orders: Sequence[Order], why: str) -> None:
        """Tell the domain: a placement that was refused never existed; of a mutation only the change did not happen."""
        at, market_time = self._clock.machine_time(), self._clock.market_time()
        tags = tuple(each.tag for each in orders if isinstance(each, PlaceOrder))
        if tags:
            self._doors.post(CommitRefused(at, market_time, tags, why))
        for each in orders:
            if not isinstance(each, PlaceOrder):
                operation = "modify" if isinstance(each, ModifyOrder) else "cancel"
                self._doors.post(MutationReply(at, market_time, each.tag, operation, "refused", why))

    def _lose(self) -> None:
        self.proof = Proof.LOST
        self._doors.epoch_lost()

    def _told(self, outcome: str, started: MachineTime) -> None:
        self._telemetry.committed(outcome, (self._clock.machine_time() - started) / SECOND)


def _adding_risk(orders: Sequence[Order]) -> tuple[Order, ...]:
    return tuple(each for each in orders if isinstance(each, PlaceOrder) and each.adds_risk)
