"""One epoch of leadership: one task owns the state, takes events in order, steps, and hands what follows to its tasks.

Fail closed: an error that nobody expected leaves this task group, the gate is cut, the process ends, and the next boot
recovers from journal and book as it would from any crash.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Generic, assert_never

import structlog

from trader.domain.effects import (
    Announce,
    CancelOrder,
    ConfigJudged,
    Effect,
    EngageKill,
    GuardTripped,
    LoadInstruments,
    ModifyOrder,
    Persist,
    PlaceOrder,
    ReadBook,
    ReadFunds,
    ReadPositions,
    SignalJudged,
)
from trader.domain.events import (
    BookRead,
    ClockTick,
    ConfigOffered,
    Event,
    KillEngaged,
    KillReleased,
    OrderUpdated,
    PlaceRefused,
    PreflightJudged,
    SignalReceived,
    StandingChanged,
)
from trader.domain.profiles import RiskProfile
from trader.domain.records import Record
from trader.domain.tags import decode_tag
from trader.domain.values import SECOND, KillReason, MachineTime, MarketTime, Standing, Tag
from trader.domain.views import StateView
from trader.engine.committing import Committer, Doors, Term
from trader.engine.domains import Domain, State
from trader.engine.emergency import EmergencyJournal
from trader.engine.gate import OrderGate
from trader.engine.inbox import Inbox
from trader.engine.kills import KillDesk
from trader.engine.leases import SEND_LIMIT
from trader.engine.market import MarketTask
from trader.engine.pacing import Pace
from trader.engine.ports import Broker, Clock, Feed, KillRow, Preflight, Store, StoreAway, Telemetry
from trader.engine.records import Order
from trader.engine.sending import Sender
from trader.engine.standing import Holdings, Proof, standing
from trader.engine.ticking import QUIET_SECONDS, TICK_SECONDS, Ticker

log = structlog.get_logger(__name__)

PROVE_SECONDS = 0.5
"""Without commits, the epoch is proved this often: an outage or a successor is noticed without an order."""
PREFLIGHT_SECONDS = 10.0
PREFLIGHT_RED_SECONDS = 1.0
TURNS_BEFORE_YIELD = 32
# Tuples made once: a union in the hot path is made anew for each event.
_WITH_ROWS = (BookRead, OrderUpdated)
_WORTH_A_LOOK = (ClockTick, StandingChanged)
_TAG = attrgetter("tag")


@dataclass(frozen=True, slots=True)
class LoopPorts:
    """The world, as one leadership needs it."""

    clock: Clock
    gate: OrderGate
    broker: Broker
    feed: Feed
    store: Store
    telemetry: Telemetry
    preflight: Preflight | None
    emergency: EmergencyJournal
    lease_deadline: Callable[[], MachineTime]
    lost: Callable[[str], None]
    """Called once when neither proof is left, or the epoch is another's: cuts, and ends the process."""
    tell: Callable[[], None]
    """Called when the Lease's readers should hear of a change at once."""


