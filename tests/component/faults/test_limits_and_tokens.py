"""What the broker refuses for a while: entries stop, what is held stays protected, exits go on."""

import pytest

from ops.drills.processes import awaited
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, Stand, counts
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]


def test_a_429_in_the_middle_of_a_bracket_closes_entries_and_no_exit(stand: Stand) -> None:
    """The first tries of stop and target are refused: they stand soon, an exit goes at once, no entry within the window."""
    trader = stand.live()
    stand.fault("rate-limit", method="POST", path="/orders/regular", skip=1, count=3)
    stand.open_position(trader)
    assert stand.strikes("rate-limit") == 3
    assert counts(stand) == [1, 1, 1]

    since = stand.exchange.now_ns()
    stand.plane.patch_session({"suspend": True})
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED, "the desk's wish, heard by a watch, and the exit"
    stand.plane.patch_session({"suspend": False})
    stand.live(trader)
    denied = stand.enter(trader, key="two")
    assert (denied.verdict, denied.code) == ("DENIED", "RATE_LIMIT"), denied
    stand.judge()


def test_a_token_that_dies_with_a_position_open_is_replaced_once(stand: Stand) -> None:
    """No entry without it, and the stop stays; what a person stores brings trading back, with one refresh at most."""
    dead = stand.person_logs_in()
    trader = stand.live()
    stand.open_position(trader)
    stand.end_token(dead)
    awaited(lambda: trader.state()["tradingState"] != "LIVE", SOON, "the dead token is noticed")
    assert stand.enter(trader, key="two").verdict == "DENIED"
    assert not [each for each in stand.log() if each["kind"] == "order_cancelled"]

    stand.person_logs_in()
    stand.live(trader)
    stand.protected(trader)
    assert trader.metric("trader_retries_total", type="token_refresh") <= 1
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    assert counts(stand)[:2] == [1, 1]
    assert stand.of_leg(Leg.ENTRY)[0].quantity == stand.filled(Leg.ENTRY)
    stand.judge()
