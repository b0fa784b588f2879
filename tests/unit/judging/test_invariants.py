"""Each invariant's judge fails on a history that breaks it, and holds on one that does not."""

from typing import Any

import pytest

from ops.judging import invariants
from ops.judging.courses import Interval, views
from ops.judging.invariants import SECOND_NS
from tests.unit.judging.test_checkers import CLEAN, accepted, tag, trade, update
from trader.domain.values import Leg

ENTRY, STOP, TARGET = tag(Leg.ENTRY), tag(Leg.STOP), tag(Leg.TARGET)


def entry(at: float, kind: str, **fields: Any) -> dict[str, Any]:
    """An entry of the processes' history."""
    return {"kind": kind, "machine_time_ns": int(at * SECOND_NS), **fields}


def sent(at: float, order_tag: str, epoch: int = 1, operation: str = "place", **fields: Any) -> dict[str, Any]:
    """Bytes that left."""
    given = {"process": "a", "tag": order_tag, "epoch": epoch, "operation": operation, "adds_risk": False, **fields}
    return entry(at, "sent", **given)


def sell(fact: dict[str, Any]) -> dict[str, Any]:
    """The same on the other side."""
    return {**fact, "transaction_type": "SELL", "instrument": "NFO:NIFTY26DECFUT"}


def bought(fact: dict[str, Any]) -> dict[str, Any]:
    """A trade with its side."""
    return {**fact, "transaction_type": "BUY", "instrument": "NFO:NIFTY26DECFUT"}


LONG = [accepted(0, "1", ENTRY), bought(trade(1, "1", ENTRY)), sell(accepted(1.2, "2", STOP))]
"""An entry that filled, and its stop."""


def test_i2_a_deposed_process_may_finish_what_passed_its_gate_and_nothing_else() -> None:
    """One second after the successor's epoch stands even a cancel is an act of the deposed; epochs only rise."""
    taken = [entry(0, "epoch_taken", epoch=1), entry(10, "epoch_taken", epoch=2)]
    assert invariants.deposed_acts([*taken, sent(10.9, STOP)]) == []
    assert len(invariants.deposed_acts([*taken, sent(11.1, STOP, operation="cancel")])) == 1
    assert len(invariants.deposed_acts([*taken, entry(11, "epoch_taken", epoch=2)])) == 1


def test_i3_a_placement_leaves_only_when_it_is_durable() -> None:
    """In the database, or in the emergency journal."""
    assert invariants.undurable_sends([entry(0, "committed", tags=[ENTRY]), sent(1, ENTRY)]) == []
    assert invariants.undurable_sends([entry(0, "emergency_written", tags=[STOP]), sent(1, STOP)]) == []
    assert len(invariants.undurable_sends([sent(1, ENTRY), entry(2, "committed", tags=[ENTRY])])) == 1


def test_i4_a_reversal_may_be_a_race_but_not_a_position() -> None:
    """Both legs filled: closed at once it is a race; left open it is a broken promise."""
    reversed_ = [*LONG, sell(trade(3, "2", STOP)), sell(accepted(3, "3", TARGET)), sell(trade(3, "3", TARGET))]
    closed = bought(trade(4, "4", tag(Leg.EXIT)))
    cured = [*reversed_, {**accepted(3.5, "4", tag(Leg.EXIT)), "transaction_type": "BUY"}, closed]
    assert len(invariants.lasting(reversed_, "is_reversed", 20 * SECOND_NS)) == 1
    assert invariants.lasting(cured, "is_reversed", 20 * SECOND_NS) == []


def test_i5_an_exit_that_works_for_nothing_is_an_orphan() -> None:
    """Five seconds, less the time that is excused."""
    orphan = [*LONG, sell(accepted(1.3, "3", TARGET)), sell(trade(4, "2", STOP))]
    assert len(invariants.lasting(orphan, "is_orphaned", 20 * SECOND_NS)) == 1
    assert invariants.lasting(orphan, "is_orphaned", 8 * SECOND_NS) == []
    assert invariants.lasting(orphan, "is_orphaned", 20 * SECOND_NS, [Interval(5 * SECOND_NS, 19 * SECOND_NS)]) == []


def test_i6_what_is_held_has_a_stop_for_all_of_it() -> None:
    """A missing stop, and one that is too small, are found; the whole one is not."""
    assert invariants.lasting(LONG, "is_naked", 20 * SECOND_NS) == []
    assert len(invariants.lasting(LONG[:2], "is_naked", 20 * SECOND_NS)) == 1
    small = [*LONG[:2], sell(accepted(1.2, "2", STOP, quantity=30))]
    assert len(invariants.lasting(small, "is_naked", 20 * SECOND_NS)) == 1


def decided(**fields: Any) -> dict[str, Any]:
    """A decision to add risk."""
    good = {"tag": ENTRY, "heat": 5, "heat_limit": 10, "quote_age_ns": 0, "phase": "OPEN", "trading_state": "LIVE"}
    return entry(1, "decided", **{**good, **fields})


