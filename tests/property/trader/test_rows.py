"""The lessons of other engines, one property each; the number in a name is the row in docs/reference/invariants.md."""

from dataclasses import replace

from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tests.property.trader.desks import ENTRY, LOT, LOTS, QUANTITY, STOP, entered, holding, live, signal, working
from tests.unit.trader.domain.world import NIFTY
from trader.domain.brackets import held_quantity, live_orders
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BookRead, BrokerOrder, MutationReply, OrderUpdated, PlaceAccepted
from trader.domain.positions import portfolio_heat
from trader.domain.records import OrderPlanned
from trader.domain.tags import TagParts, encode_tag, intent_id
from trader.domain.values import (
    SECOND,
    BrokerOrderId,
    Epoch,
    Leg,
    OrderStatus,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    SignalKey,
)
from trader.domain.views import view

quickly = bounds(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@quickly
@given(reads=st.lists(st.integers(1, 40), min_size=1, max_size=14))
def test_i02_doubt_ends_by_the_book_only(reads: list[int]) -> None:
    """An entry in doubt stays so until it is seen, or until two books asked for after 95 s lack it: no timer ends it."""
    world = live()
    world.fate = lambda _: "lost"
    signal(world)
    world.pump()
    since = world.now
    late = 0
    for seconds in reads:
        world.pass_time(seconds * SECOND)
        world.feed(BookRead(world.now, world.market_time, world.now, ()))
        late += world.now - since >= 95 * SECOND
        orders = [order for bracket in world.state.durable.open.values() for order in bracket.orders.values()]
        if late < 2:
            assert [order.status for order in orders] == [OrderStatus.IN_DOUBT]
    assert bool(world.state.durable.open) is (late < 2)


@quickly
@given(fate=st.sampled_from(["lost", "unanswered", "ok"]), lots=st.integers(0, LOTS))
def test_i03_heat_counts_what_may_still_fill(fate: str, lots: int) -> None:
    """In doubt, working or filled: the whole entry counts, and the instrument takes no other."""
    world = live()
    world.fate = lambda _: fate
    signal(world)
    world.pump()
    if fate != "lost":
        world.exchange.fill(next(iter(world.exchange.orders)), lots * LOT)
        world.pump()

    assert portfolio_heat(world.state.durable.open.values()) == QUANTITY * (ENTRY - STOP)
    signal(world, key="other")
    assert len(world.placed(Leg.ENTRY)) == 1


@quickly
@given(filled=st.integers(1, 20), total=st.integers(1, 20), leg=st.sampled_from(list(Leg)))
def test_i04_an_order_that_nobody_remembers_is_adopted_and_closed(filled: int, total: int, leg: Leg) -> None:
    """Our tag in the book, nothing in the journal: its fills are our position, it is closed, and the books agree."""
    world = live()
    identity = intent_id(world.settings.account, "2026-11-23", "signal-intake", SignalKey("forgotten"))
    tag = encode_tag(TagParts(Epoch(1), identity, leg, 0))
    total = max(filled, total)
    placed = PlaceOrder(
        tag, identity, leg, 0, True, NIFTY, Side.BUY, OrderType.LIMIT, Product.MIS, Quantity(total * LOT),
        Paise(2_400_000), Paise(0), 0,
    )  # fmt: skip
    order_id = world.exchange.place(placed)
    world.exchange.fill(order_id, filled * LOT, 2_400_000)
    world.exchange.liquidity = True
    world.run(15, step_ms=250)

    assert any(isinstance(each, OrderPlanned) and each.tag == tag for each in world.journal)
    assert world.exchange.quantity(NIFTY) == 0
    assert not world.exchange.working()


def rows_of_a_life(fills: list[int], ends: str) -> list[BrokerOrder]:
    """What the broker tells of one order, in the order in which it happened."""
    base = BrokerOrder(
        BrokerOrderId("000000000000001"), None, NIFTY, Side.BUY, OrderType.LIMIT, Product.MIS, "OPEN", "",
        Quantity(QUANTITY), Quantity(0), Quantity(QUANTITY), Paise(ENTRY), Paise(0), Paise(0),
    )  # fmt: skip
    rows, filled = [base], 0
    for lots in fills:
        filled = min(QUANTITY, filled + lots * LOT)
        rows.append(replace(base, filled_quantity=Quantity(filled), average_price=Paise(ENTRY), status="OPEN"))
    if ends:
        rows.append(replace(rows[-1], status="COMPLETE" if filled == QUANTITY else ends))
    return rows


@quickly
@given(data=st.data(), fills=st.lists(st.integers(1, 10), max_size=4), ends=st.sampled_from(["", "CANCELLED"]))
def test_i05_i06_i07_i43_rows_may_come_late_twice_and_in_any_order(
    data: st.DataObject, fills: list[int], ends: str
) -> None:
    """The fold of acknowledgement, updates and fills is the same for every order and repetition of them."""
    world = live()
    signal(world)
    (place,) = world.calls
    rows = [replace(row, tag=place.tag) for row in rows_of_a_life(fills, ends)]
    events: list[object] = [*rows, "ack"]
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=4))
    for what in data.draw(st.permutations(repeated)):
        at, market = world.now, world.market_time
        if isinstance(what, BrokerOrder):
            world.feed(OrderUpdated(at, market, what))
        else:
            world.feed(PlaceAccepted(at, market, place.tag, rows[0].order_id))

    bracket = next(iter((*world.state.durable.open.values(), *world.state.durable.closed.values())))
    entry = bracket.orders[place.tag]
    assert (entry.filled_quantity, entry.order_id) == (rows[-1].filled_quantity, rows[0].order_id)
    assert (
        entry.status
        is {
            "OPEN": OrderStatus.WORKING,
            "COMPLETE": OrderStatus.COMPLETE,
            "CANCELLED": OrderStatus.CANCELLED,
        }[rows[-1].status]
    )
    assert held_quantity(bracket) == rows[-1].filled_quantity
    assert len(world.placed(Leg.STOP)) == (1 if entry.filled_quantity else 0)


