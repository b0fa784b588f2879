"""Flat within two seconds, by the broker's word (rule 5)."""

import itertools

import pytest

from tests.unit.trader.domain.test_protection import entering, fill_entry, protected
from tests.unit.trader.domain.world import BANK, NIFTY, World, bank, nifty
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import ClockTick, KillReleased, StandingChanged
from trader.domain.flattening import Flatness, flatness
from trader.domain.values import MILLISECOND, SECOND, Epoch, KillReason, Leg, OrderType, Standing, TradingState
from trader.domain.views import view


def test_a_kill_is_flat_in_two_calls_a_bracket() -> None:
    """The stop becomes the exit by modify, the target is cancelled: two calls, and proof from the broker."""
    world = protected()
    before = len(world.sent)

    world.kill()
    world.run(1)

    calls = [call for _, call in world.sent[before:]]
    assert [type(call) for call in calls] == [ModifyOrder, CancelOrder]
    assert isinstance(calls[0], ModifyOrder)
    assert calls[0].order_type is OrderType.LIMIT
    picture = view(world.state)
    assert picture.is_flat
    assert picture.flat_at is not None
    assert picture.trading_state is TradingState.HALTED


@pytest.mark.parametrize("answered", [Leg.STOP, Leg.TARGET])
def test_a_kill_while_the_legs_are_being_enlarged_turns_only_one_of_them(answered: Leg) -> None:
    """A leg whose change is unanswered is not forgotten: two exits side by side would reverse the position."""
    world = entering()
    fill_entry(world, 65)
    entry = world.order(Leg.ENTRY)
    assert entry.order_id is not None
    world.exchange.fill(entry.order_id, entry.quantity - 65)
    deliver_all(world)
    enlarging = {call.tag: call for call in world.calls}
    assert set(enlarging) == {world.order(Leg.STOP).tag, world.order(Leg.TARGET).tag}
    world.calls.clear()
    world.perform(enlarging.pop(world.order(answered).tag))
    deliver_all(world)
    world.exchange.liquidity = True

    world.kill()
    (unanswered,) = enlarging.values()
    world.perform(unanswered)  # its answer is there before that of whatever the kill has sent
    deliver_all(world)
    world.run(2)

    assert world.exchange.quantity(NIFTY) == 0
    assert sum(order.filled for order in world.exchange.orders.values()) == 2 * entry.quantity


def deliver_all(world: World) -> None:
    """Every update that waits, and no answer to any call."""
    while world.exchange.updates:
        world.deliver(world.exchange.updates.pop(0))


def test_a_kill_cancels_a_working_entry_first() -> None:
    """What may still add risk goes before anything else."""
    world = entering()
    fill_entry(world, 65)
    world.run(1)
    before = len(world.sent)

    world.kill()

    first = world.sent[before][1]
    assert isinstance(first, CancelOrder)
    assert first.tag == world.order(Leg.ENTRY).tag
    world.exchange.liquidity = True
    world.exchange.match(NIFTY)
    world.run(2)
    assert world.exchange.quantity(NIFTY) == 0
    assert not world.exchange.working()


def test_an_entry_in_doubt_makes_flat_provisional() -> None:
    """Flat is not declared while an entry may still fill."""
    world = World().start()
    world.open_range()
    world.fate = lambda _: "lost"
    world.quote(2_402_500)
    world.pump()
    world.fate = lambda _: "ok"

    world.kill()
    world.run(20)

    picture = view(world.state)
    assert (picture.is_flat, picture.is_provisional, picture.flat_at) == (False, True, None)
    world.run(90, step_ms=1000)
    assert view(world.state).is_flat


def test_an_entry_that_fills_after_the_kill_is_flattened() -> None:
    """HALTED is a standing obligation: whatever of ours still appears is closed."""
    world = World().start()
    world.open_range()
    world.fate = lambda _: "lost"
    world.quote(2_402_500)
    world.pump()
    world.fate = lambda _: "ok"
    world.kill()
    world.run(20)

    world.exchange.place(world.placed(Leg.ENTRY)[0])
    world.run(4)

    picture = view(world.state)
    assert picture.is_flat
    assert world.exchange.quantity(NIFTY) == 0
    assert len([each for each in world.exchange.orders.values() if each.filled]) == 2


def test_an_exit_goes_further_each_time_until_it_trades() -> None:
    """A market that runs away is followed, twice as far with each reprice, every 400 ms."""
    world = protected()
    world.exchange.liquidity = False
    world.kill()
    world.run(2.5)

    prices = [
        call.price
        for _, call in world.sent
        if isinstance(call, ModifyOrder) and call.price is not None and call.tag == world.order(Leg.STOP).tag
    ]
    assert len(prices) >= 5
    steps = [before - after for before, after in itertools.pairwise(prices)]
    assert all(later > earlier for earlier, later in itertools.pairwise(steps))
    times = [at for at, call in world.sent if isinstance(call, ModifyOrder)]
    assert all(later - earlier >= 400 * MILLISECOND for earlier, later in itertools.pairwise(times))


def test_an_exit_stays_inside_the_band() -> None:
    """However often it is repriced, an exit never leaves circuit and price protection."""
    world = protected()
    world.exchange.liquidity = False
    world.kill()
    world.run(20)

    prices = [call.price for _, call in world.sent if isinstance(call, ModifyOrder) and call.price]
    assert min(prices) >= 2_402_500 * 975 // 1000
    assert all(price % 10 == 0 for price in prices)
    world.exchange.liquidity = True
    world.exchange.match(NIFTY)
    world.run(1)
    assert view(world.state).is_flat