def test_i7_no_decision_goes_beyond_the_heat() -> None:
    """The worst case counts."""
    assert invariants.overheated([decided()]) == []
    assert len(invariants.overheated([decided(heat=11)])) == 1


def test_i8_nobody_risks_anything_after_a_kill() -> None:
    """At once where it was heard, one second later everywhere; its release ends that."""
    stood = entry(1, "kill_stood", reason="manual")
    heard = entry(1.1, "kill_heard", process="a", reason="manual")
    risk = sent(1.5, ENTRY, adds_risk=True)
    assert invariants.risk_after_kill([stood, {**risk, "process": "b"}]) == []
    assert len(invariants.risk_after_kill([stood, heard, risk])) == 1
    assert len(invariants.risk_after_kill([stood, sent(2.1, ENTRY, adds_risk=True, process="b")])) == 1
    assert invariants.risk_after_kill([stood, heard, entry(1.2, "kill_released"), risk]) == []


def test_i9_the_account_makes_ten_calls_a_second() -> None:
    """By the calendar second, refused ones included."""
    calls = [entry(5 + number / 20, "request", path="/orders/regular", status=200) for number in range(11)]
    assert invariants.too_many_calls(calls[:10]) == []
    assert len(invariants.too_many_calls(calls)) == 1


def test_i10_the_engine_holds_what_its_fills_say() -> None:
    """Signed, instrument by instrument."""
    assert invariants.mismatched_positions({"NFO:NIFTY26DECFUT": 65}, LONG) == []
    assert len(invariants.mismatched_positions({}, LONG)) == 1


@pytest.mark.parametrize(
    ("states", "broken"),
    [
        ([("SENT", 0), ("WORKING", 0), ("COMPLETE", 65)], 0),
        ([("WORKING", 0), ("COMPLETE", 65), ("WORKING", 65)], 1),
        ([("WORKING", 30), ("WORKING", 10)], 1),
        ([("WORKING", 0), ("ABSENT", 0)], 1),
    ],
)
def test_i11_states_move_along_the_graph_and_fills_never_fall(states: list[tuple[str, int]], broken: int) -> None:
    """What the broker ended stays ended."""
    history = [
        entry(number, "order_state", tag=ENTRY, status=status, filled_quantity=filled)
        for number, (status, filled) in enumerate(states)
    ]
    assert len(invariants.illegal_moves(history)) == broken


def test_i12_orders_are_on_the_tick_in_the_band_and_in_lots() -> None:
    """Each of the three is found."""
    limit = {"tick_size": 5, "lot_size": 65, "freeze_quantity": 1800, "lower_circuit": 100, "upper_circuit": 200}
    good = {**accepted(0, "1", ENTRY), "price": 150, "trigger_price": 0}
    limits = {"NFO:NIFTY26DECFUT": limit}
    assert invariants.illegal_orders([good], limits) == []
    for bad in (
        {"price": 151},
        {"price": 205},
        {"price": 150.0},
        {"quantity": 66},
        {"quantity": 1820},
        {"quantity": 0},
    ):
        assert len(invariants.illegal_orders([{**good, **bad}], limits)) == 1


def test_i13_no_entry_is_decided_blind() -> None:
    """An old quote, a closed session, another state than LIVE."""
    assert invariants.blind_entries([decided()]) == []
    for bad in ({"quote_age_ns": 6 * SECOND_NS}, {"phase": "CLOSING"}, {"trading_state": "REDUCING"}):
        assert len(invariants.blind_entries([decided(**bad)])) == 1


def test_i14_an_intent_never_makes_a_crowd() -> None:
    """Knight's four million began with two hundred."""
    crowd = [accepted(0, str(number), tag(Leg.STOP, attempt=number)) for number in range(61)]
    assert invariants.crowds(crowd[:60]) == []
    assert len(invariants.crowds(crowd)) == 1


def test_i15_each_intent_has_one_answer() -> None:
    """Neither none nor two."""
    assert invariants.unanswered_intents([entry(0, "proposed", intents=1, answers=1)]) == []
    assert len(invariants.unanswered_intents([entry(0, "proposed", intents=1, answers=0)])) == 1
    assert len(invariants.unanswered_intents([entry(0, "proposed", intents=1, answers=2)])) == 1


def test_a_leg_is_not_doubled_by_a_process_that_knows_better() -> None:
    """The first must work, and its acceptance must have been told a moment ago."""
    replied = entry(1.3, "replied", process="a", operation="place", tag=STOP, outcome="accepted")
    second = sent(2, tag(Leg.STOP, attempt=1))
    assert len(invariants.doubled_legs([*LONG, replied, second])) == 1
    assert invariants.doubled_legs([*LONG, replied, {**second, "process": "b"}]) == []
    assert invariants.doubled_legs([*LONG, second]) == []
    assert invariants.doubled_legs([*LONG, replied, update(1.9, "2", STOP, "REJECTED"), second]) == []
    seen = entry(1.5, "order_state", tag=STOP, status="WORKING")
    first = [sent(0.9, STOP), *LONG, replied]
    assert invariants.doubled_legs([*first, second], hidden=[STOP]) == []
    assert len(invariants.doubled_legs([*first, seen, second], hidden=[STOP])) == 1


