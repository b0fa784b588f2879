"""More lessons of other engines, from the nineteenth on: restarts, books that differ, sizes. Numbers as in test_rows.py."""

import os
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tests.property.trader.desks import LOT, LOTS, holding, live, signal
from tests.property.trader.test_storms import Storm
from tests.unit.trader.domain.world import NIFTY, World, nifty
from trader.domain.brackets import live_orders
from trader.domain.effects import Persist, PlaceOrder
from trader.domain.engine import replay
from trader.domain.events import BookRead, ClockTick
from trader.domain.sizing import size_entry
from trader.domain.state import initial_state
from trader.domain.tags import decode_tag
from trader.domain.values import (
    SECOND,
    Leg,
    MachineTime,
    Paise,
    TradingState,
)
from trader.domain.views import view
from trader.engine.records import decode_record, encode

quickly = bounds(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 10**6)


def storm(seed: int, steps: int = 40) -> World:
    """A world in the midst of a storm: nothing has healed."""
    blowing = Storm(seed)
    blowing.begin()
    for _ in range(steps):
        names = [
            "call",
            "call",
            "update",
            "update",
            "read",
            "fill",
            "fill",
            "quote",
            "time",
            "trigger",
            "crash",
            "human",
        ]
        blowing.happen(blowing.random.choice(names))
    return blowing.world


@quickly
@given(seed=SEEDS)
def test_i19_the_same_book_twice_says_nothing_the_second_time(seed: int) -> None:
    """Reconciliation is idempotent, in the midst of any storm: no fact, no order comes of a repetition."""
    world = storm(seed)
    read = BookRead(world.now, world.market_time, world.now, world.exchange.book())
    world.feed(read)
    world.feed(read)
    durable = world.state.durable
    effects = world.feed(read)

    assert not [each for each in effects if isinstance(each, Persist)]
    assert world.state.durable is durable or world.state.durable == durable


