"""State machines of the order budget, the flatten plan, reconciliation and the journal; the bracket has one of its own."""

import json
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.trader.desks import ENTRY, LOT, entered, holding, live, signal
from tests.unit.trader.domain.world import NIFTY, Call, World
from trader.domain.brackets import held_quantity
from trader.domain.effects import CancelOrder, Effect, ModifyOrder, PlaceOrder
from trader.domain.engine import replay
from trader.domain.events import ClockTick, Event, FeedChanged
from trader.domain.state import ForeignPolicy, initial_state
from trader.domain.tags import decode_tag, intent_of
from trader.domain.throttle import Sends, budget_left
from trader.domain.values import MILLISECOND, SECOND, Leg, MachineTime, Side, TradingState
from trader.domain.views import view
from trader.engine.records import decode_record, encode

BOUNDS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
PER_SECOND, PER_MINUTE, RESERVE = 10, 60, 4


class OrderBudgetMachine(RuleBasedStateMachine):
    """I27, I28: attempts of any second and minute stay within the limits, and entries leave the exits their share."""

    def __init__(self) -> None:
        super().__init__()
        self.sends, self.now = Sends(), MachineTime(SECOND)
        self.attempts: list[tuple[int, str]] = []

    @rule(milliseconds=st.sampled_from([0, 1, 99, 500, 999, 1_000, 7_000, 61_000]))
    def time_passes(self, milliseconds: int) -> None:
        self.now = MachineTime(self.now + milliseconds * MILLISECOND)

    @rule(kind=st.sampled_from(["entry", "exit"]), wanted=st.integers(1, 12))
    def somebody_sends(self, kind: str, wanted: int) -> None:
        """Checking and reserving are one step: the answer and the count cannot come apart. Refused attempts count."""
        for _ in range(wanted):
            left = budget_left(self.sends, self.now, PER_SECOND, PER_MINUTE, 5_000)
            may = left.calls > 0 if kind == "exit" else left.second > RESERVE and left.calls > 0
            if not may:
                return
            self.sends = self.sends.noted(self.now, 1)
            self.attempts.append((self.now, kind))

    @invariant()
    def no_window_is_exceeded(self) -> None:
        times = [at for at, _ in self.attempts]
        for limit, window in ((PER_SECOND, SECOND), (PER_MINUTE, 60 * SECOND)):
            for first, last in zip(times, times[limit:], strict=False):
                assert last - first >= window

    @invariant()
    def entries_leave_the_exits_their_share(self) -> None:
        entries = [at for at, kind in self.attempts if kind == "entry"]
        for first, last in zip(entries, entries[PER_SECOND - RESERVE :], strict=False):
            assert last - first >= SECOND

    @invariant()
    def nothing_older_than_a_minute_is_kept(self) -> None:
        assert len(self.sends.times) <= PER_MINUTE


class Faulty(RuleBasedStateMachine):
    """What a broker does to calls and updates; the rules that the machines below share."""

    world: World

    @precondition(lambda self: self.world.calls)
    @rule(fate=st.sampled_from(["ok", "ok", "ok", "refused", "rate_limited", "lost", "unanswered"]))
    def call_arrives(self, fate: str) -> None:
        self.world.fate = lambda _: fate
        self.world.pass_time(50 * MILLISECOND)
        self.world.perform(self.world.calls.popleft())

    @precondition(lambda self: self.world.exchange.updates)
    @rule(repeats=st.booleans())
    def update_arrives(self, repeats: bool) -> None:
        updates = self.world.exchange.updates
        self.world.deliver(updates[0] if repeats else updates.pop(0))

    @precondition(lambda self: self.world.reads)
    @rule()
    def read_is_answered(self) -> None:
        self.world.pass_time()
        self.world.answer(*self.world.reads.popleft())

    @rule(milliseconds=st.sampled_from([100, 400, 1_000, 6_000]))
    def time_passes(self, milliseconds: int) -> None:
        self.world.pass_time(milliseconds * MILLISECOND)
        self.world.feed(ClockTick(self.world.now, self.world.market_time))

    @rule(price=st.sampled_from([2_380_000, 2_398_000, 2_400_000, 2_401_500]))
    def quote_comes(self, price: int) -> None:
        self.world.quote(price)

    @rule(index=st.integers(0, 5), lots=st.integers(1, 27))
    def order_fills(self, index: int, lots: int) -> None:
        orders = [each for each in self.world.exchange.working() if each.status == "OPEN" and each.tag]
        if orders:
            self.world.exchange.fill(orders[index % len(orders)].order_id, lots * LOT)

    def heal(self) -> None:
        world = self.world
        world.fate = lambda _: "ok"
        world.exchange.liquidity = True
        world.feed(FeedChanged(world.now, world.market_time, up=True))
        world.quote(world.exchange.last.get(NIFTY, 2_400_000))
        world.pump()
        world.run(120, step_ms=1_000)


@dataclass
class Measured(World):
    """Looks at each call in the state that sent it."""

    oversized: list[tuple[Call, int, int]] = field(default_factory=list)

    def feed(self, event: Event) -> tuple[Effect, ...]:
        effects = super().feed(event)
        brackets = self.state.durable.open
        for call in effects:
            if isinstance(call, PlaceOrder) and call.leg is Leg.EXIT and call.intent in brackets:
                self.measure(call, call.quantity, held_quantity(brackets[call.intent]))
            elif isinstance(call, ModifyOrder) and call.quantity is not None and intent_of(call.tag) in brackets:
                bracket = brackets[intent_of(call.tag)]
                rest = call.quantity - bracket.orders[call.tag].filled_quantity
                self.measure(call, rest, held_quantity(bracket))
        return effects

    def measure(self, call: Call, rest: int, held: int) -> None:
        if rest > abs(held) or rest <= 0:
            self.oversized.append((call, rest, held))