def test_flat_is_not_declared_while_anything_is_held_at_work_or_on_its_way() -> None:
    """By the exchange's log, also by what it shows later; a frozen process's request is the documented exception."""
    flat = entry(3, "flat_declared")
    assert len(invariants.false_flats([*LONG, flat])) == 1
    ended = [*LONG, sell(trade(2, "2", STOP))]
    assert invariants.false_flats([*ended, flat]) == []
    other = tag(Leg.ENTRY, attempt=1)
    late = [*ended, sent(2.5, other), flat, accepted(4, "9", other)]
    assert len(invariants.false_flats(late)) == 1
    assert invariants.false_flats(late, frozen={other}) == []


def test_a_successor_does_not_let_an_older_entry_work_on() -> None:
    """Rule 7: it is cancelled, or it has filled."""
    taken = [entry(0, "epoch_taken", epoch=1), accepted(1, "1", ENTRY), entry(2, "epoch_taken", epoch=2)]
    assert len(invariants.kept_entries(taken, 20 * SECOND_NS)) == 1
    assert invariants.kept_entries([*taken, update(4, "1", ENTRY, "CANCELLED")], 20 * SECOND_NS) == []


def test_time_is_excused_while_a_trouble_lasts_or_nobody_leads() -> None:
    """The union, without overlap; a leader has its time to recover."""
    history = [
        entry(1, "standing", process="a", standing="LEADER"),
        entry(10, "trouble", until_ns=12 * SECOND_NS),
        entry(11, "crashed", process="a"),
        entry(20, "standing", process="b", standing="LEADER"),
        entry(30, "stopped", process="b"),
        entry(35, "resumed", process="b"),
    ]
    found = invariants.excuses(history, 2 * SECOND_NS, 40 * SECOND_NS)
    assert [(each.begin_ns // SECOND_NS, each.end_ns // SECOND_NS) for each in found] == [(0, 3), (10, 22), (30, 37)]


def test_a_trade_by_hand_closes_what_we_hold_where_people_count() -> None:
    """Both views are kept: whose position it was is a matter of opinion."""
    hand = {**entry(5, "trade"), "order_id": "77", "tag": None, "quantity": 65}
    history = [*LONG, sell(hand)]
    nets = [[course[-1].net for course in view.values()] for view in views(history)]
    assert nets == [[65], [0], [65]]


def test_a_trade_by_hand_that_crosses_an_order_of_ours_is_not_held_against_us() -> None:
    """He sold a part, and another while our target filled at what the first had left: the other part is short, and his own."""
    first = sell({**entry(5, "trade"), "order_id": "77", "tag": None, "quantity": 30})
    second = {**first, "order_id": "78"}
    target = sell({**trade(7, "3", TARGET), "quantity": 35})
    at_work = [*LONG, sell(accepted(1.3, "3", TARGET))]
    over = [target, entry(8, "order_cancelled", order_id="2")]

    nets = [[course[-1].net for course in view.values()] for view in views([*at_work, first, second, *over])]
    assert nets == [[30], [0], [-30], [0]]
    assert invariants.lasting([*at_work, first, second, *over], "is_naked", 60 * SECOND_NS) == []
    assert invariants.lasting([*at_work, *over], "is_naked", 60 * SECOND_NS) != []


def test_what_he_bought_back_for_himself_is_ours_again_where_we_protect_it() -> None:
    """He sold all that we hold and bought 25 before anybody looked: a stop for 25 is as right as none. More, and it is naked."""
    sold = sell({**entry(5, "trade"), "order_id": "77", "tag": None, "quantity": 65})
    back = bought({**entry(6, "trade"), "order_id": "78", "tag": None, "quantity": 25})
    reduced = entry(7, "order_modified", order_id="2", quantity=25, filled_quantity=0)

    nets = [[course[-1].net for course in view.values()] for view in views([*LONG, sold, back, reduced])]
    assert nets == [[65], [0], [0], [25]]
    assert invariants.lasting([*LONG, sold, back, reduced], "is_naked", 60 * SECOND_NS) == []
    assert invariants.lasting([*LONG, sold, back, reduced], "is_orphaned", 60 * SECOND_NS) == []
    few = {**sold, "quantity": 30}
    assert invariants.lasting([*LONG, few, reduced], "is_naked", 60 * SECOND_NS) != []


def test_the_clean_bracket_of_the_older_judges_is_clean_here_too() -> None:
    """One history, two sets of judges."""
    sided = [
        each if each["kind"] == "order_update" else (bought if each["order_id"] == "1" else sell)(each)
        for each in CLEAN
    ]
    assert invariants.lasting(sided, "is_naked", 20 * SECOND_NS) == []
    assert invariants.lasting(sided, "is_orphaned", 20 * SECOND_NS) == []