def test_an_interrupted_flatten_is_resumed() -> None:
    """A crash in the middle of it: the successor goes on from the journal and the book, and places nothing twice."""
    world = protected()
    world.exchange.liquidity = False
    world.kill()
    world.run(1)

    world.restart(2)
    world.exchange.liquidity = True
    world.exchange.match(NIFTY)
    world.run(2)

    picture = view(world.state)
    assert picture.is_flat
    assert picture.duplicates == 0
    assert world.placed(Leg.EXIT) == []


def test_five_legs_fit_into_the_budget() -> None:
    """Five protected brackets are flat within two seconds of ten calls each."""
    instruments = tuple(nifty(key=f"NFO:NIFTY26M{index}FUT", token=index) for index in range(5))
    world = World(instruments=instruments)
    world.start()
    session = world.state.market.session
    assert session is not None
    world.pass_time(session.end - world.market_time)
    world.feed(ClockTick(world.now, world.market_time))
    for price in [2_400_000, 2_402_000, 2_398_000, *[2_400_000] * 9]:
        for instrument in instruments:
            world.quote(price, instrument.key)
        world.run(30, step_ms=1000)
    for instrument in instruments:
        world.quote(2_402_500, instrument.key)
        world.run(2)
    held = len(world.state.durable.open)
    assert held >= 4, world.guard_trips()

    before = len(world.sent)
    world.kill()
    world.run(2)

    assert view(world.state).is_flat
    assert len(world.sent) - before <= 4 * held


def test_a_released_kill_begins_anew() -> None:
    """Release is for this very kill; afterwards the books must agree twice before anything is LIVE again."""
    world = protected()
    world.kill()
    world.run(2)

    world.feed(KillReleased(world.now, world.market_time, "another"))
    assert view(world.state).trading_state is TradingState.HALTED
    world.feed(KillReleased(world.now, world.market_time, "K1"))
    assert view(world.state).trading_state is TradingState.RECOVERING
    world.run(2)
    assert view(world.state).trading_state is TradingState.LIVE


def test_a_kill_is_idempotent_while_it_stands() -> None:
    """Hearing of it again changes nothing. The end of the day yields to any other, and takes no other's place."""
    world = protected()
    world.kill(KillReason.END_OF_DAY, "K0")
    world.kill(KillReason.MANUAL, "K1")
    before = world.state.durable.kill
    assert before is not None
    assert before.kill_id == "K1"

    world.kill(KillReason.MANUAL, "K1")
    world.kill(KillReason.END_OF_DAY, "K2")

    assert world.state.durable.kill is before


def test_a_kill_made_apart_takes_the_first_ones_place_and_is_proved_and_released_by_its_own_id() -> None:
    """Two pods may each make one while the database is away: its word decides which of them stands."""
    world = protected()
    world.kill(KillReason.MANUAL, "K1")
    world.run(5)
    assert world.state.durable.flat_at is not None

    world.kill(KillReason.MANUAL, "K2")
    assert world.state.durable.kill is not None
    assert world.state.durable.kill.kill_id == "K2"
    assert view(world.state).trading_state is TradingState.HALTED
    world.run(5)
    assert world.state.durable.flat_at is not None

    world.feed(KillReleased(world.now, world.market_time, "K1"))
    assert world.state.durable.kill is not None
    world.feed(KillReleased(world.now, world.market_time, "K2"))
    assert world.state.durable.kill is None


def test_a_kill_heard_before_leading_is_executed_by_the_leader() -> None:
    """With no leader, executing it is the next leader's first act."""
    world = World()
    world.prepare()
    world.kill()
    assert world.state.durable.kill is None

    world.lead()

    assert world.state.durable.kill is not None
    assert view(world.state).trading_state is TradingState.HALTED


def test_the_end_of_the_day_closes_without_a_latch() -> None:
    """`eod` flattens and ends in CLOSED; the next trading date starts without it."""
    world = protected()
    world.kill(KillReason.END_OF_DAY, "K0")
    world.run(2)
    assert view(world.state).trading_state is TradingState.CLOSED

    world.pass_time(24 * 3600 * SECOND)
    world.run(3)

    assert world.state.durable.kill is None
    assert view(world.state).trading_state is TradingState.LIVE


def test_flatness_needs_reads_after_the_last_event() -> None:
    """Our own account is no proof: book and positions must have been asked for afterwards."""
    world = protected()
    world.answers_reads = False
    world.kill()
    world.pump()
    world.pump()

    assert flatness(world.state) is Flatness.UNPROVED
    world.answers_reads = True
    world.run(1)
    assert flatness(world.state) is Flatness.PROVED


def test_a_short_is_bought_back() -> None:
    """The same road from the other side."""
    world = World(instruments=(nifty(), bank())).start()
    world.open_range(BANK, 5_200_000)
    world.quote(5_197_000, BANK)
    world.pump()
    world.run(1)
    assert world.exchange.quantity(BANK) < 0

    world.kill()
    world.run(1)

    assert world.exchange.quantity(BANK) == 0
    assert view(world.state).is_flat


def test_a_fenced_leader_touches_nothing() -> None:
    """Standing NONE: not even a cancel leaves, whatever is due."""
    world = protected()
    world.feed(StandingChanged(world.now, world.market_time, Standing.NONE, Epoch(1)))
    before = len(world.sent)
    world.kill()
    world.quote(2_380_000, matches=False)
    world.run(5)

    assert len(world.sent) == before
    assert not any(isinstance(call, PlaceOrder) for _, call in world.sent[before:])
