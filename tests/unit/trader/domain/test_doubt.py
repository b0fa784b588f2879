"""A time-out is not a rejection (rule 2); a snapshot is not an oracle (rule 4)."""

from tests.unit.trader.domain.test_protection import entering, protected
from tests.unit.trader.domain.world import NIFTY, World
from trader.domain.events import BookRead, PlaceAccepted, PlaceRefused, ReadFailed
from trader.domain.positions import portfolio_heat
from trader.domain.values import SECOND, BrokerOrderId, Leg, MachineTime, OrderStatus
from trader.domain.views import view


def doubtful(fate: str = "lost") -> World:
    """An entry whose POST timed out."""
    world = World().start()
    world.open_range()
    world.fate = lambda _: fate
    world.quote(2_402_500)
    world.exchange.liquidity = False
    world.perform(world.calls.popleft())
    world.fate = lambda _: "ok"
    return world


def test_nothing_is_sent_again_after_a_timeout() -> None:
    """One entry per signal: doubt never leads to a second POST of it."""
    world = doubtful()
    world.run(120, step_ms=1000)
    world.quote(2_402_600)
    world.run(5)

    assert len(world.placed(Leg.ENTRY)) == 1


def test_an_entry_in_doubt_holds_its_full_risk() -> None:
    """Heat counts an in-doubt entry at its whole quantity, until the book shows otherwise."""
    world = doubtful()
    entry = world.order(Leg.ENTRY)

    heat = portfolio_heat(world.state.durable.open.values())

    assert entry.status is OrderStatus.IN_DOUBT
    assert heat == entry.quantity * (entry.price - world.bracket.plan.stop_price) > 0


def test_absence_takes_ninety_five_seconds_of_books() -> None:
    """An entry in doubt is absent only after two books asked for 95 s later; then the bracket ends."""
    world = doubtful()
    world.run(94, step_ms=1000)
    assert world.order(Leg.ENTRY).status is OrderStatus.IN_DOUBT

    world.run(5, step_ms=1000)

    (closed,) = world.state.durable.closed.values()
    assert {order.status for order in closed.orders.values()} == {OrderStatus.ABSENT}


def test_absence_takes_two_books_after_the_wait() -> None:
    """A book of before says nothing, however many of them there were: Kite may not have shown the order yet."""
    world = doubtful()
    since = world.now

    def read(seconds: int) -> None:
        at = MachineTime(since + seconds * SECOND)
        world.feed(BookRead(at, world.market_time, at, ()))

    for seconds in (30, 60, 90, 96):
        read(seconds)
    assert world.order(Leg.ENTRY).status is OrderStatus.IN_DOUBT
    read(97)

    assert not world.state.durable.open


def test_the_book_resolves_doubt_by_tag() -> None:
    """A POST that was answered by nobody and accepted all the same is found, and its fills are protected."""
    world = doubtful("unanswered")
    assert world.order(Leg.ENTRY).status is OrderStatus.IN_DOUBT
    world.exchange.liquidity = True
    world.exchange.match(NIFTY)
    world.pushes = False

    world.run(2)

    assert world.order(Leg.ENTRY).status is OrderStatus.COMPLETE
    assert view(world.state).brackets[0].state == "protected"


def test_a_snapshot_older_than_an_order_does_not_judge_it() -> None:
    """A book asked for before the order's last event says nothing about it, however often it comes."""
    world = protected()
    asked = MachineTime(world.now - 1)
    stop = world.order(Leg.STOP)
    world.kill()
    world.exchange.liquidity = False
    world.pump()
    changed = world.bracket.orders[stop.tag]
    rows = tuple(row for row in world.exchange.book() if row.tag != stop.tag)

    for _ in range(5):
        world.feed(BookRead(world.now, world.market_time, asked, rows))

    assert world.bracket.orders[stop.tag] == changed


def test_a_failed_read_is_no_evidence() -> None:
    """A read that failed neither shows nor hides an order."""
    world = entering()
    before = world.state.durable
    for _ in range(10):
        world.pass_time(100 * SECOND // 10)
        world.feed(ReadFailed(world.now, world.market_time, "book", "reset"))
    assert world.state.durable.open.keys() == before.open.keys()
    assert world.order(Leg.ENTRY).status in (OrderStatus.SENT, OrderStatus.WORKING)


def test_a_late_acceptance_ends_the_doubt() -> None:
    """The reply of a POST may come after its time-out: its id is as good as the book's."""
    world = doubtful()
    tag = world.order(Leg.ENTRY).tag

    world.feed(PlaceAccepted(world.now, world.market_time, tag, BrokerOrderId("77")))

    assert world.order(Leg.ENTRY).status is OrderStatus.SENT


def test_a_refusal_does_not_overrule_the_book() -> None:
    """An order that the broker has shown exists, whatever a reply says afterwards."""
    world = entering()
    tag = world.order(Leg.ENTRY).tag

    world.feed(PlaceRefused(world.now, world.market_time, tag, "refused"))

    assert not world.order(Leg.ENTRY).status.is_terminal


def test_reconciling_twice_emits_nothing_the_second_time() -> None:
    """The same book again is no news: no record, no order."""
    world = protected()
    rows = world.exchange.book()
    for _ in range(2):
        world.pass_time()
        at = MachineTime(world.now)
        world.pass_time()
        journal = len(world.journal)
        world.feed(BookRead(world.now, world.market_time, at, rows))

    assert len(world.journal) == journal
    assert len(world.sent) == 3


def test_an_acknowledged_order_that_no_book_shows_is_in_doubt() -> None:
    """An id is not a place in the book: unseen for 5 s in two books, it is doubted, not assumed."""
    world = entering()
    entry = world.order(Leg.ENTRY)
    assert entry.order_id is not None
    del world.exchange.orders[entry.order_id]
    world.run(9, step_ms=500)

    assert world.order(Leg.ENTRY).status is OrderStatus.IN_DOUBT
