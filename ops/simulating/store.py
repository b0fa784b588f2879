"""The database of the account, and each process's road to it. The rules are those of `trader.adapters.sql`: one statement that
checks epoch, holder and kills, the same batch once, a signal's entry once whatever the epoch, no tag twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ops.simulating.dice import Dice
from ops.simulating.troubles import Kind
from trader.domain.effects import PlaceOrder
from trader.domain.records import FlatProven, OrderChanged, Record
from trader.domain.values import AccountId, Epoch, IntentId, Leg, Tag
from trader.engine.ports import KillRow, KillSwitch, StoreAway, StoreRefused
from trader.engine.records import Order

if TYPE_CHECKING:
    from ops.simulating.process import Process
    from ops.simulating.world import World

COMMIT_DEADLINE = 1_000_000_000
OTHER_DEADLINE = 2_000_000_000
Result = TypeVar("Result")


@dataclass(slots=True)
class Database:
    """The rows, as they stand."""

    world: "World"
    epoch: int = 0
    holder: str = ""
    journal: dict[tuple[int, int], tuple[Record, ...]] = field(default_factory=dict)
    tags: set[Tag] = field(default_factory=set)
    places: set[tuple[IntentId, Leg, int]] = field(default_factory=set)
    intents: dict[IntentId, int] = field(default_factory=dict)
    kills: dict[str, tuple[KillRow, bool]] = field(default_factory=dict)
    switches: dict[str, KillSwitch] = field(default_factory=dict)

    def take_epoch(self, holder: str, at_least: int) -> Epoch:
        self.epoch, self.holder = max(self.epoch, at_least) + 1, holder
        self.world.note("epoch_taken", epoch=self.epoch, holder=holder)
        return Epoch(self.epoch)

    def commit(self, epoch: int, holder: str, batch: int, records: Sequence[Record], orders: Sequence[Order]) -> None:
        places = [each for each in orders if isinstance(each, PlaceOrder)]
        if (self.epoch, self.holder) != (epoch, holder):
            raise StoreRefused("epoch")
        if self.standing_kill() is not None and any(each.adds_risk for each in places):
            raise StoreRefused("killed")
        if (epoch, batch) in self.journal:
            return
        burned = tuple(
            each.tag
            for each in places
            if each.tag in self.tags
            or (each.intent, each.leg, each.attempt) in self.places
            or (each.leg is Leg.ENTRY and self.intents.get(each.intent, epoch) != epoch)
        )
        if burned:
            raise StoreRefused("duplicate", burned)
        self.journal[epoch, batch] = tuple(records)
        for each in places:
            self.tags.add(each.tag)
            self.places.add((each.intent, each.leg, each.attempt))
            if each.leg is Leg.ENTRY:
                self.intents[each.intent] = epoch
        if places:
            risky = [each.tag for each in places if each.adds_risk]
            self.world.note("committed", epoch=epoch, tags=[each.tag for each in places], risky=risky)
        for record in records:
            if type(record) is OrderChanged:
                self.world.note(
                    "order_state", tag=record.tag, status=record.status.value, filled_quantity=record.filled_quantity
                )
            elif type(record) is FlatProven:
                self.world.note("flat_declared", epoch=epoch, kill_id=record.kill_id)

    def replay(self) -> tuple[Record, ...]:
        return tuple(record for key in sorted(self.journal) for record in self.journal[key])

    def last_batch(self) -> tuple[Epoch, int]:
        epoch, batch = max(self.journal, default=(0, 0))
        return Epoch(epoch), batch

    def engage(self, kill: KillRow) -> KillRow | None:
        if kill.kill_id not in self.kills and self.standing_kill() is None:
            self.kills[kill.kill_id] = (kill, True)
            self.world.note("kill_stood", kill_id=kill.kill_id, reason=kill.reason.value)
        return self.standing_kill()

    def hear(self, wish: KillSwitch, kill: KillRow) -> KillRow | None:
        before = self.switches.get(wish.session_uid)
        if before is None or before.generation < wish.generation:
            self.switches[wish.session_uid] = wish
            if wish.engaged and not (before is not None and before.engaged):
                self.engage(kill)
        return self.standing_kill()

    def release(self, kill_id: str) -> bool:
        kill, stands = self.kills.get(kill_id, (None, False))
        if kill is None or not stands:
            return False
        self.kills[kill_id] = (kill, False)
        self.world.note("kill_released", kill_id=kill_id)
        return True

    def standing_kill(self) -> KillRow | None:
        for kill, stands in self.kills.values():
            if stands:
                return kill
        return None


class SimulatedStore:
    """`Store` of one process. A statement is on its way, stands, and is answered; each of the three may fail alone."""

    def __init__(self, process: "Process", database: Database, dice: Dice) -> None:
        self._process = process
        self._world = process.world
        self._database = database
        self._dice = dice

    async def take_epoch(self, account: AccountId, holder: str, at_least: Epoch) -> Epoch:
        return await self._ask(lambda: self._database.take_epoch(holder, at_least), 2 * OTHER_DEADLINE)

    async def holds_epoch(self, account: AccountId, epoch: Epoch, holder: str) -> bool:
        database = self._database
        return await self._ask(lambda: (database.epoch, database.holder) == (epoch, holder), COMMIT_DEADLINE)

    async def commit(
        self, epoch: Epoch, holder: str, batch: int, records: Sequence[Record], orders: Sequence[Order]
    ) -> None:
        await self._ask(lambda: self._database.commit(epoch, holder, batch, records, orders), COMMIT_DEADLINE)

    async def mark(self, tag: Tag, state: str) -> None:
        """Best effort, and read by people only."""

    async def replay(self, account: AccountId) -> tuple[Record, ...]:
        return await self._ask(self._database.replay, 5 * OTHER_DEADLINE)

    async def last_batch(self, account: AccountId) -> tuple[Epoch, int]:
        return await self._ask(self._database.last_batch, OTHER_DEADLINE)

    async def engage_kill(self, account: AccountId, kill: KillRow) -> KillRow | None:
        return await self._ask(lambda: self._database.engage(kill), OTHER_DEADLINE)

    async def hear_kill_switch(self, account: AccountId, wish: KillSwitch, kill: KillRow) -> KillRow | None:
        return await self._ask(lambda: self._database.hear(wish, kill), OTHER_DEADLINE)

    async def release_kill(self, account: AccountId, kill_id: str) -> bool:
        return await self._ask(lambda: self._database.release(kill_id), OTHER_DEADLINE)

    async def standing_kill(self, account: AccountId) -> KillRow | None:
        return await self._ask(self._database.standing_kill, OTHER_DEADLINE)

    async def _ask(self, work: Callable[[], Result], deadline: int) -> Result:
        scheduler, weather, dice = self._world.scheduler, self._process.weather, self._dice
        now = scheduler.now
        reply: asyncio.Future[Any] = self._process.loop.create_future()
        out, back = dice.nanoseconds(0.0002, 0.003), dice.nanoseconds(0.0002, 0.003)
        is_answered = True
        if not weather.until:
            scheduler.after(out, self._arrive, work, reply, back)
            return cast("Result", await reply)
        if weather.until:
            if weather.has(Kind.STORE_SLOW, now):
                out += dice.nanoseconds(0.02, 0.6)
            if weather.has(Kind.STORE_AWAY, now):
                out = -1
            elif weather.has(Kind.STORE_AMBIGUOUS, now):
                is_answered = False
            elif weather.has(Kind.STORE_LATE, now):
                out, is_answered = dice.nanoseconds(0.5, 4.0), False
        if out >= 0:
            scheduler.after(out, self._arrive, work, reply, back if is_answered else -1)
        if out < 0 or not is_answered or out + back >= deadline:
            wait = dice.nanoseconds(0.001, 0.05) if dice.chance() < 0.3 else deadline
            scheduler.after(wait, _fail, reply, StoreAway("no answer in time"))
        return cast("Result", await reply)

    def _arrive(self, work: Callable[[], Any], reply: "asyncio.Future[Any]", back: int) -> None:
        try:
            result = work()
        except StoreRefused as refusal:
            if back >= 0:
                self._world.scheduler.after(back, _fail, reply, refusal)
            return
        if back >= 0:
            self._world.scheduler.after(back, _answer, reply, result)


def _answer(reply: "asyncio.Future[Any]", value: object) -> None:
    if not reply.done():
        reply.set_result(value)


def _fail(reply: "asyncio.Future[Any]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)
