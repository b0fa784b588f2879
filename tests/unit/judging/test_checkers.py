"""The judges find what they are there to find, and nothing else."""

from typing import Any

from ops.judging.checkers import (
    SECOND_NS,
    Interval,
    duplicate_orders,
    judge,
    longest_unprotected_seconds,
    repeated_entries,
    reversals,
    stale_epoch_risk,
    unprotected,
)
from trader.domain.tags import TagParts, decode_tag, encode_tag
from trader.domain.values import Epoch, IntentId, Leg

INTENT = IntentId("0123ABCD")


def tag(leg: Leg, epoch: int = 1, attempt: int = 0, intent: IntentId = INTENT) -> str:
    """A tag of ours."""
    return encode_tag(TagParts(Epoch(epoch), intent, leg, attempt))


def accepted(at: float, order_id: str, order_tag: str, quantity: int = 65, side: str = "") -> dict[str, Any]:
    """An acceptance in the log; entries buy and exits sell unless told otherwise."""
    parts = decode_tag(order_tag)
    is_exit = parts is not None and parts.leg is not Leg.ENTRY
    return {
        "kind": "order_accepted",
        "machine_time_ns": int(at * SECOND_NS),
        "order_id": order_id,
        "tag": order_tag,
        "instrument": "NFO:NIFTY26DECFUT",
        "transaction_type": side or ("SELL" if is_exit else "BUY"),
        "quantity": quantity,
    }


def trade(at: float, order_id: str, order_tag: str, quantity: int = 65) -> dict[str, Any]:
    """A trade in the log."""
    return {
        "kind": "trade",
        "machine_time_ns": int(at * SECOND_NS),
        "order_id": order_id,
        "tag": order_tag,
        "quantity": quantity,
    }


def update(at: float, order_id: str, order_tag: str, status: str) -> dict[str, Any]:
    """A status change in the log."""
    return {
        "kind": "order_update",
        "machine_time_ns": int(at * SECOND_NS),
        "order_id": order_id,
        "tag": order_tag,
        "status": status,
    }


CLEAN = [
    accepted(0, "1", tag(Leg.ENTRY)),
    trade(1, "1", tag(Leg.ENTRY)),
    accepted(1.2, "2", tag(Leg.STOP)),
    accepted(1.3, "3", tag(Leg.TARGET)),
    trade(9, "3", tag(Leg.TARGET)),
    update(9.1, "2", tag(Leg.STOP), "CANCELLED"),
]


def test_a_clean_bracket_breaks_no_promise() -> None:
    """Entry, stop, target, and the stop cancelled after the target filled."""
    assert all(found == [] for found in judge(CLEAN, 10 * SECOND_NS).values())


def test_the_same_attempt_in_two_epochs_is_a_duplicate() -> None:
    """The epoch does not make a second order a different one."""
    log = [accepted(0, "1", tag(Leg.STOP, epoch=1)), accepted(1, "2", tag(Leg.STOP, epoch=2))]

    assert len(duplicate_orders(log)) == 1


def test_the_next_attempt_of_a_leg_is_no_duplicate() -> None:
    """A leg placed again carries the next attempt."""
    log = [accepted(0, "1", tag(Leg.STOP)), accepted(1, "2", tag(Leg.STOP, attempt=1))]

    assert duplicate_orders(log) == []


def test_a_second_entry_of_a_signal_is_found_even_with_another_attempt() -> None:
    """Per signal at most one entry."""
    log = [accepted(0, "1", tag(Leg.ENTRY)), accepted(1, "2", tag(Leg.ENTRY, attempt=1))]

    assert len(repeated_entries(log)) == 1


def test_an_entry_of_an_older_epoch_after_a_newer_one_is_found_but_its_stop_is_not() -> None:
    """A late stop reduces risk; a late entry adds it."""
    late_stop = [accepted(0, "1", tag(Leg.ENTRY, epoch=2)), accepted(1, "2", tag(Leg.STOP, epoch=1))]
    other = IntentId("ZZZZZZZZ")
    late_entry = [accepted(0, "1", tag(Leg.ENTRY, epoch=2)), accepted(1, "2", tag(Leg.ENTRY, epoch=1, intent=other))]

    assert stale_epoch_risk(late_stop) == []
    assert len(stale_epoch_risk(late_entry)) == 1


BOTH_LEGS_FILLED = [
    accepted(1, "1", tag(Leg.ENTRY)),
    trade(1.1, "1", tag(Leg.ENTRY)),
    accepted(1.2, "2", tag(Leg.STOP)),
    accepted(1.3, "3", tag(Leg.TARGET)),
    trade(4, "3", tag(Leg.TARGET)),
    trade(8, "2", tag(Leg.STOP)),
]
TAKEN_BACK = [
    accepted(15, "4", tag(Leg.EXIT, epoch=2), side="BUY"),
    trade(15.1, "4", tag(Leg.EXIT, epoch=2)),
]
LEADERLESS = [Interval(2 * SECOND_NS, 14 * SECOND_NS)]


def test_both_legs_that_fill_while_nobody_leads_are_a_fault_only_if_it_stays_so() -> None:
    """Nobody could cancel the sibling; the successor takes the reversal back."""
    assert reversals([*BOTH_LEGS_FILLED, *TAKEN_BACK], LEADERLESS) == []
    assert len(reversals(BOTH_LEGS_FILLED, LEADERLESS)) == 1


def test_both_legs_that_fill_under_a_leader_are_a_reversal_even_when_it_is_taken_back() -> None:
    """The risk was there."""
    (found,) = reversals([*BOTH_LEGS_FILLED, *TAKEN_BACK])
    assert "130 exited of 65 entered" in found


def test_more_exited_than_entered_is_a_reversal() -> None:
    """Both legs filled."""
    assert len(reversals([*CLEAN, trade(9.05, "2", tag(Leg.STOP))])) == 1


def test_a_fill_without_a_stop_counts_until_the_stop_works() -> None:
    """The clock runs from the fill to the acceptance of the stop."""
    late = [accepted(0, "1", tag(Leg.ENTRY)), trade(1, "1", tag(Leg.ENTRY)), accepted(7, "2", tag(Leg.STOP))]

    assert longest_unprotected_seconds(late, 8 * SECOND_NS) == 6
    assert len(unprotected(late, 8 * SECOND_NS)) == 1


def test_a_stop_for_a_part_of_the_fill_leaves_the_rest_naked() -> None:
    """Protection is measured in quantity."""
    part = [
        accepted(0, "1", tag(Leg.ENTRY)),
        trade(1, "1", tag(Leg.ENTRY)),
        accepted(1, "2", tag(Leg.STOP), quantity=30),
    ]

    assert len(unprotected(part, 8 * SECOND_NS)) == 1


def test_time_without_any_leader_is_counted_apart() -> None:
    """Nobody may send then; the successor's five seconds begin when it can lead."""
    late = [accepted(0, "1", tag(Leg.ENTRY)), trade(1, "1", tag(Leg.ENTRY)), accepted(20, "2", tag(Leg.STOP))]

    assert unprotected(late, 21 * SECOND_NS, [Interval(1 * SECOND_NS, 17 * SECOND_NS)]) == []


def test_orders_of_other_programs_are_not_judged() -> None:
    """A tag that is not ours says nothing of our promises."""
    assert duplicate_orders([accepted(0, "1", "phone"), accepted(1, "2", "phone")]) == []
