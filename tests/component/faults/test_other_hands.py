"""The account's owner trades in it too (rule 8): no new risk beside him, his orders and positions are never touched."""

import pytest

from ops.drills.processes import awaited, seconds_until
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, Stand, counts, stays

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

SETTLED_SECONDS = 3.0
"""`Timing.fills_settle`: positions are believed against our own fill only when it is so old."""

IDLE_READ_SECONDS = 10.0
"""`Timing.idle_read`: between two books of an account in which nothing happens."""


def test_a_foreign_order_stops_new_risk_and_stays(stand: Stand) -> None:
    """A resting order of his denies entries; a kill leaves it where it is."""
    trader = stand.live()
    theirs = stand.trade_by_hand("BUY", stand.lot, ticks=-500)
    # No update tells of an order that only rests: the next book does.
    awaited(lambda: "foreign_order_seen" in trader.program.said(), IDLE_READ_SECONDS + SOON, "his order is seen")
    assert stand.enter(trader).code == "FOREIGN_ACTIVITY"
    stand.killed(trader)
    awaited(lambda: trader.state()["isFlat"], SOON, "nothing is ours")
    assert stand.order_status(theirs) == "OPEN"
    assert counts(stand) == [0, 0, 0]


def test_a_position_of_his_is_not_touched_by_a_kill(stand: Stand) -> None:
    """He buys in our instrument while we hold it: a kill closes ours, and exactly that."""
    trader = stand.live()
    stand.open_position(trader)
    stand.trade_by_hand("BUY", 2 * stand.lot)
    ours = stand.position() - 2 * stand.lot
    since = stand.killed(trader)
    awaited(lambda: stand.working() == 0 and stand.position() == 2 * stand.lot, SOON, "ours is closed")
    assert stand.flat_seconds_of_ours(since) <= 2 + LOADED
    assert ours > 0
    assert stays(lambda: stand.position() == 2 * stand.lot, 1), "and nothing more"
    stand.judge()


def test_legs_of_a_position_that_he_closed_are_cancelled(stand: Stand) -> None:
    """He sells what we hold: stop and target go, and nothing of ours opens the other side."""
    trader = stand.live()
    stand.open_position(trader)
    stays(lambda: True, SETTLED_SECONDS)
    stand.trade_by_hand("SELL", stand.position())
    took = seconds_until(stand.is_flat, SOON)
    assert took is not None
    assert took <= 1 + LOADED
    awaited(lambda: trader.state()["brackets"] == [], SOON, "the bracket is closed")
    assert stays(stand.is_flat, 1)