class Leadership(Generic[State]):
    """Begins with a state that was replayed, under an epoch that was won and waited out."""

    def __init__(
        self, domain: Domain[State], state: State, term: Term, ports: LoopPorts, *, desk: KillDesk, profile: RiskProfile
    ) -> None:
        self._domain = domain
        self._state = state
        self._term = term
        self._ports = ports
        self._desk = desk
        self._inbox = Inbox()
        self._standing = Standing.NONE
        self._taken_at = MachineTime(0)
        self._marks: deque[tuple[Tag, str]] = deque(maxlen=1000)
        self._marked = asyncio.Event()
        self._questions: dict[str, asyncio.Future[ConfigJudged | SignalJudged]] = {}
        self._tasks: asyncio.TaskGroup
        self.profile = profile
        self._pictured: State = state
        self._viewed: State = state
        self._view = domain.view(state)
        self._told: tuple[object, ...] = ()
        self._known_tags: set[str | None] = set()
        """Tags of the day's book that were looked at already."""
        pace = Pace(ports.clock.machine_time, lambda: self.profile.orders_per_second)
        self._sender = Sender(ports.broker, ports.clock, ports.telemetry, post=self.post, mark=self._mark, pace=pace)
        self._committer = Committer(
            term,
            Doors(
                perform=self._perform,
                make_ready=lambda orders: self._sender.make_ready(self._tasks, self._term.epoch, orders),
                forget_ready=self._sender.forget_ready,
                post=self.post,
                may_use_lease=lambda: ports.clock.machine_time() < ports.lease_deadline() - SEND_LIMIT,
                kill_stands=self._ask_for_kill,
                epoch_lost=lambda: ports.lost("the database knows a newer epoch"),
            ),
            store=ports.store,
            emergency=ports.emergency,
            clock=ports.clock,
            telemetry=ports.telemetry,
        )
        self._market = MarketTask(ports.broker, ports.feed, ports.clock, lambda: self.profile, self.post)
        self._ticker = Ticker(ports.clock.machine_time, self._tick)

    @property
    def view(self) -> StateView:
        """The picture of the last clock tick; drawn when somebody looks."""
        if self._viewed is not self._pictured:
            self._viewed, self._view = self._pictured, self._domain.view(self._pictured)
        return self._view

    @property
    def standing(self) -> Standing:
        """What is held of the two proofs."""
        return self._standing

    def post(self, event: Event) -> None:
        """Take an event; on the loop's thread only."""
        self._inbox.put(event)

    async def ask(self, question: ConfigOffered | SignalReceived) -> ConfigJudged | SignalJudged:
        """Let the domain judge a configuration or a signal; its answer."""
        answer: asyncio.Future[ConfigJudged | SignalJudged] = asyncio.get_running_loop().create_future()
        self._questions[question.request] = answer
        try:
            self.post(question)
            return await answer
        finally:
            del self._questions[question.request]

    async def run(self, first: Sequence[Event]) -> None:
        """Lead until cancelled; `first` is told to the domain right after its standing."""
        self._judge_standing()
        for event in first:
            self.post(event)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._turn(), name="loop")
            tasks.create_task(self._committer.run(), name="committer")
            tasks.create_task(self._ticker.run(), name="tick")
            tasks.create_task(self._prove(), name="prove")
            tasks.create_task(self._market.run(), name="market")
            tasks.create_task(self._judge_preflight(), name="preflight")
            tasks.create_task(self._write_marks(), name="marks")

    async def drain(self, seconds: float) -> None:
        """For a planned stop: begin nothing, end what is in flight, protect what fills meanwhile; so long at most."""
        self._ports.gate.killed(killed=True)
        self._inbox.is_draining = True
        deadline = self._ports.clock.machine_time() + seconds * SECOND
        while self._ports.clock.machine_time() < deadline:
            if self._committer.is_idle and not self._sender.in_flight and not len(self._inbox):
                return
            await asyncio.sleep(0.01)
        log.warning("drain_timed_out", in_flight=self._sender.in_flight, seconds=seconds)

    def kill_engaged(self, kill: KillRow) -> None:
        """The gate first, then the domain."""
        if kill.reason is not KillReason.END_OF_DAY:
            self._ports.gate.killed(killed=True)
        self._ports.telemetry.killed(kill.reason)
        self.post(KillEngaged(*self._now(), kill.kill_id, kill.reason, kill.note, kill.by))

    def kill_released(self, kill_id: str) -> None:
        """What the domain holds back until then stays held by its risk generation; the gate only stops saying `killed`."""
        self._ports.gate.killed(killed=False)
        self.post(KillReleased(*self._now(), kill_id))

    # --- the one task that owns the state ---

    async def _turn(self) -> None:
        turns = 0
        while True:
            event = await self._inbox.get()
            self._take(event)
            turns += 1
            if turns % TURNS_BEFORE_YIELD == 0:
                await asyncio.sleep(0)

    def _take(self, event: Event) -> None:
        if event.at < self._taken_at:  # a quote that let orders pass: the domain's time never runs backwards
            event = replace(event, at=self._taken_at)
        self._taken_at = event.at
        if isinstance(event, _WITH_ROWS) and self._shows_newer_epoch(event):
            self._ports.lost("the broker's book shows a newer epoch than ours")
            return
        before = self._state
        self._state, effects = self._domain.step(before, event)
        if self._ticker.is_slow and self._domain.ends_quiet(before, self._state):
            self._ticker.hasten()
        generation = self._domain.risk_generation(self._state)
        if generation != self._ports.gate.proofs.risk_generation:
            self._ports.gate.risk_generation(generation)
        records: list[Record] = []
        orders: list[Order] = []
        for effect in effects:
            self._sort(effect, records, orders)
        if records or orders:
            self._committer.add(records, orders)
        if isinstance(event, _WORTH_A_LOOK):
            self._pictured = self._state
            news = self._domain.news(self._state)
            if news != self._told:
                self._told = news
                self._ports.tell()

    def _shows_newer_epoch(self, event: BookRead | OrderUpdated) -> bool:
        """Another leader's orders, or our database came back from an old backup: either way we are not the last."""
        orders, known = event.orders if isinstance(event, BookRead) else (event.order,), self._known_tags
        if known.issuperset(map(_TAG, orders)):
            return False
        for order in orders:
            if order.tag not in known:
                parts = decode_tag(order.tag)
                if parts is not None and parts.epoch > self._term.epoch:
                    return True
                known.add(order.tag)
        return False

    def _sort(self, effect: Effect, records: list[Record], orders: list[Order]) -> None:
        match effect:
            case Persist(facts):
                records.extend(facts)
            case PlaceOrder() | ModifyOrder() | CancelOrder():
                orders.append(effect)
            case ReadBook() | ReadPositions() | ReadFunds():
                self._sender.read(self._tasks, effect)
            case EngageKill(reason, note):
                self._tasks.create_task(self._engage(reason, note), name="engage-kill")
            case GuardTripped(code, instrument, detail):
                self._ports.telemetry.denied(code)
                log.info("guard_tripped", code=code.value, instrument=instrument, detail=detail)
            case ConfigJudged(request) | SignalJudged(request):
                if request in self._questions and not self._questions[request].done():
                    self._questions[request].set_result(effect)
            case LoadInstruments(profile):
                self.profile = profile
                self._market.reload()
            case Announce(name, content):
                log.info(name, **dict(content))
            case _:
                assert_never(effect)

    def _perform(self, orders: Sequence[Order], epoch_checked_at: MachineTime | None) -> None:
        wanted = [each for each in orders if not self._withdraws(each)]
        self._sender.send(self._tasks, self._term.epoch, wanted, epoch_checked_at)

    def _withdraws(self, order: Order) -> bool:
        """Keep an order back that was overtaken while it was made durable: to the domain it never left."""
        if not isinstance(order, PlaceOrder) or not self._domain.is_superseded(self._state, order):
            return False
        why = "another order of this leg is known to work by now"
        self.post(PlaceRefused(*self._now(), order.tag, why, by_gate=True, kind="superseded"))
        self._mark(order.tag, "answered")
        return True

    # --- its companions ---

    def _tick(self, due: MachineTime) -> float:
        """One tick that was due then; seconds until the next one."""
        at, market_time = self._now()
        self._ports.telemetry.lagged(max(0.0, (at - due) / SECOND), len(self._inbox))
        if self._inbox.conflated:
            self._ports.telemetry.conflated(self._inbox.conflated)
            self._inbox.conflated = 0
        self._judge_standing()
        self.post(ClockTick(at, market_time))
        if not self._domain.is_quiescent(self._state) or len(self._inbox) > 1:
            return TICK_SECONDS
        # A Lease that is about to run out is not slept over.
        left = (self._ports.lease_deadline() - SEND_LIMIT - at) / SECOND
        return max(TICK_SECONDS, min(QUIET_SECONDS, left))

    def _judge_standing(self) -> None:
        now = self._ports.clock.machine_time()
        held = standing(Holdings(self._ports.lease_deadline(), self._committer.proof), now)
        if held is self._standing:
            return
        log.warning("standing_changed", before=self._standing, after=held, epoch=self._term.epoch)
        self._standing = held
        self._ports.telemetry.standing(held, self._term.epoch)
        if held is Standing.NONE:
            self._ports.lost("neither the lease nor the epoch is proved")
        self.post(StandingChanged(*self._now(), held, self._term.epoch))

    async def _prove(self) -> None:
        while self._committer.proof is not Proof.LOST:
            await asyncio.sleep(PROVE_SECONDS)
            age = self._ports.clock.machine_time() - self._committer.proved_at
            if self._committer.proof is Proof.AWAY or age >= PROVE_SECONDS * SECOND:
                await self._committer.prove()
            self._judge_standing()

    async def _engage(self, reason: KillReason, note: str) -> None:
        await self._desk.request(reason, note, "engine")

    def _ask_for_kill(self) -> None:
        self._tasks.create_task(self._desk.poll(), name="poll-kill")

    async def _judge_preflight(self) -> None:
        while True:
            passed, message = True, ""
            if self._ports.preflight is not None:
                passed, message = await self._ports.preflight.judge()
            self.post(PreflightJudged(*self._now(), passed, message))
            if passed:
                await asyncio.sleep(PREFLIGHT_SECONDS)
            else:  # what it missed may have been the instruments
                await self._market.until_loaded(PREFLIGHT_RED_SECONDS)

    def _mark(self, tag: Tag, state: str) -> None:
        self._marks.append((tag, state))
        self._marked.set()

    async def _write_marks(self) -> None:
        while True:
            await self._marked.wait()
            self._marked.clear()
            while self._marks:
                tag, state = self._marks.popleft()
                try:
                    await self._ports.store.mark(tag, state)
                except StoreAway:
                    self._marks.clear()

    def _now(self) -> tuple[MachineTime, MarketTime]:
        return self._ports.clock.machine_time(), self._ports.clock.market_time()
