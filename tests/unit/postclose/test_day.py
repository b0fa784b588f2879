"""The figures of a day follow from its facts, and from no other day's."""

from dataclasses import replace

from ops.postclose.day import denials, of_date
from tests.unit.postclose.facts import (
    DATE,
    EXITING,
    INTENT,
    KILL,
    NEXT_DAY,
    OPENED,
    OTHER,
    RELEASED,
    changed,
    ordered,
    planned,
    won,
)
from trader.domain.records import Record
from trader.domain.values import KillReason, Leg, OrderStatus


def test_profit_charges_orders_and_fills() -> None:
    """As booked, after charges; each order and each filled order once, however often it changed."""
    day = of_date([OPENED, *won(INTENT, 1)], DATE)
    assert (day.profit, day.charges, day.orders, day.fills) == (1_290_000, 10_000, 2, 2)
    (trade,) = day.trades
    assert (trade.how, trade.entry, trade.exit, trade.filled) == ("target", 2_400_000, 2_420_000, 65)
    assert (day.open_positions, day.incidents) == (0, ())


def test_another_day_counts_for_nothing() -> None:
    """Neither the one before nor the one after; a day that was never opened is empty."""
    facts: list[Record] = [OPENED, *won(INTENT, 1), NEXT_DAY, *won(OTHER, 1441)]
    assert of_date(facts, DATE).profit == 1_290_000
    assert [each.intent for each in of_date(facts, DATE).trades] == [INTENT]
    assert (of_date(facts, "2026-11-20").orders, of_date(facts, "2026-11-20").opening) == (0, 0)


def test_a_leader_change_is_another_epoch() -> None:
    """By the orders that it sent."""
    day = of_date([OPENED, *won(INTENT, 1), *won(OTHER, 5, epoch=3)], DATE)
    assert (day.epochs, day.leader_changes) == ((1, 3), 1)


def test_what_is_left_open_is_said_loudly() -> None:
    """A position that outlived the day."""
    facts: list[Record] = [OPENED, planned(INTENT, 1), ordered(INTENT, Leg.ENTRY, 1)]
    facts.append(changed(INTENT, Leg.ENTRY, 1, OrderStatus.COMPLETE, 65, 2_400_000, 5_000))
    day = of_date(facts, DATE)
    assert (day.open_positions, day.trades[0].how, day.trades[0].profit) == (1, "STILL OPEN", -5_000)


def test_incidents_are_told_once_each() -> None:
    """A refusal, a doubt, a kill and its release; what was planned so is none."""
    refused = changed(INTENT, Leg.ENTRY, 1, OrderStatus.REJECTED, message="too large")
    planning: list[Record] = [OPENED, planned(INTENT, 1), ordered(INTENT, Leg.ENTRY, 1)]
    facts: list[Record] = [*planning, refused, refused, KILL, EXITING, RELEASED]
    day = of_date(facts, DATE)
    told = [each.what for each in day.incidents]
    assert len(told) == 4
    assert "was refused: too large" in told[0]
    assert told[1] == "kill kill-1a2b (manual) by api desk: broker looks odd"
    assert (len(day.kills), day.standing_kill) == (1, None)


def test_what_somebody_willed_is_told_and_is_no_fault_of_the_day() -> None:
    """A kill by hand, its release, and the positions that it closed; a refusal is nobody's will."""
    refused = changed(INTENT, Leg.ENTRY, 1, OrderStatus.REJECTED, message="too large")
    planning: list[Record] = [OPENED, planned(INTENT, 1), ordered(INTENT, Leg.ENTRY, 1)]
    willed: list[Record] = [KILL, replace(EXITING, reason="killed"), RELEASED]
    assert of_date([*planning, *willed], DATE).unplanned == 0
    assert of_date([*planning, refused, *willed], DATE).unplanned == 1
    by_risk = replace(KILL, reason=KillReason.RISK)
    assert [of_date([*planning, kill], DATE).risk_kills for kill in (KILL, by_risk)] == [0, 1]


def test_denials_are_summed_over_the_processes() -> None:
    """Most first; a guard that never tripped is left out."""
    page = 'trader_guard_trips_total{guard="HEAT"} 2.0\ntrader_guard_trips_total{guard="KILLED"} 0.0\n'
    other = 'trader_guard_trips_total{guard="HEAT"} 1.0\ntrader_guard_trips_total{guard="FREEZE_BAND"} 5.0\n'
    assert list(denials([page, other]).items()) == [("FREEZE_BAND", 5), ("HEAT", 3)]
