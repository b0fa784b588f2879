"""No position without its stop (rule 3)."""

import pytest

from tests.unit.trader.domain.world import NIFTY, World, nifty
from trader.domain.brackets import OrderWatcher, held_quantity, on_entry_fill, order_exists
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import CommitRefused, InstrumentsLoaded, OrderUpdated
from trader.domain.values import MILLISECOND, SECOND, Leg, OrderStatus, OrderType, Paise, Quantity, Side
from trader.domain.views import view


def entering() -> World:
    """A live world whose entry works and does not fill by itself."""
    world = World().start()
    world.open_range()
    world.exchange.liquidity = False
    world.quote(2_402_500)
    world.pump()
    return world


def protected() -> World:
    """A long bracket, filled, stop and target working."""
    world = World().start()
    world.enter()
    world.run(1)
    assert view(world.state).brackets[0].state == "protected"
    return world


def fill_entry(world: World, quantity: int) -> None:
    order_id = world.order(Leg.ENTRY).order_id
    assert order_id is not None
    world.exchange.fill(order_id, quantity)
    world.pump()


def test_the_first_filled_lot_has_its_stop_at_once() -> None:
    """A partial fill is protected in the same step, for exactly what is held."""
    world = entering()

    fill_entry(world, 65)

    (stop,) = world.placed(Leg.STOP)
    assert (stop.quantity, stop.side, stop.adds_risk) == (65, Side.SELL, False)
    assert world.placed(Leg.TARGET)[0].quantity == 65


def test_a_stop_that_no_book_shows_is_not_believed_longer_because_it_refuses_changes() -> None:
    """Acknowledged, stuck at the broker: five seconds after it was planned the next attempt goes out, for all that is held."""
    world = entering()
    fill_entry(world, 65)
    stuck = world.exchange.orders.pop(world.order(Leg.STOP).order_id or "")  # type: ignore[arg-type]
    world.exchange.updates.clear()
    planned_at = world.now

    fill_entry(world, 130)
    while len(world.placed(Leg.STOP)) < 2 and world.now - planned_at < 20 * SECOND:
        world.run(0.1)

    assert world.now - planned_at < 6 * SECOND
    assert [order.quantity for order in world.placed(Leg.STOP)] == [65, 195]
    assert stuck.tag != world.order(Leg.STOP).tag


def test_further_fills_enlarge_the_stop_by_modify() -> None:
    """One stop per bracket: it grows with the fills."""
    world = entering()

    fill_entry(world, 65)
    fill_entry(world, 130)

    assert len(world.placed(Leg.STOP)) == 1
    assert world.order(Leg.STOP).quantity == 195
    assert OrderWatcher(world.bracket).is_protected


def test_a_fill_during_a_pending_modify_is_covered_by_the_next() -> None:
    """One mutation in flight per leg; the answer is compared with what is wanted then."""
    world = entering()
    fill_entry(world, 65)
    entry = world.exchange.orders[world.order(Leg.ENTRY).order_id or ""]  # type: ignore[index]

    for quantity in (65, 65, 65):
        world.exchange.fill(entry.order_id, quantity)
        world.deliver(world.exchange.updates.pop(0))
    in_flight = [
        call for call in world.calls if isinstance(call, ModifyOrder) and call.tag == world.order(Leg.STOP).tag
    ]
    assert len(in_flight) == 1
    world.pump()

    assert world.order(Leg.STOP).quantity == 260


def test_replayed_fills_place_nothing_twice() -> None:
    """A fill that is told five times has one stop and one target."""
    world = entering()
    order_id = world.order(Leg.ENTRY).order_id
    assert order_id is not None
    world.exchange.fill(order_id, 1755)
    row = world.exchange.updates.pop(0)

    for _ in range(5):
        world.feed(OrderUpdated(world.now, world.market_time, row))
        world.pump()

    assert len(world.placed(Leg.STOP)) == 1
    assert len(world.placed(Leg.TARGET)) == 1
    assert on_entry_fill(world.bracket).stop == 1755
    assert order_exists(world.bracket, Leg.STOP)


def test_a_stop_in_doubt_counts_for_five_seconds_only() -> None:
    """An in-doubt stop is believed for 5 s; then the next attempt goes out under its own tag."""
    world = entering()
    world.fate = lambda call: "lost" if isinstance(call, PlaceOrder) and call.leg is Leg.STOP else "ok"
    fill_entry(world, 65)
    world.fate = lambda _: "ok"

    world.run(4.8)
    assert len(world.placed(Leg.STOP)) == 1
    world.run(0.5)

    first, second = world.placed(Leg.STOP)
    assert first.attempt != second.attempt
    assert OrderWatcher(world.bracket).is_protected


