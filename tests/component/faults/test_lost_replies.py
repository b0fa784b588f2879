"""A reply that never comes is no answer (rule 2): nothing is sent twice, and a stop that may not exist is placed again in time."""

import pytest

from ops.drills.processes import awaited
from ops.judging import checkers
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, Stand, counts, stays
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

PLACING = {"method": "POST", "path": "/orders/regular"}


def test_an_entry_that_was_never_accepted_is_not_sent_again(stand: Stand) -> None:
    """It stays in doubt for 95 s: the same signal is known, another one in the instrument is denied."""
    trader = stand.live()
    stand.fault("drop-before", **PLACING, count=1)
    stand.entered(trader)
    awaited(lambda: trader.state()["orders"]["inDoubt"] == 1, SOON, "the entry is in doubt")
    assert stand.enter(trader).verdict == "KNOWN"
    other = stand.enter(trader, key="other")
    assert (other.verdict, other.code) == ("DENIED", "NOT_LIVE"), other
    assert stays(lambda: counts(stand) == [0, 0, 0] and stand.requests("/orders/regular", "POST") <= 1, 2)
    assert trader.state()["isFlat"] is False, "an entry in doubt holds its full risk"


def test_an_entry_whose_reply_is_lost_is_found_and_protected(stand: Stand) -> None:
    """The exchange took it, and says so elsewhere: one entry, one stop, one target."""
    trader = stand.live()
    stand.fault("drop-after", **PLACING, count=1)
    stand.open_position(trader)
    assert stand.strikes("drop-after") == 1
    assert counts(stand) == [1, 1, 1]
    stand.judge()


def test_a_stop_that_was_never_accepted_is_placed_again(stand: Stand) -> None:
    """Stop and target are lost on their way: what is held has a stop again when the doubt may last no longer, 5 s."""
    trader = stand.live()
    lost = stand.fault("drop-before", **PLACING, skip=1)
    stand.entered(trader)
    stand.struck("drop-before", 2)
    stand.end_fault(lost)
    stop = stand.accepted(Leg.STOP)
    assert stop.quantity == stand.filled(Leg.ENTRY) == stand.position()
    naked = checkers.longest_unprotected_seconds(stand.log(), stand.exchange.now_ns())
    assert naked <= checkers.UNPROTECTED_LIMIT_SECONDS + LOADED, "5 s of doubt, and the way of the next attempt"
    assert stop.parts.attempt == 1, "the next attempt, never the same one again"
    stand.judge(apart_from="no position without its stop")


def test_a_stop_whose_reply_is_lost_is_not_placed_again(stand: Stand) -> None:
    """The exchange took stop and target: both are found, and stay the only ones."""
    trader = stand.live()
    stand.fault("drop-after", **PLACING, skip=1, count=2)
    stand.open_position(trader)
    assert stand.strikes("drop-after") == 2
    assert stays(lambda: counts(stand) == [1, 1, 1], 1)
    stand.judge()


@pytest.mark.parametrize("ticks", [-3, 40], ids=["resting", "filled"])
def test_an_entry_that_appears_long_after_a_kill_is_flattened(stand: Stand, ticks: int) -> None:
    """Its reply is lost, its updates too, and the book hides it for 8 s: flat is not declared before, and it is flat then."""
    trader = stand.live()
    stand.fault("updates-lost")
    stand.fault("timed-out", **PLACING, count=1, hidden_ms=8000)
    stand.entered(trader, ticks=ticks)
    stand.accepted(Leg.ENTRY)
    since = stand.killed(trader)

    def says_flat() -> bool:
        kill = trader.state()["kill"]
        return kill is not None and kill["flatAt"] is not None

    assert stays(lambda: not says_flat(), 6), "the entry is hidden"
    assert stand.flat_seconds(since, 30) >= 6
    awaited(says_flat, SOON, "flat is declared")
    assert stand.is_flat()
    stand.judge(apart_from="no position without its stop")
