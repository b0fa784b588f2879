"""Standing, restarts and successors (rules 1, 6, 7), and people beside us (rule 8)."""

import pytest

from tests.unit.trader.domain.test_protection import entering, fill_entry, protected
from tests.unit.trader.domain.world import NIFTY, World, settings
from trader.domain.effects import CancelOrder, PlaceOrder, ReadBook
from trader.domain.engine import replay
from trader.domain.events import CommitRefused, FeedChanged, ModeWanted, PreflightJudged, StandingChanged
from trader.domain.records import BracketPlanned, OrderChanged
from trader.domain.state import ForeignPolicy, initial_state
from trader.domain.tags import decode_tag
from trader.domain.values import Epoch, GuardCode, Leg, OrderStatus, Side, Standing, TradingState
from trader.domain.views import view


@pytest.mark.parametrize("standing", [Standing.EPOCH_ONLY, Standing.LEASE_ONLY])
def test_half_a_proof_protects_and_exits_only(standing: Standing) -> None:
    """Lease or database lost: entries are cancelled, fills are protected, nothing new is risked."""
    world = entering()
    fill_entry(world, 65)

    world.feed(StandingChanged(world.now, world.market_time, standing, Epoch(1)))
    world.pump()
    world.run(1)

    assert view(world.state).trading_state is TradingState.REDUCING
    assert world.order(Leg.ENTRY).status is OrderStatus.CANCELLED
    assert view(world.state).brackets[0].state == "protected"
    assert world.bracket.exiting == ""


def test_a_refused_epoch_ends_everything() -> None:
    """The store knows a newer epoch: nothing more until the standing changes."""
    world = entering()
    world.feed(CommitRefused(world.now, world.market_time, (), "epoch: 2 leads"))
    before = len(world.sent), len(world.reads)
    world.kill()
    world.run(3)

    assert (len(world.sent), len(world.reads)) == before
    assert view(world.state).trading_state is TradingState.PAPER


def test_nothing_is_sent_before_the_book_was_read() -> None:
    """A successor looks first: its first order call comes after its first book."""
    world = protected()
    world.answers_reads = False
    stop = world.order(Leg.STOP)
    assert stop.order_id is not None
    world.exchange.orders[stop.order_id].status = "CANCELLED"
    before = len(world.sent)

    world.restart(2)
    world.run(2)
    assert len(world.sent) == before
    assert any(isinstance(effect, ReadBook) for effect in world.effects)

    world.answers_reads = True
    world.run(1)
    assert len(world.sent) > before


def test_live_needs_two_books_that_change_nothing() -> None:
    """Boot in PAPER, reconcile twice to nothing, then LIVE."""
    world = World()
    world.prepare()
    assert view(world.state).trading_state is TradingState.PAPER
    world.answers_reads = False
    world.lead()
    assert view(world.state).trading_state is TradingState.RECOVERING
    world.answers_reads = True
    world.pump()
    assert view(world.state).trading_state is TradingState.RECOVERING
    assert "1 of 2" in view(world.state).message
    world.run(1)
    assert (view(world.state).trading_state, view(world.state).message) == (TradingState.LIVE, "")


def test_a_restart_keeps_the_position_protected_and_repeats_nothing() -> None:
    """The journal and the book together say all: after a restart no order is placed."""
    world = protected()
    before = len(world.sent)

    world.restart(2)
    world.run(3)

    assert len(world.sent) == before
    assert view(world.state).brackets[0].state == "protected"
    assert view(world.state).trading_state is TradingState.LIVE


def test_a_planned_order_without_an_answer_is_in_doubt_after_a_restart() -> None:
    """Nobody knows whether it was sent: the book decides, not the journal."""
    world = World().start()
    world.open_range()
    world.quote(2_402_500)
    world.calls.clear()

    world.answers_reads = False
    world.restart(2)

    assert world.order(Leg.ENTRY).status is OrderStatus.IN_DOUBT