def test_a_surplus_stop_goes_at_first_sight() -> None:
    """When the stop that was given up turns up after all, one of the two is cancelled."""
    world = entering()
    hidden = PlaceOrder
    world.fate = lambda call: "lost" if isinstance(call, hidden) and call.leg is Leg.STOP else "ok"
    fill_entry(world, 65)
    world.fate = lambda _: "ok"
    world.run(6)
    world.exchange.place(world.placed(Leg.STOP)[0])

    world.run(6)

    stops = [order for order in world.exchange.working() if order.trigger_price]
    assert len(stops) == 1


def test_both_exits_filled_is_closed_at_once() -> None:
    """A reversal is detected by quantity, and traded back to zero."""
    world = protected()
    for leg in (Leg.STOP, Leg.TARGET):
        order = world.exchange.orders[world.order(leg).order_id or ""]  # type: ignore[index]
        order.status = "OPEN"
        world.exchange.fill(order.order_id, 1755)

    world.pump()
    world.run(2)

    assert world.announced("bracket_reversed")
    assert world.exchange.quantity(NIFTY) == 0
    assert not world.exchange.working()


def test_one_filled_exit_reduces_the_other() -> None:
    """OCO by quantity: what the target traded, the stop no longer covers."""
    world = protected()
    target = world.order(Leg.TARGET)
    assert target.order_id is not None
    world.exchange.liquidity = False

    world.exchange.fill(target.order_id, 650)
    world.pump()

    assert held_quantity(world.bracket) == 1105
    assert world.order(Leg.STOP).remaining == 1105


def test_a_filled_target_leaves_no_orphan() -> None:
    """When one exit closes the bracket, the other is cancelled and the bracket ends."""
    world = protected()

    world.quote(2_410_000)
    world.pump()
    world.run(1)

    assert not world.state.durable.open
    assert not world.exchange.working()
    assert world.state.durable.profit_booked


def test_a_refused_stop_is_tried_again_then_the_bracket_is_closed() -> None:
    """Three refusals in a row and the position goes: never naked in silence."""
    world = entering()
    world.exchange.liquidity = True
    world.fate = lambda call: "refused" if isinstance(call, PlaceOrder) and call.leg is Leg.STOP else "ok"

    fill_entry(world, 1755)
    world.run(3)

    assert len(world.placed(Leg.STOP)) == 3
    assert world.exchange.quantity(NIFTY) == 0
    assert any(dict(each.fields)["reason"] == "stop_refused" for each in world.announced("bracket_exiting"))


def test_a_refused_target_leaves_the_stop_alone() -> None:
    """The target is a wish: after three refusals the bracket runs with its stop."""
    world = entering()
    world.fate = lambda call: "refused" if isinstance(call, PlaceOrder) and call.leg is Leg.TARGET else "ok"

    fill_entry(world, 1755)
    world.run(20)

    assert len(world.placed(Leg.TARGET)) == 3
    assert OrderWatcher(world.bracket).is_protected
    assert not world.bracket.exiting


def test_a_stop_cancelled_by_the_exchange_is_replaced_at_once() -> None:
    """Limit price protection may cancel a stop when it is needed most: the next one goes out in the same step."""
    world = protected()
    stop = world.exchange.orders[world.order(Leg.STOP).order_id or ""]  # type: ignore[index]
    stop.status = "CANCELLED"

    world.deliver(stop.row())

    assert len(world.placed(Leg.STOP)) == 2


def test_a_stop_passed_by_the_market_becomes_an_exit() -> None:
    """A stop beyond the market would be refused: the position is closed instead."""
    world = entering()
    order_id = world.order(Leg.ENTRY).order_id
    assert order_id is not None
    world.exchange.liquidity = True
    world.exchange.move(NIFTY, 2_397_000)
    world.quote(2_397_000)

    world.run(1)

    assert world.placed(Leg.STOP) == []
    assert world.exchange.quantity(NIFTY) == 0


def test_a_triggered_stop_that_rests_is_repriced() -> None:
    """A stop-limit that was jumped over is turned into a limit that trades, within about a second."""
    world = protected()
    world.exchange.liquidity = False
    world.quote(2_380_000)
    world.run(1.5)
    world.exchange.liquidity = True
    world.exchange.match(NIFTY)
    world.run(1.5)

    changes = [call for _, call in world.sent if isinstance(call, ModifyOrder) and call.order_type is OrderType.LIMIT]
    assert changes
    assert world.exchange.quantity(NIFTY) == 0
    assert not world.exchange.working()


