"""The API server away, so that the Lease cannot be renewed: by the epoch alone the leader protects and exits (rule 1)."""

from collections.abc import Callable

import pytest

from ops.drills.processes import awaited
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, RENEW_SECONDS, Stand, counts
from tests.component.trader.tcp_proxy import Proxy
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]


def reduced(stand: Stand, broken: Callable[[Proxy], None]) -> None:
    """Break the way to the API server, until the Lease proves nothing any more."""
    (trader,) = stand.traders
    broken(stand.network.plane)
    limit = RENEW_SECONDS + LOADED
    awaited(lambda: trader.state().get("tradingState") == "REDUCING", limit, "the Lease is lost")
    assert trader.state()["isLeader"], "its epoch still proves it"


def test_a_part_filled_entry_is_cancelled_and_what_it_filled_protected(stand: Stand) -> None:
    """One lot before the Lease is lost, another right after: both have their stop, the rest is cancelled; then LIVE again."""
    trader = stand.live()
    stand.entered(trader, ticks=-3)
    stand.accepted(Leg.ENTRY)
    stand.sell_into(1)
    reduced(stand, Proxy.cut)
    awaited(lambda: stand.working() == 2, SOON, "the rest of the entry is cancelled")
    stand.protected(trader)
    assert stand.position() == stand.lot
    stand.network.plane.mend()
    stand.live(trader)
    assert counts(stand) == [1, 1, 1]
    stand.judge()


def test_a_kill_is_flat_without_the_api_server(stand: Stand) -> None:
    """With the Lease lost in silence, the epoch alone flattens, within 2 s."""
    trader = stand.live()
    stand.open_position(trader)
    reduced(stand, Proxy.freeze)
    stand.protected(trader)
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    stand.judge()
