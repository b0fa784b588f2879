"""The world in memory: a database, a broker, a feed, an elector, each with the faults that a test asks for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.component.trader.orders import INSTRUMENT
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.records import Record
from trader.domain.values import (
    SECOND,
    AccountId,
    BrokerOrderId,
    Epoch,
    GuardCode,
    KillReason,
    Leg,
    MachineTime,
    Paise,
    Quantity,
    Standing,
    Tag,
)
from trader.engine.gate import OrderGate
from trader.engine.leading import Signal
from trader.engine.ports import (
    Clock,
    FeedItem,
    Grant,
    KillRow,
    KillSwitch,
    Outcome,
    Permit,
    StoreAway,
    StoreRefused,
    TokenDead,
)
from trader.engine.records import Order

ACCOUNT = AccountId("AB1234")
ROUND_TRIP = 0.2
FUTURE = Instrument(
    key=INSTRUMENT,
    token=1,
    underlying="NIFTY",
    kind="FUT",
    expiry="2026-12-31",
    tick_size=Paise(5),
    lot_size=Quantity(75),
    freeze_quantity=Quantity(1800),
    lower_circuit=Paise(2_000_000),
    upper_circuit=Paise(3_000_000),
)


class MemoryStore:
    """`Store` with the real one's rules. Two `MemoryStore`s may share `rows`, as two pods share a database."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.epoch, self.holder = 0, ""
        self.journal: dict[tuple[int, int], tuple[Record, ...]] = {}
        self.outbox: dict[tuple[int, int], tuple[Order, ...]] = {}
        self.intents: dict[str, int] = {}
        self.kills: dict[str, tuple[KillRow, bool]] = {}
        self.switches: dict[str, KillSwitch] = {}
        self.marks: list[tuple[Tag, str]] = []
        self.is_away = False
        self.loses_answers = False
        """Writes happen, and their answers never come."""
        self.seconds = 0.001
        self.commits_started: list[int] = []

    async def _answer(self) -> None:
        if self.is_away:
            await asyncio.sleep(1.0)
            raise StoreAway("no answer within 1.0 s")
        await asyncio.sleep(self.seconds)

    async def take_epoch(self, account: AccountId, holder: str, at_least: Epoch) -> Epoch:
        await self._answer()
        self.epoch, self.holder = max(self.epoch, at_least) + 1, holder
        return Epoch(self.epoch)

    async def holds_epoch(self, account: AccountId, epoch: Epoch, holder: str) -> bool:
        await self._answer()
        return (self.epoch, self.holder) == (epoch, holder)

    async def commit(
        self, epoch: Epoch, holder: str, batch: int, records: Sequence[Record], orders: Sequence[Order]
    ) -> None:
        self.commits_started.append(batch)
        await self._answer()
        places = [each for each in orders if isinstance(each, PlaceOrder)]
        if (self.epoch, self.holder) != (epoch, holder):
            raise StoreRefused("epoch")
        if any(each.adds_risk for each in places) and self._standing() is not None:
            raise StoreRefused("killed")
        if (epoch, batch) not in self.journal:
            known = {each.tag for rows in self.outbox.values() for each in rows if isinstance(each, PlaceOrder)}
            burned = tuple(
                each.tag
                for each in places
                if each.tag in known or (each.leg is Leg.ENTRY and self.intents.get(each.intent, epoch) != epoch)
            )
            if burned:
                raise StoreRefused("duplicate", burned)
            self.journal[epoch, batch], self.outbox[epoch, batch] = tuple(records), tuple(orders)
            self.intents |= {each.intent: epoch for each in places if each.leg is Leg.ENTRY}
        if self.loses_answers:
            raise StoreAway("the answer was lost")

    async def mark(self, tag: Tag, state: str) -> None:
        await self._answer()
        self.marks.append((tag, state))

    async def replay(self, account: AccountId) -> tuple[Record, ...]:
        await self._answer()
        return tuple(record for key in sorted(self.journal) for record in self.journal[key])

    async def last_batch(self, account: AccountId) -> tuple[Epoch, int]:
        await self._answer()
        epoch, batch = max(self.journal, default=(0, 0))
        return Epoch(epoch), batch

    async def engage_kill(self, account: AccountId, kill: KillRow) -> KillRow | None:
        await self._answer()
        self._engage(kill)
        return self._standing()

    async def hear_kill_switch(self, account: AccountId, wish: KillSwitch, kill: KillRow) -> KillRow | None:
        await self._answer()
        before = self.switches.get(wish.session_uid)
        if before is None or before.generation < wish.generation:
            self.switches[wish.session_uid] = wish
            if wish.engaged and not (before is not None and before.engaged):
                self._engage(kill)
        return self._standing()

    async def release_kill(self, account: AccountId, kill_id: str) -> bool:
        await self._answer()
        kill, stands = self.kills.get(kill_id, (None, False))
        if kill is None or not stands:
            return False
        self.kills[kill_id] = (kill, False)
        return True

    async def standing_kill(self, account: AccountId) -> KillRow | None:
        await self._answer()
        return self._standing()

    def _standing(self) -> KillRow | None:
        return next((kill for kill, stands in self.kills.values() if stands), None)

    def _engage(self, kill: KillRow) -> None:
        if kill.kill_id not in self.kills and not any(stands for _, stands in self.kills.values()):
            self.kills[kill.kill_id] = (kill, True)


