"""Getting out, one decision at a time: which vehicle, at which price, and what is left alone."""

import pytest

from tests.unit.trader.domain.building import INTENT, bracket, filled, order, over, track, turn_of
from tests.unit.trader.domain.test_guards import live
from tests.unit.trader.domain.world import World
from trader.domain.calendars import Phase
from trader.domain.evolving import evolve
from trader.domain.exiting import exit_wants
from trader.domain.state import Bracket, Mutation, Order, ReadTrack, Track
from trader.domain.values import (
    MILLISECOND,
    SECOND,
    Leg,
    MachineTime,
    OrderStatus,
    OrderType,
    Paise,
    Quantity,
    Side,
)
from trader.domain.wants import CancelWant, ModifyWant, PlaceWant, Urgency, Want

ENTRY = filled(Leg.ENTRY)
STOP, TARGET, EXIT = order(Leg.STOP), order(Leg.TARGET), order(Leg.EXIT)
BID, ASK, LAST = 2_399_990, 2_400_010, 2_400_000
STEP = 100
"""Ten ticks of ten paise."""
Roads = dict[Order, Track]


@pytest.fixture(scope="module")
def ready() -> World:
    """LIVE, with a quote; nobody steps it further."""
    return live()


def out(world: World, which: Bracket, roads: Roads | None = None, held: int = 130, **control: object) -> list[Want]:
    """What this bracket still needs to be empty."""
    known = {each: track(world) for each in which.orders.values()} | (roads or {})
    return exit_wants(turn_of(world, which, known, **control), which, held)


def mutating(world: World, operation: str, age: int = 0) -> Track:
    """A modify or cancel was sent so long ago, and nobody has answered."""
    at = MachineTime(world.now - age)
    mutation = Mutation(operation, at, OrderType.LIMIT, Quantity(130), Paise(1), Paise(0))
    return track(world, mutation=mutation, mutated_at=at)


def turned(of: Order, price: int = 2_399_890) -> ModifyWant:
    """The modify that makes an order the exit."""
    return ModifyWant(
        urgency=Urgency.PROTECT,
        order=of,
        order_type=OrderType.LIMIT,
        quantity=Quantity(130),
        price=Paise(price),
        trigger_price=Paise(0),
        is_reprice=True,
    )


def cancelled(*orders: Order) -> list[Want]:
    return [CancelWant(Urgency.TIDY, each) for each in orders]


# The vehicle


def test_the_stop_becomes_the_exit(ready: World) -> None:
    """One modify turns it; the target beside it goes."""
    assert out(ready, bracket(ENTRY, TARGET, STOP)) == [turned(STOP), *cancelled(TARGET)]


def test_the_target_serves_when_there_is_no_stop(ready: World) -> None:
    """It is a limit already: only its price changes."""
    assert out(ready, bracket(ENTRY, TARGET)) == [turned(TARGET)]


def test_the_newest_stop_is_turned(ready: World) -> None:
    """Of two that stand, the later attempt; the other is too many."""
    newer = order(Leg.STOP, attempt=1)
    assert out(ready, bracket(ENTRY, STOP, newer)) == [turned(newer), *cancelled(STOP)]


@pytest.mark.parametrize("reason", ["side", "modifications", "refused"])
def test_an_order_that_cannot_be_turned_is_not(ready: World, reason: str) -> None:
    """On the wrong side, out of modifications, or refused: the target serves instead."""
    changes: dict[str, dict[str, object]] = {
        "side": {"side": Side.BUY},
        "modifications": {"modifications": 24},
        "refused": {},
    }
    stop = order(Leg.STOP, **changes[reason])
    roads = {stop: track(ready, mutation_refusals=1)} if reason == "refused" else {}
    assert out(ready, bracket(ENTRY, stop, TARGET), roads) == [turned(TARGET), *cancelled(stop)]


def test_one_modification_is_left(ready: World) -> None:
    """The twenty-fourth is still ours."""
    stop = order(Leg.STOP, modifications=23)
    assert out(ready, bracket(ENTRY, stop)) == [turned(stop)]


def placed(which: Bracket, price: int, side: Side = Side.SELL, quantity: int = 130) -> list[Want]:
    return [
        PlaceWant(Urgency.PROTECT, which, Leg.EXIT, side, OrderType.LIMIT, Quantity(quantity), Paise(price), Paise(0))
    ]