def test_a_refused_commit_never_existed() -> None:
    """What the store refused is absent; its signal stays burned and the journal agrees."""
    world = World().start()
    world.open_range()
    world.commits = False
    world.quote(2_402_500)
    tag = world.placed(Leg.ENTRY)[0].tag

    world.feed(CommitRefused(world.now, world.market_time, (tag,), "killed"))

    assert not world.state.durable.open
    (closed,) = world.state.durable.closed.values()
    assert closed.orders[tag].status is OrderStatus.ABSENT


def test_a_refusal_before_a_restart_does_not_silence_the_leg() -> None:
    """The pause after a refusal ends with the process that took it."""
    world = entering()
    world.fate = lambda call: "refused" if isinstance(call, PlaceOrder) and call.leg is Leg.STOP else "ok"
    fill_entry(world, 1755)
    world.fate = lambda _: "ok"

    world.restart(2)
    world.run(1)

    assert OrderWatcher(world.bracket).is_protected


def test_a_gate_that_closed_is_no_refusal() -> None:
    """Our own gate before any byte: absent, tried again, and not counted against the stop."""
    world = entering()
    world.fate = lambda call: "gate" if isinstance(call, PlaceOrder) and call.leg is Leg.STOP else "ok"
    fill_entry(world, 65)
    world.run(4)

    assert len(world.placed(Leg.STOP)) > 3
    assert world.bracket.exiting == ""
    world.fate = lambda _: "ok"
    world.run(4)
    assert OrderWatcher(world.bracket).is_protected


def test_a_broker_that_counts_too_much_is_no_reason_to_exit() -> None:
    """429 says nothing about the stop: it is tried again until it stands, and entries wait a minute."""
    world = entering()
    world.fate = lambda call: "rate_limited" if isinstance(call, PlaceOrder) and call.leg is Leg.STOP else "ok"
    fill_entry(world, 65)
    world.run(4)

    assert world.bracket.exiting == ""
    assert world.state.control.limited_at > 0
    world.fate = lambda _: "ok"
    world.run(4)
    assert OrderWatcher(world.bracket).is_protected


@pytest.mark.parametrize("wait", [100 * MILLISECOND, SECOND])
def test_a_refused_cancel_decides_nothing(wait: int) -> None:
    """`Already complete` and `unknown` are both refusals: only a row of the broker's ends an order."""
    world = protected()
    target = world.order(Leg.TARGET)
    world.fate = lambda call: "refused" if isinstance(call, CancelOrder) else "ok"
    stop = world.order(Leg.STOP)
    assert stop.order_id is not None
    world.exchange.orders[stop.order_id].status = "OPEN"
    world.exchange.fill(stop.order_id, 1755)
    world.pump()
    world.pass_time(wait)

    assert world.bracket.orders[target.tag].status is OrderStatus.WORKING
    world.fate = lambda _: "ok"
    world.run(3)
    assert not world.exchange.working()


def test_exits_are_never_larger_than_the_freeze_quantity() -> None:
    """What the exchange would freeze is closed in parts."""
    world = protected()
    world.exchange.orders[world.order(Leg.ENTRY).order_id or ""].quantity += 1755  # type: ignore[index]
    entry = world.exchange.orders[world.order(Leg.ENTRY).order_id or ""]  # type: ignore[index]
    entry.status = "OPEN"
    world.exchange.fill(entry.order_id, 1755)
    world.pump()
    world.kill()
    world.run(3)

    assert world.exchange.quantity(NIFTY) == 0
    assert max(
        order.quantity for order in world.exchange.orders.values() if order.order_id != entry.order_id
    ) <= Quantity(1800)


def test_a_band_that_moved_in_behind_the_stop_takes_the_stop_with_it() -> None:
    """Trigger and limit stand inside the circuit limits that hold now: a stop outside would be refused, and protect nothing."""
    world = entering()
    lower = world.order(Leg.ENTRY).price - 200
    world.feed(InstrumentsLoaded(world.now, world.market_time, (nifty(lower_circuit=Paise(lower)),)))

    fill_entry(world, 65)

    (stop,) = world.placed(Leg.STOP)
    assert lower <= stop.price <= stop.trigger_price