def test_a_successor_abandons_an_older_entry() -> None:
    """An unfilled entry of an older epoch is cancelled, and its signal stays burned."""
    world = entering()

    world.restart(2)
    world.run(1)

    assert [type(call) for _, call in world.sent[-1:]] == [CancelOrder]
    assert not world.state.durable.open
    assert len(world.state.durable.closed) == 1
    assert len(world.placed(Leg.ENTRY)) == 1


def test_a_late_entry_of_an_older_epoch_is_adopted_and_protected() -> None:
    """A send that was frozen and arrives after all: what it filled gets its stop under the new epoch."""
    world = World().start()
    world.open_range()
    world.quote(2_402_500)
    late = world.placed(Leg.ENTRY)[0]
    world.restart(2)
    world.run(2)

    world.exchange.place(late)
    world.run(3)

    assert view(world.state).brackets[0].state == "protected"
    parts = decode_tag(world.order(Leg.STOP).tag)
    assert parts is not None
    assert parts.epoch == 2


def test_an_entry_declared_absent_that_arrives_is_adopted() -> None:
    """Even after 95 s: the book overrules the inference."""
    world = World().start()
    world.open_range()
    world.fate = lambda _: "lost"
    world.quote(2_402_500)
    world.pump()
    world.fate = lambda _: "ok"
    world.run(110, step_ms=1000)
    assert not world.state.durable.open

    world.exchange.place(world.placed(Leg.ENTRY)[0])
    world.run(15)

    assert view(world.state).brackets[0].state == "protected"


def test_legs_missing_from_the_journal_are_adopted_by_tag() -> None:
    """An emergency journal that was lost: the book shows the stop, nothing is placed beside it."""
    world = protected()
    stop = world.order(Leg.STOP)
    world.journal[:] = [record for record in world.journal if getattr(record, "tag", None) != stop.tag]
    before = len(world.placed(Leg.STOP))
    world.replays_always = False

    world.restart(2)
    world.run(3)

    assert stop.tag in world.bracket.orders
    assert len(world.placed(Leg.STOP)) == before
    assert view(world.state).brackets[0].state == "protected"


def test_a_position_without_a_plan_is_adopted_and_closed() -> None:
    """Orders of ours whose whole intent is unknown have no stop to keep: the position is closed."""
    world = protected()
    intent = world.bracket.plan.intent
    world.journal[:] = [
        record
        for record in world.journal
        if intent not in (getattr(record, "tag", "")[5:13], getattr(record, "intent", ""))
    ]
    world.replays_always = False

    world.restart(2)
    world.run(8)

    assert world.announced("bracket_adopted")
    assert world.exchange.quantity(NIFTY) == 0
    assert not world.exchange.working()
    assert any(isinstance(record, BracketPlanned) and record.strategy == "adopted" for record in world.journal)


def test_tags_are_never_used_again() -> None:
    """Across restarts, every attempt of a leg has a number of its own."""
    world = entering()
    world.fate = lambda call: "refused" if isinstance(call, PlaceOrder) and call.leg is not Leg.ENTRY else "ok"
    fill_entry(world, 65)
    world.exchange.liquidity = False
    for epoch in (2, 3, 4):
        world.restart(epoch)
        world.run(1)

    seen = [(call.intent, call.leg, call.attempt) for call in world.placed()]
    assert len(seen) == len(set(seen)) > 4


def test_the_journal_alone_gives_the_durable_state() -> None:
    """replay(journal) == state, after a whole life with a kill in it."""
    world = protected()
    world.kill()
    world.run(2)

    assert replay(initial_state(world.settings), world.journal).durable == world.state.durable


def test_a_lost_stream_denies_entries_until_the_books_agree() -> None:
    """What was missed was told to nobody: RECOVERING until two reads change nothing."""
    world = World().start()
    generation = world.state.control.risk_generation
    world.feed(FeedChanged(world.now, world.market_time, up=False))
    assert view(world.state).trading_state is TradingState.RECOVERING
    assert world.state.control.risk_generation == generation + 1

    world.feed(FeedChanged(world.now, world.market_time, up=True))
    assert view(world.state).trading_state is TradingState.RECOVERING
    world.run(1)
    assert view(world.state).trading_state is TradingState.LIVE