def test_an_exit_is_placed_when_nothing_can_be_turned(ready: World) -> None:
    """For all that is held, on the closing side; after a reversal from the other."""
    naked = bracket(ENTRY)
    assert out(ready, naked) == placed(naked, BID - STEP)
    assert out(ready, naked, held=40) == placed(naked, BID - STEP, quantity=40)
    assert out(ready, naked, held=1) == placed(naked, BID - STEP, quantity=1)
    assert out(ready, naked, held=-40) == placed(naked, ASK + STEP, Side.BUY, 40)
    assert out(ready, bracket(ENTRY, quantity=Quantity(1)), held=9_000)[0].quantity == 1755  # type: ignore[union-attr]


def test_no_exit_while_the_market_is_closed(ready: World) -> None:
    """The exchange refuses it; while it closes it still takes one."""
    naked = bracket(ENTRY)
    session = ready.state.market.session
    assert session is not None
    for phase, expected in ((Phase.CLOSED, []), (Phase.BEFORE, []), (Phase.CLOSING, placed(naked, BID - STEP))):
        turn = turn_of(ready, naked)
        turn.market = evolve(turn.market, session=evolve(session, phase=phase))
        assert exit_wants(turn, naked, 130) == expected
        with_stop = bracket(ENTRY, STOP)
        closing = turn_of(ready, with_stop, {STOP: track(ready)})
        closing.market = evolve(closing.market, session=evolve(session, phase=phase))
        assert bool(exit_wants(closing, with_stop, 130)) is (phase is Phase.CLOSING)


def test_a_refused_exit_pauses(ready: World) -> None:
    """The next attempt waits for its pause, and goes then."""
    refused = over(Leg.EXIT, OrderStatus.REJECTED)
    which = bracket(ENTRY, refused)
    just = {refused: track(ready, changed_at=MachineTime(ready.now - 200 * MILLISECOND + 1))}
    then = {refused: track(ready, changed_at=MachineTime(ready.now - 200 * MILLISECOND))}
    assert out(ready, which, just) == []
    assert len(out(ready, which, then)) == 1


# While something is on its way


def test_until_the_exit_stands_the_stop_stays(ready: World) -> None:
    """An exit without an answer is no protection yet: only the target goes."""
    coming = order(Leg.EXIT, status=OrderStatus.SENT, order_id=None)
    which, roads = bracket(ENTRY, STOP, TARGET, coming), {coming: track(ready, planned_at=ready.now)}
    assert out(ready, which, roads) == cancelled(TARGET)


def test_after_a_reversal_no_stop_is_needed(ready: World) -> None:
    """What closes a reversal is bought; stop and target on the selling side go."""
    coming = order(Leg.EXIT, side=Side.BUY, status=OrderStatus.SENT, order_id=None)
    which, roads = bracket(ENTRY, STOP, TARGET, coming), {coming: track(ready, planned_at=ready.now)}
    assert out(ready, which, roads, held=-10) == cancelled(STOP, TARGET)


def test_an_exit_of_the_other_side_is_no_exit(ready: World) -> None:
    """It is cancelled, and the stop is turned."""
    wrong = order(Leg.EXIT, side=Side.BUY)
    assert out(ready, bracket(ENTRY, STOP, wrong)) == [turned(STOP, BID - 2 * STEP), *cancelled(wrong)]


def test_a_turned_stop_is_the_vehicle_while_it_is_awaited(ready: World) -> None:
    """Its answer decides: the target beside it goes, nothing else is turned; once refused it is a stop again."""
    half = evolve(STOP, reprices=1, modifications=1)
    which = bracket(ENTRY, half, TARGET)
    assert out(ready, which, {half: mutating(ready, "modify")}) == cancelled(TARGET)
    stands = evolve(half, order_type=OrderType.LIMIT, price=Paise(BID - STEP))
    assert out(ready, bracket(ENTRY, stands, TARGET))[-1:] == cancelled(TARGET)
    refused = track(ready, mutation_refusals=1)
    assert out(ready, which, {half: refused})[0] == turned(TARGET, BID - 2 * STEP)