@quickly
@given(
    first=st.integers(1, 13),
    second=st.integers(1, 13),
    outcome=st.sampled_from(["accepted", "refused", "unknown"]),
    reply_first=st.booleans(),
)
def test_i08_a_modify_s_answer_never_lowers_a_fill(first: int, second: int, outcome: str, reply_first: bool) -> None:
    """The stop trades while it is being enlarged: fills and ends stay, whatever the answer says, whenever it comes."""
    world = holding(first)
    stop = working(world, Leg.STOP)
    world.exchange.fill(working(world, Leg.ENTRY), second * LOT)
    world.deliver(world.exchange.updates.pop(0))
    (change,) = [call for call in world.calls if isinstance(call, ModifyOrder) and call.order_id == stop]
    world.exchange.orders[stop].status = "OPEN"
    world.exchange.fill(stop, first * LOT)
    row = world.exchange.orders[stop].row()
    answer = MutationReply(world.now, world.market_time, change.tag, "modify", outcome, "too late")
    update = OrderUpdated(world.now, world.market_time, row)
    for event in (answer, update) if reply_first else (update, answer):
        world.feed(event)

    order = world.bracket.orders[change.tag]
    assert (order.filled_quantity, order.status) == (first * LOT, OrderStatus.COMPLETE)
    assert held_quantity(world.bracket) == second * LOT


@quickly
@given(data=st.data())
def test_i09_i10_i11_i12_i13_every_fill_is_covered_exactly_once(data: st.DataObject) -> None:
    """Entries, stops and targets fill in any portions: each step covers what is held, no more, by one order a leg."""
    world = entered()
    for _ in range(data.draw(st.integers(1, 8))):
        if not world.state.durable.open:
            break
        legs = [each for each in (Leg.ENTRY, Leg.TARGET) if any(live_orders(world.bracket, each))]
        if not legs:
            break
        leg = data.draw(st.sampled_from(legs))
        sent = len(world.sent)
        world.exchange.fill(working(world, leg), data.draw(st.integers(1, 12)) * LOT)
        at = world.now
        world.deliver(world.exchange.updates.pop(0))
        for when, call in world.sent[sent:]:
            assert when == at
            if not isinstance(call, CancelOrder) and call.quantity is not None:
                assert call.quantity > 0
                assert call.quantity % LOT == 0
        world.pump()
        world.run(1.2, step_ms=400)  # a second's calls may be spent
        for bracket in world.state.durable.open.values():
            held = held_quantity(bracket)
            for each in (Leg.STOP, Leg.TARGET):
                standing = live_orders(bracket, each)
                assert len(standing) <= 1
                assert sum(order.remaining for order in standing) == held


@quickly
@given(stop=st.integers(1, LOTS), target=st.integers(1, LOTS), stop_first=st.booleans())
def test_i15_both_exits_filled_is_noticed_and_undone(stop: int, target: int, stop_first: bool) -> None:
    """A race of stop and target reverses the position: it is closed from the other side, told, and nothing works on."""
    world = holding()
    ids = {Leg.STOP: working(world, Leg.STOP), Leg.TARGET: working(world, Leg.TARGET)}
    world.exchange.orders[ids[Leg.STOP]].status = "OPEN"
    order = (Leg.STOP, Leg.TARGET) if stop_first else (Leg.TARGET, Leg.STOP)
    for leg in order:
        world.exchange.fill(ids[leg], (stop if leg is Leg.STOP else target) * LOT)
    is_reversed = world.exchange.quantity(NIFTY) < 0
    world.exchange.liquidity = True
    world.quote(2_400_000)
    world.pump()
    world.run(6, step_ms=200)

    assert world.exchange.quantity(NIFTY) >= 0
    assert view(world.state).naked == view(world.state).orphans == 0
    if is_reversed:
        assert world.exchange.quantity(NIFTY) == 0
        assert not world.exchange.working()
        assert world.announced("bracket_reversed")


@quickly
@given(
    outcome=st.sampled_from(["accepted", "refused", "unknown"]),
    kind=st.sampled_from(["refused", "rate_limited", "token_dead", "gate_closed"]),
    message=st.sampled_from(["", "Order cannot be cancelled as it is complete", "order not found"]),
)
def test_i16_a_cancel_s_answer_decides_nothing(outcome: str, kind: str, message: str) -> None:
    """Accepted, refused or lost: the order is what it was until its own status says otherwise."""
    world = entered()
    world.kill()
    (cancel,) = [call for call in world.calls if isinstance(call, CancelOrder)]
    before = world.bracket.orders[cancel.tag]

    world.feed(MutationReply(world.now, world.market_time, cancel.tag, "cancel", outcome, message, kind))

    after = world.bracket.orders[cancel.tag]
    assert (after.status, after.filled_quantity) == (before.status, before.filled_quantity)
