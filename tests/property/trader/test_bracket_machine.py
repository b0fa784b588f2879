"""A bracket's life against a broker that loses, delays, repeats and reorders; with crashes, kills, and other people's trades.

The rules are the faults; the invariants are those of the design (I1, I4, I5, I6, I8, I11, I12, I14, I16). After every example the
world heals, and within two minutes everything must be flat or protected, and the books must agree.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.trader.domain.world import NIFTY, Call, World
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import ClockTick, FeedChanged, ReadFailed, StandingChanged
from trader.domain.state import ForeignPolicy
from trader.domain.tags import decode_tag
from trader.domain.values import MILLISECOND, SECOND, Epoch, Leg, Side, Standing, TradingState
from trader.domain.views import view

LOT = 65
PRICES = [2_396_000, 2_398_500, 2_400_000, 2_402_500, 2_405_000, 2_409_500, 2_412_000]


class BracketMachine(RuleBasedStateMachine):
    """One long bracket at first; what follows is up to the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.epoch = 1
        self.killed_at: int | None = None
        self.stray: list[Call] = []

    @initialize()
    def begin(self) -> None:
        self.world.start()
        self.world.open_range()
        self.world.exchange.liquidity = False
        self.world.quote(2_402_500)

    # The broker

    @precondition(lambda self: self.world.calls)
    @rule(index=st.integers(0, 2), fate=st.sampled_from(["ok", "ok", "ok", "refused", "lost", "unanswered"]))
    def call_arrives(self, index: int, fate: str) -> None:
        calls = self.world.calls
        call = calls[min(index, len(calls) - 1)]
        calls.remove(call)
        self.world.fate = lambda _: fate
        self.world.pass_time()
        self.world.perform(call)

    @precondition(lambda self: self.world.exchange.updates)
    @rule(index=st.integers(0, 3), repeats=st.booleans())
    def update_arrives(self, index: int, repeats: bool) -> None:
        updates = self.world.exchange.updates
        at = min(index, len(updates) - 1)
        row = updates[at] if repeats else updates.pop(at)
        self.world.deliver(row)

    @precondition(lambda self: self.world.exchange.updates)
    @rule()
    def update_is_lost(self) -> None:
        self.world.exchange.updates.pop(0)

    @precondition(lambda self: self.world.reads)
    @rule(fails=st.sampled_from([False, False, False, True]))
    def read_is_answered(self, fails: bool) -> None:
        what, requested_at = self.world.reads.popleft()
        self.world.pass_time()
        if fails:
            self.world.feed(ReadFailed(self.world.now, self.world.market_time, what, "connection reset"))
        else:
            self.world.answer(what, requested_at)

    @precondition(lambda self: self.world.exchange.working())
    @rule(index=st.integers(0, 5), lots=st.integers(1, 30))
    def order_fills(self, index: int, lots: int) -> None:
        working = [each for each in self.world.exchange.working() if each.status == "OPEN"]
        if working:
            order = working[index % len(working)]
            self.world.exchange.fill(order.order_id, lots * (LOT if order.instrument == NIFTY else 30), order.price)

    @rule(index=st.integers(0, 5))
    def stop_triggers_and_fills(self, index: int) -> None:
        waiting = [each for each in self.world.exchange.working() if each.status == "TRIGGER PENDING"]
        if waiting:
            order = waiting[index % len(waiting)]
            order.status = "OPEN"
            self.world.exchange.fill(order.order_id, order.quantity, order.price)

    @rule(index=st.integers(0, 5))
    def exchange_cancels(self, index: int) -> None:
        working = self.world.exchange.working()
        if working:
            order = working[index % len(working)]
            order.status = "CANCELLED"
            self.world.exchange.updates.append(order.row())

    # The market and the clock

    @rule(price=st.sampled_from(PRICES))
    def quote_comes(self, price: int) -> None:
        self.world.pass_time()
        self.world.quote(price)

    @rule(milliseconds=st.sampled_from([100, 100, 400, 1_000, 5_000, 20_000]))
    def time_passes(self, milliseconds: int) -> None:
        self.world.pass_time(milliseconds * MILLISECOND)
        self.world.feed(ClockTick(self.world.now, self.world.market_time))

    # Trouble

    @rule(arrives=st.lists(st.booleans(), max_size=4))
    def process_crashes(self, arrives: list[bool]) -> None:
        """Calls on the wire may still arrive; nobody hears the answers. The successor leads after the longest send is over."""
        for call, still_arrives in zip(list(self.world.calls), arrives, strict=False):
            if still_arrives:
                self.apply_unheard(call)
        self.epoch += 1
        self.world.answers_reads = True
        self.world.fate = lambda _: "ok"
        self.world.restart(self.epoch)
        if self.killed_at is not None:
            # The kill stands in the database, whatever the journal has: the successor is told at once.
            self.world.kill()

    def apply_unheard(self, call: Call) -> None:
        match call:
            case PlaceOrder():
                self.world.exchange.place(call)
            case ModifyOrder():
                self.world.exchange.modify(call)
            case CancelOrder():
                self.world.exchange.cancel(call)

    @rule(standing=st.sampled_from([Standing.EPOCH_ONLY, Standing.LEASE_ONLY, Standing.LEADER]))
    def standing_changes(self, standing: Standing) -> None:
        self.world.feed(StandingChanged(self.world.now, self.world.market_time, standing, Epoch(self.epoch)))

    @rule(up=st.booleans())
    def stream_flaps(self, up: bool) -> None:
        self.world.feed(FeedChanged(self.world.now, self.world.market_time, up=up))

    @precondition(lambda self: self.killed_at is None)
    @rule()
    def kill_is_engaged(self) -> None:
        self.killed_at = len(self.world.sent)
        self.world.kill()

    @rule(lots=st.integers(1, 27))
    def human_closes(self, lots: int) -> None:
        held = self.world.exchange.quantity(NIFTY)
        if held > 0:
            self.world.exchange.place_foreign(NIFTY, Side.SELL, min(held, lots * LOT), fills=True)

    # Always

    @invariant()
    def no_order_twice(self) -> None:
        """I1: per intent, leg and attempt the broker accepted at most one order, whatever the epoch."""
        seen = [
            (parts.intent, parts.leg, parts.attempt)
            for order in self.world.exchange.orders.values()
            if (parts := decode_tag(order.tag)) is not None
        ]
        assert len(seen) == len(set(seen))

    @invariant()
    def one_entry_per_signal(self) -> None:
        """I14: entries accepted for an intent never exceed its plan, and there is one."""
        entries: dict[str, int] = {}
        for order in self.world.exchange.orders.values():
            parts = decode_tag(order.tag)
            if parts is not None and parts.leg is Leg.ENTRY:
                entries[parts.intent] = entries.get(parts.intent, 0) + 1
        assert all(count == 1 for count in entries.values())

    @invariant()
    def nothing_new_after_a_kill(self) -> None:
        """I8: after a kill no order that adds risk leaves."""
        if self.killed_at is not None:
            later = [call for _, call in self.world.sent[self.killed_at :] if isinstance(call, PlaceOrder)]
            assert not any(call.adds_risk for call in later)

    @invariant()
    def orders_are_legal(self) -> None:
        """I12: on the tick, inside the band, whole lots, at most the freeze quantity."""
        instruments = {each.key: each for each in self.world.instruments}
        for order in self.world.exchange.orders.values():
            if order.placed is not None:
                instrument = instruments[order.instrument]
                assert order.price % instrument.tick_size == 0
                assert instrument.lower_circuit <= order.price <= instrument.upper_circuit
                assert 0 < order.quantity <= instrument.freeze_quantity
                assert order.quantity % instrument.lot_size == 0

    @invariant()
    def budget_is_kept(self) -> None:
        """I9: never more than ten order calls in any second."""
        times = [at for at, _ in self.world.sent]
        for index, at in enumerate(times[10:]):
            assert at - times[index] >= SECOND

    def teardown(self) -> None:
        """After healing: resolved within two minutes, flat or protected, no orphan, books equal (I4, I5, I6, I10)."""
        world = self.world
        if world.state.control.epoch == 0:
            return
        world.fate = lambda _: "ok"
        world.exchange.liquidity = True
        world.feed(StandingChanged(world.now, world.market_time, Standing.LEADER, Epoch(self.epoch)))
        world.feed(FeedChanged(world.now, world.market_time, up=True))
        world.refuses_risk = False
        for instrument in world.instruments:
            world.quote(world.exchange.last.get(instrument.key, 2_400_000), instrument.key)
        world.pump()
        world.run(10, step_ms=200)
        picture = view(world.state)
        assert picture.naked == 0, picture.brackets
        assert picture.orphans == 0, picture.brackets
        world.run(120, step_ms=1_000)
        self.check_rest()

    def check_rest(self) -> None:
        world, picture = self.world, view(self.world.state)
        assert picture.in_doubt_orders == 0, picture.brackets
        assert picture.naked == 0
        assert picture.orphans == 0
        assert picture.duplicates == 0
        ours = {each.instrument: each.quantity for each in picture.positions}
        for instrument in world.instruments:
            foreign = world.state.durable.foreign.get(instrument.key, 0)
            assert world.exchange.quantity(instrument.key) == ours.get(instrument.key, 0) + foreign
        known = {tag for bracket in world.state.durable.open.values() for tag in bracket.orders}
        assert all(order.tag in known for order in world.exchange.working())
        if self.killed_at is not None:
            assert picture.trading_state is TradingState.HALTED
            assert picture.is_flat
            assert not any(ours.values())
        assert world.settings.foreign is ForeignPolicy.REFUSE


TestBracketMachine = BracketMachine.TestCase
TestBracketMachine.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