def test_the_best_of_several_vehicles_is_driven(ready: World) -> None:
    """An exit before a turned stop before a turned target, the newest of its kind; the rest goes."""
    stop = evolve(STOP, reprices=1, order_type=OrderType.LIMIT, price=Paise(2_407_000), trigger_price=Paise(0))
    target = evolve(TARGET, reprices=1)
    old, new = order(Leg.EXIT, epoch=1, attempt=5), order(Leg.EXIT, epoch=2, attempt=0)
    for orders in ((old, new, stop, target), (target, stop, new, old)):
        wants = out(ready, bracket(ENTRY, *orders))
        assert [each.order for each in wants if isinstance(each, ModifyWant)] == [new]
        assert {each.order for each in wants if isinstance(each, CancelWant)} == {old, stop, target}
    wants = out(ready, bracket(ENTRY, stop, target))
    assert [each.order for each in wants if isinstance(each, ModifyWant)] == [stop]
    later = order(Leg.EXIT, epoch=1, attempt=6)
    wants = out(ready, bracket(ENTRY, later, old))
    assert [each.order for each in wants if isinstance(each, ModifyWant)] == [later]


@pytest.mark.parametrize(("age", "waits"), [(0, True), (2 * SECOND, True), (2 * SECOND + 1, False)])
def test_a_modify_in_flight_is_waited_for(ready: World, age: int, waits: bool) -> None:
    """For two seconds its answer may save another exit; then the stop stands for what it is."""
    wants = out(ready, bracket(ENTRY, STOP), {STOP: mutating(ready, "modify", age)})
    assert wants == ([] if waits else [turned(STOP)])


def test_a_cancel_in_flight_is_not(ready: World) -> None:
    """What is being cancelled will not help."""
    which = bracket(ENTRY, STOP)
    assert out(ready, which, {STOP: mutating(ready, "cancel")}) == placed(which, BID - STEP)


@pytest.mark.parametrize(("age", "waits"), [(0, True), (400 * MILLISECOND, True), (400 * MILLISECOND + 1, False)])
def test_a_stop_that_is_being_placed_is_waited_for(ready: World, age: int, waits: bool) -> None:
    """A moment: it can be turned into the exit."""
    coming = order(Leg.STOP, status=OrderStatus.SENT, order_id=None)
    which = bracket(ENTRY, coming)
    wants = out(ready, which, {coming: track(ready, planned_at=MachineTime(ready.now - age))})
    assert wants == ([] if waits else placed(which, BID - STEP))


@pytest.mark.parametrize(
    "coming",
    [
        order(Leg.STOP, status=OrderStatus.IN_DOUBT, order_id=None),
        order(Leg.TARGET, status=OrderStatus.SENT, order_id=None),
        order(Leg.STOP, status=OrderStatus.SENT, order_id=None, side=Side.BUY),
    ],
)
def test_nothing_else_is_waited_for(ready: World, coming: Order) -> None:
    """Neither doubt, nor a target, nor an order of the other side."""
    which = bracket(ENTRY, coming)
    wants = out(ready, which, {coming: track(ready, planned_at=ready.now, doubt_since=ready.now)})
    assert wants == placed(which, BID - STEP)


@pytest.mark.parametrize(
    ("age", "read_later", "waits"),
    [(1, False, True), (SECOND, False, True), (SECOND + 1, False, False), (1, True, False)],
)
def test_a_refused_turn_waits_for_its_reason(ready: World, age: int, read_later: bool, waits: bool) -> None:
    """Most likely it had filled: the next book tells; without one, a second is enough."""
    changed = MachineTime(ready.now - age)
    which = bracket(ENTRY, STOP)
    asked = MachineTime(changed + (1 if read_later else 0))
    roads = {STOP: track(ready, mutation_refusals=1, changed_at=changed)}
    wants = out(ready, which, roads, book=ReadTrack(requested_at=asked))
    assert wants == ([] if waits else placed(which, BID - STEP))


def test_without_any_book_the_second_decides(ready: World) -> None:
    """No read at all is no reason."""
    roads = {STOP: track(ready, mutation_refusals=1, changed_at=MachineTime(ready.now - SECOND))}
    assert out(ready, bracket(ENTRY, STOP), roads, book=ReadTrack()) == []


# Driving


def standing(**changes: object) -> Order:
    """An exit that stands at its first price."""
    return order(Leg.EXIT, **{"price": Paise(2_399_900), **changes})


def test_a_reprice_waits_its_time(ready: World) -> None:
    """Four hundred milliseconds after whatever was sent last, placement or modify."""
    mine = standing()
    which = bracket(ENTRY, mine)
    better = [turned(mine, BID - 2 * STEP)]
    for name in ("planned_at", "mutated_at"):
        just = {mine: track(ready, **{name: MachineTime(ready.now - 400 * MILLISECOND + 1)})}
        then = {mine: track(ready, **{name: MachineTime(ready.now - 400 * MILLISECOND)})}
        assert out(ready, which, just) == []
        assert out(ready, which, then) == better