class FlattenPlanMachine(Faulty):
    """I31, I33: killed in the midst of anything, crashed in the midst of that: no exit beyond what is held, and flat at last."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 1

    world: Measured

    @initialize(lots=st.integers(0, 27))
    def begin(self, lots: int) -> None:
        world = holding(lots, Measured) if lots else entered(kind=Measured)
        assert isinstance(world, Measured)
        self.world = world
        self.sent_before = len(self.world.sent)
        self.world.kill()

    @rule()
    def process_crashes(self) -> None:
        self.epoch += 1
        self.world.answers_reads = True
        self.world.fate = lambda _: "ok"
        self.world.restart(self.epoch)
        self.world.kill()

    @invariant()
    def no_risk_is_added(self) -> None:
        if hasattr(self, "world"):
            later = [call for _, call in self.world.sent[self.sent_before :]]
            assert not [call for call in later if isinstance(call, PlaceOrder) and call.adds_risk]

    @invariant()
    def every_exit_is_sized_by_what_is_held(self) -> None:
        """At the moment at which it was sent; what fills on the way is the next one's business."""
        if hasattr(self, "world"):
            assert self.world.oversized == []

    def teardown(self) -> None:
        """After healing: the broker's book says flat, nothing works, and the proof is written down."""
        if not hasattr(self, "world"):
            return
        self.heal()
        assert self.world.exchange.quantity(NIFTY) == 0
        assert not [each for each in self.world.exchange.working() if each.tag]
        assert view(self.world.state).is_flat
        assert self.world.state.durable.flat_at is not None


class ReconciliationMachine(Faulty):
    """I4, I10, I19 to I21: whoever trades beside us, whatever is lost, the books agree at last, and nothing of his is touched."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 1
        self.signals = 0

    @initialize(policy=st.sampled_from(list(ForeignPolicy)))
    def begin(self, policy: ForeignPolicy) -> None:
        self.world = live(policy)

    @rule()
    def signal_comes(self) -> None:
        self.signals += 1
        signal(self.world, f"k{self.signals}")

    @rule(side=st.sampled_from(list(Side)), lots=st.integers(1, 30), fills=st.booleans())
    def human_trades(self, side: Side, lots: int, fills: bool) -> None:
        self.world.exchange.place_foreign(NIFTY, side, lots * LOT, fills=fills)

    @rule()
    def updates_are_lost(self) -> None:
        self.world.exchange.updates.clear()

    @rule()
    def process_crashes(self) -> None:
        self.epoch += 1
        self.world.answers_reads = True
        self.world.fate = lambda _: "ok"
        self.world.restart(self.epoch)

    @invariant()
    def nothing_of_others_is_touched(self) -> None:
        if hasattr(self, "world"):
            ours = {each.order_id for each in self.world.exchange.orders.values() if each.tag}
            changes = [call for _, call in self.world.sent if isinstance(call, ModifyOrder | CancelOrder)]
            assert all(call.order_id in ours for call in changes)

    @invariant()
    def no_difference_is_traded_on(self) -> None:
        if hasattr(self, "world"):
            control = self.world.state.control
            if control.suspicion is not None and control.agreements_needed > control.agreements:
                assert control.trading_state is not TradingState.LIVE

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.heal()
        picture, durable = view(self.world.state), self.world.state.durable
        ours = sum(each.quantity for each in picture.positions)
        assert self.world.exchange.quantity(NIFTY) == ours + durable.foreign.get(NIFTY, 0)
        assert picture.naked == picture.orphans == picture.in_doubt_orders == picture.duplicates == 0
        tags = [decode_tag(each.tag) for each in self.world.exchange.orders.values() if each.tag]
        named = [(each.intent, each.leg, each.attempt) for each in tags if each is not None]
        assert len(named) == len(set(named))
        book = self.world.exchange.book()
        assert all(row.average_price <= ENTRY * 2 for row in book)


class JournalMachine(Faulty):
    """I16, I22: after every step the journal alone gives the durable part, through its text, and from wherever it was cut."""

    @initialize()
    def begin(self) -> None:
        self.world = entered()
        self.read, self.folded = 0, initial_state(self.world.settings)

    @rule()
    def kill_and_release(self) -> None:
        self.world.kill(kill_id="K1")

    @rule()
    def human_closes(self) -> None:
        held = self.world.exchange.quantity(NIFTY)
        if held > 0:
            self.world.exchange.place_foreign(NIFTY, Side.SELL, held, fills=True)

    @invariant()
    def the_text_gives_the_state(self) -> None:
        """A follower that reads each new record's text is where the engine is, at every step."""
        if not hasattr(self, "world"):
            return
        lines = [json.dumps(encode(record)) for record in self.world.journal[self.read :]]
        self.read += len(lines)
        self.folded = replay(self.folded, [decode_record(*json.loads(line)) for line in lines])
        assert self.folded.durable == self.world.state.durable

    def teardown(self) -> None:
        """And from the beginning, once more."""
        if hasattr(self, "world"):
            again = replay(initial_state(self.world.settings), self.world.journal)
            assert again.durable == self.world.state.durable


for _machine in (OrderBudgetMachine, FlattenPlanMachine, ReconciliationMachine, JournalMachine):
    _machine.TestCase.settings = BOUNDS

TestOrderBudget = OrderBudgetMachine.TestCase
TestFlattenPlan = FlattenPlanMachine.TestCase
TestReconciliation = ReconciliationMachine.TestCase
TestJournal = JournalMachine.TestCase