class FakeBroker:
    """`Broker` that asks the gate as the real transport does, right before its request would leave."""

    def __init__(self, gate: OrderGate, clock: Clock) -> None:
        self.gate = gate
        self.clock = clock
        self.sent: list[tuple[float, str, Tag, Permit]] = []
        """Virtual second, operation, tag and permit of each request that left."""
        self.book: tuple[BrokerOrder, ...] = ()
        self.held: tuple[BrokerPosition, ...] = ()
        self.failures: dict[str, Outcome] = {}
        """By operation, or by tag."""
        self.has_token = True
        """Without one nothing is made ready, and no grant is waited for."""
        self.reads: list[str] = []

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        await self._send("place", order.tag, grant)
        return BrokerOrderId(f"order-{order.tag}")

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        await self._send("modify", change.tag, grant)

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        await self._send("cancel", order.tag, grant)

    async def orders(self) -> tuple[BrokerOrder, ...]:
        await self._read("book")
        return self.book

    async def positions(self) -> tuple[BrokerPosition, ...]:
        await self._read("positions")
        return self.held

    async def net_liquidation(self) -> Paise:
        await self._read("funds")
        return Paise(100_000_000)

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
        await self._read("instruments")
        return (FUTURE,)

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        await self._read("limits")
        return tuple(instruments)

    async def _send(self, operation: str, tag: Tag, grant: Grant) -> None:
        if not self.has_token:
            raise TokenDead("no token")
        permit = await grant.granted()
        self.gate.check(permit)
        self.sent.append((asyncio.get_running_loop().time(), operation, tag, permit))
        await asyncio.sleep(ROUND_TRIP)
        failure = self.failures.get(operation) or self.failures.get(tag)
        if failure is not None:
            raise failure

    async def _read(self, what: str) -> None:
        self.reads.append(what)
        await asyncio.sleep(ROUND_TRIP)
        if what in self.failures:
            raise self.failures[what]


class FakeFeed:
    """`Feed` that says what a test puts into its queue."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[FeedItem] = asyncio.Queue()

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        while True:
            yield await self.queue.get()


class FakeElector:
    """`ElectorHandle` without threads: the test wins, renews and loses by hand; renewals come by themselves."""

    def __init__(self, clock: Clock, gate: OrderGate, heard: Callable[[Signal], None]) -> None:
        self._clock = clock
        self._gate = gate
        self._heard = heard
        self._renewed_until: MachineTime | None = None
        self.is_renewing = False
        self.term: object = None
        self.holder = ""
        self.annotations: Callable[[], Mapping[str, str]] = dict
        self.released: list[float] = []
        self.is_stopped = False
        self.told = 0

    def tell(self) -> None:
        self.told += 1

    @property
    def deadline(self) -> MachineTime:
        if self.is_renewing:
            self._renewed_until = MachineTime(self._clock.machine_time() + 8 * SECOND)
            self._gate.renewed(self._renewed_until)
        return self._renewed_until or MachineTime(0)

    @property
    def turned_at(self) -> MachineTime:
        return self._clock.machine_time()

    def start(self) -> None:
        """Nothing runs."""

    def win(self) -> None:
        self.term = self._gate.begin()
        self.is_renewing = True
        self._heard(Signal.WON)

    def lose(self) -> None:
        self._gate.cut()
        self.is_renewing, self._renewed_until = False, None
        self._heard(Signal.LOST)

    def revoke(self) -> None:
        self._heard(Signal.REVOKED)

    def release(self, pause_seconds: float) -> None:
        self.is_renewing, self._renewed_until = False, None
        self.released.append(pause_seconds)
        self._heard(Signal.RELEASED)

    def stop(self, timeout_seconds: float) -> None:
        self.is_stopped = True


@dataclass
class Tally:
    """`Telemetry` that remembers."""

    commits: list[str] = field(default_factory=list)
    performances: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """What each performance took."""
    standings: list[Standing] = field(default_factory=list)
    kills: list[KillReason] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    leads: list[bool] = field(default_factory=list)

    def leader(self, is_leader: bool) -> None:
        self.leads.append(is_leader)

    def standing(self, standing: Standing, epoch: Epoch) -> None:
        self.standings.append(standing)

    def committed(self, outcome: str, seconds: float) -> None:
        self.commits.append(outcome)

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        self.performances.append((operation, outcome))
        self.seconds.append(seconds)

    def denied(self, code: GuardCode) -> None:
        """Not remembered."""

    def killed(self, reason: KillReason) -> None:
        self.kills.append(reason)

    def lagged(self, seconds: float, waiting: int) -> None:
        """Not remembered."""

    def conflated(self, quotes: int) -> None:
        """Not remembered."""

    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append(f"{where}: {error!r}")