@quickly
@given(seed=SEEDS)
def test_i20_i22_a_successor_knows_every_order_and_sends_none_before_the_book(seed: int) -> None:
    """After a recovery each working order of ours in the book is in the state; until the book was read nothing left."""
    world = storm(seed)
    world.fate = lambda _: "ok"
    sent = len(world.sent)
    world.state = replay(initial_state(world.settings), world.journal)
    world.calls.clear()
    world.reads.clear()
    world.pass_time(SECOND)
    world.prepare()
    world.answers_reads = False
    world.lead(99)
    for _ in range(5):
        world.pass_time(SECOND // 5)
        world.feed(ClockTick(world.now, world.market_time))
    assert len(world.sent) == sent

    world.feed(BookRead(world.now, world.market_time, world.now, world.exchange.book()))

    known = {tag for bracket in world.state.durable.open.values() for tag in bracket.orders}
    ours = [each.tag for each in world.exchange.working() if decode_tag(each.tag) is not None]
    assert set(ours) <= known


@quickly
@given(lots=st.integers(-30, 30).filter(bool))
def test_i21_no_live_trading_on_a_difference(lots: int) -> None:
    """Positions that our fills do not explain keep it from LIVE until two reads and a book agree on whose they are."""
    world = live()
    assert world.state.control.trading_state is TradingState.LIVE
    world.exchange.outside[NIFTY] = lots * LOT
    was_suspicious = False
    for _ in range(60):
        world.run(0.5, step_ms=500)
        suspicion = world.state.control.suspicion
        was_suspicious |= suspicion is not None
        if suspicion is not None and not world.state.control.was_live:
            assert world.state.control.trading_state is not TradingState.LIVE
    signal(world)

    assert was_suspicious
    assert world.state.durable.foreign == {NIFTY: lots * LOT}
    assert not world.placed(Leg.ENTRY)


@quickly
@given(seed=SEEDS, cut=st.floats(0, 1))
def test_i22_the_journal_alone_gives_the_state(seed: int, cut: float) -> None:
    """Through its text and back, as a whole and up to any record: the same durable part, again and again."""
    world = storm(seed)
    start = initial_state(world.settings)
    told = [decode_record(*encode(record)) for record in world.journal]
    assert told == world.journal
    assert replay(start, told).durable == world.state.durable

    prefix = told[: round(len(told) * cut)]
    rest = told[len(prefix) :]
    assert replay(replay(start, prefix), rest).durable == world.state.durable


@quickly
@given(seed=SEEDS)
def test_i40_children_never_exceed_their_parent(seed: int) -> None:
    """In any storm, across restarts and epochs: what was accepted as entry of a plan never exceeds it."""
    world = storm(seed, steps=60)
    brackets = (*world.state.durable.open.values(), *world.state.durable.closed.values())
    planned = {bracket.plan.intent: bracket.plan.quantity for bracket in brackets}
    entries: dict[str, int] = {}
    for order in world.exchange.orders.values():
        parts = decode_tag(order.tag)
        if parts is not None and parts.leg is Leg.ENTRY:
            entries[parts.intent] = entries.get(parts.intent, 0) + order.quantity
    assert all(quantity <= planned[intent] for intent, quantity in entries.items())  # type: ignore[index]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_i35_the_machine_s_time_zone_changes_nothing(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same storm gives the same journal wherever the process runs."""
    expected = storm(7).journal
    monkeypatch.setitem(os.environ, "TZ", zone)
    time.tzset()
    try:
        assert storm(7).journal == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@quickly
@given(
    refused=st.lists(st.booleans(), min_size=3, max_size=3),
    fills=st.lists(st.integers(0, LOTS), min_size=3, max_size=3),
)
def test_i39_a_failed_slice_leaves_the_others_protected(refused: list[bool], fills: list[int]) -> None:
    """Of three slices any may be refused and each may fill in part: the stops cover what is held, nothing is sent again."""
    world = live(slices=3)
    fates = iter("refused" if each else "ok" for each in refused)
    world.fate = lambda call: next(fates, "ok") if isinstance(call, PlaceOrder) and call.leg is Leg.ENTRY else "ok"
    signal(world)
    world.pump()
    for order, lots in zip(list(world.exchange.orders.values()), fills, strict=False):
        world.exchange.fill(order.order_id, lots * LOT)
    world.pump()
    world.run(1)

    brackets = world.state.durable.open.values()
    stops = [order for each in brackets for order in live_orders(each, Leg.STOP)]
    assert sum(order.remaining for order in stops) == world.exchange.quantity(NIFTY)
    assert len(world.placed(Leg.ENTRY)) == 3


@given(
    net=st.integers(1, 10**12), distance=st.integers(1, 10**6), heat=st.integers(0, 10**11), slices=st.integers(1, 5)
)
def test_i37_a_size_below_one_lot_is_none(net: int, distance: int, heat: int, slices: int) -> None:
    """Whole lots, never more than risk, heat and freeze quantity allow; what does not make a lot is nothing, not one."""
    profile = live().profile
    size = size_entry(profile, Paise(net), Paise(heat), distance, nifty(), slices=slices)

    assert size.quantity % LOT == 0
    assert size.quantity * distance <= net * profile.per_trade_risk_ppm // 1_000_000
    assert size.quantity * distance + heat <= max(heat, net * profile.max_heat_ppm // 1_000_000)
    assert sum(size.cut()) == size.quantity
    assert all(0 < each <= 1_800 for each in size.cut())
    assert len(size.cut()) == size.orders <= slices


@quickly
@given(jump=st.integers(1, 20))
def test_machine_time_never_runs_backwards_in_a_decision(jump: int) -> None:
    """A quote that let others pass is judged at its own time; deadlines are measured on the machine's clock only."""
    world = holding()
    world.market_time = type(world.market_time)(world.market_time - jump * SECOND)
    world.quote(2_400_000)
    world.now = MachineTime(world.now + SECOND)
    world.feed(ClockTick(world.now, world.market_time))

    assert view(world.state).naked == 0