@pytest.mark.parametrize(("live", "suspended"), [(False, False), (True, True)])
def test_paper_and_suspend_reduce_until_flat(live: bool, suspended: bool) -> None:
    """Never an abandoned position: it is closed, then the engine rests."""
    world = protected()

    world.feed(ModeWanted(world.now, world.market_time, live=live, suspended=suspended))
    assert view(world.state).trading_state is TradingState.REDUCING
    world.run(2)

    assert world.exchange.quantity(NIFTY) == 0
    assert view(world.state).trading_state is TradingState.PAPER


def test_a_lost_gate_keeps_protection() -> None:
    """Preflight gates new risk only: the bracket runs on with its stop."""
    world = protected()
    world.feed(PreflightJudged(world.now, world.market_time, passed=False, message="the token expires"))
    world.run(2)

    picture = view(world.state)
    assert (picture.trading_state, picture.message) == (TradingState.REDUCING, "the token expires")
    assert picture.brackets[0].state == "protected"


def test_a_human_who_closes_our_position_has_our_legs_cancelled_within_a_second() -> None:
    """Positions that two reads agree on, with a book in between, end our bracket."""
    world = protected()
    world.run(5)

    world.exchange.place_foreign(NIFTY, Side.SELL, 1755, fills=True)
    world.pump()
    world.run(1)

    assert not world.exchange.working()
    assert not world.state.durable.open
    assert world.exchange.quantity(NIFTY) == 0
    assert world.announced("position_closed_outside")


def test_a_fill_that_positions_do_not_show_yet_is_not_somebody_elses_close() -> None:
    """Positions may lag behind the book: a fresh fill keeps its stop."""
    world = entering()
    world.exchange.outside[NIFTY] = -1755
    fill_entry(world, 1755)
    world.run(2)
    world.exchange.outside[NIFTY] = 0
    world.run(10)

    assert view(world.state).brackets[0].state == "protected"
    assert not world.announced("position_closed_outside")


@pytest.mark.parametrize("policy", list(ForeignPolicy))
def test_foreign_orders_stop_new_risk_unless_ignored(policy: ForeignPolicy) -> None:
    """`Refuse` denies with FOREIGN_ACTIVITY and touches nothing of it; `Ignore` trades on."""
    world = World(settings=settings(foreign=policy)).start()
    world.exchange.place_foreign(NIFTY, Side.BUY, 65, fills=False)
    world.pump()
    world.open_range()
    world.exchange.liquidity = False
    world.quote(2_402_500)

    codes = [trip.code for trip in world.guard_trips()]
    assert codes == ([GuardCode.FOREIGN_ACTIVITY] if policy is ForeignPolicy.REFUSE else [])
    assert bool(world.placed(Leg.ENTRY)) is (policy is ForeignPolicy.IGNORE)
    foreign = [order for order in world.exchange.orders.values() if order.tag is None]
    assert all(order.is_open for order in foreign)


def test_a_foreign_position_is_never_touched() -> None:
    """What the same person holds in the Kite app stays, also under a kill."""
    world = World()
    world.exchange.outside[NIFTY] = 650
    world.start()
    world.run(12)
    world.kill()
    world.run(3)

    assert world.state.durable.foreign == {NIFTY: 650}
    assert world.sent == []
    assert view(world.state).is_flat


def test_a_journal_with_a_hole_is_mended_by_the_book() -> None:
    """The end of an order was lost, the close of its bracket was not: the order is in doubt, then absent, then it is over."""
    world = World().start()
    world.open_range()
    world.fate = lambda _: "refused"
    world.quote(2_402_500)
    world.pump()
    world.fate = lambda _: "ok"
    assert not world.state.durable.open
    world.journal[:] = [record for record in world.journal if not isinstance(record, OrderChanged)]

    world.restart(2)
    assert view(world.state).in_doubt_orders == 1
    world.run(110, step_ms=1000)

    assert not world.state.durable.open