def test_only_a_better_price_is_sent(ready: World) -> None:
    """The same again, or one that trades later, is no reprice."""
    for price, sends in ((BID - 2 * STEP, False), (BID - 2 * STEP - 10, False), (BID - 2 * STEP + 10, True)):
        assert bool(out(ready, bracket(ENTRY, standing(price=Paise(price))))) is sends
    for price, sends in ((ASK + 2 * STEP, False), (ASK + 2 * STEP + 10, False), (ASK + 2 * STEP - 10, True)):
        buying = standing(side=Side.BUY, price=Paise(price))
        assert bool(out(ready, bracket(ENTRY, buying), held=-130)) is sends


def test_the_quantity_is_brought_to_what_is_held_at_once(ready: World) -> None:
    """Not at the next reprice: at the price that stands; what the order filled counts to its total."""
    mine = standing(quantity=Quantity(65), filled_quantity=Quantity(5))
    just = {mine: track(ready, planned_at=ready.now)}
    (want,) = out(ready, bracket(ENTRY, mine), just, held=125)
    assert want == evolve(turned(mine, mine.price), quantity=Quantity(130))
    (due,) = out(ready, bracket(ENTRY, mine), held=125)
    assert due == evolve(turned(mine, BID - 2 * STEP), quantity=Quantity(130))


def test_a_stop_is_turned_without_waiting(ready: World) -> None:
    """However lately it was placed: the first turn is always due."""
    assert out(ready, bracket(ENTRY, STOP), {STOP: track(ready, planned_at=ready.now)}) == [turned(STOP)]
    assert out(ready, bracket(ENTRY, TARGET), {TARGET: track(ready, planned_at=ready.now)}) == [turned(TARGET)]


def test_a_turned_order_is_repriced_like_an_exit(ready: World) -> None:
    """Its second price waits for its time; as long as the broker shows a stop, it is asked again at once."""
    mine = evolve(STOP, reprices=1, order_type=OrderType.LIMIT, price=Paise(BID - STEP), trigger_price=Paise(0))
    fresh = {mine: track(ready, reprices=1, mutated_at=ready.now)}
    assert out(ready, bracket(ENTRY, mine), fresh) == []
    assert out(ready, bracket(ENTRY, mine), {mine: track(ready, reprices=1)}) == [turned(mine, BID - 2 * STEP)]
    still = evolve(mine, order_type=OrderType.STOP_LIMIT)
    again = {still: track(ready, reprices=1, mutated_at=ready.now)}
    assert out(ready, bracket(ENTRY, still), again) == [turned(still, BID - 2 * STEP)]


def test_a_vehicle_at_its_end_is_replaced(ready: World) -> None:
    """Out of modifications, or refused three times: it is cancelled at once, so that another may be placed."""
    worn = standing(modifications=24)
    assert out(ready, bracket(ENTRY, worn)) == [CancelWant(Urgency.PROTECT, worn)]
    nearly = standing(modifications=23)
    assert out(ready, bracket(ENTRY, nearly)) == [turned(nearly, BID - 2 * STEP)]
    for refusals, gives_up in ((2, False), (3, True)):
        mine = standing()
        (want,) = out(ready, bracket(ENTRY, mine), {mine: track(ready, mutation_refusals=refusals)})
        assert isinstance(want, CancelWant) is gives_up


def test_a_refused_vehicle_rests(ready: World) -> None:
    """For its pause after a refusal nothing is sent."""
    mine = standing()
    resting = {mine: track(ready, mutation_refusals=1, changed_at=ready.now)}
    assert out(ready, bracket(ENTRY, mine), resting) == []


def test_entries_and_ended_orders_are_no_vehicles(ready: World) -> None:
    """The entry is somebody else's business; what is over is over."""
    working = order(Leg.ENTRY, attempt=1, side=Side.SELL)
    assert out(ready, bracket(working, ENTRY, STOP)) == [turned(STOP)]
    gone = over(Leg.STOP, OrderStatus.CANCELLED)
    which = bracket(ENTRY, working, gone)
    assert out(ready, which) == placed(which, BID - STEP)
    assert which.plan.intent == INTENT
