"""PostgreSQL away or slow while orders are under way (rule 1): protected and flat all the same, nothing forgotten or doubled."""

from collections.abc import Callable

import pytest

from ops.drills.processes import awaited
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, Stand, counts
from tests.component.trader.tcp_proxy import Proxy
from trader.domain.values import Leg

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

AWAY = pytest.mark.parametrize("broken", [Proxy.cut, Proxy.freeze], ids=["cut", "silent"])


@AWAY
def test_what_fills_while_the_database_is_away_is_protected_and_adopted(
    stand: Stand, broken: Callable[[Proxy], None]
) -> None:
    """A stop by the emergency journal, the rest of the entry cancelled; once it is back, the next process knows all of it."""
    trader = stand.live()
    stand.entered(trader, ticks=-3)
    stand.accepted(Leg.ENTRY)
    # REDUCING begins with a cancel of the entry, which must lose the race against the fill.
    lost = stand.fault("drop-before", method="DELETE", path="/orders/.*")
    broken(stand.network.database)
    stand.struck("drop-before")
    stand.sell_into(1)
    stand.end_fault(lost)
    stand.protected(trader)
    awaited(lambda: stand.working() == 2, SOON, "the rest of the entry is cancelled")
    assert stand.position() == stand.lot
    assert trader.state()["tradingState"] == "REDUCING"

    stand.network.database.mend()
    stand.network.database.thaw()
    stand.live(trader)
    before = counts(stand)
    ended = stand.nobody_leads()
    trader.program.kill()
    successor = stand.live(stand.start_trader())
    ended()
    stand.protected(successor)
    assert counts(stand) == before
    stand.judge()


@AWAY
def test_a_kill_is_flat_without_the_database_and_stands_once_it_is_back(
    stand: Stand, broken: Callable[[Proxy], None]
) -> None:
    """The database goes away as the kill is asked for: flat within 2 s, and the next process finds the kill in its row."""
    trader = stand.live()
    stand.open_position(trader)
    broken(stand.network.database)
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    kill = trader.state()["kill"]["id"]

    stand.network.database.mend()
    stand.network.database.thaw()
    awaited(lambda: stand.kill_in_database() == kill, SOON, "the kill is handed over")
    stand.judge()


def test_a_slow_database_makes_nothing_twice(stand: Stand) -> None:
    """200 ms a statement: a bracket opens and a kill flattens it, each order once."""
    trader = stand.live()
    stand.network.database.slow(0.2)
    stand.open_position(trader)
    assert counts(stand) == [1, 1, 1]
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    assert len(stand.of_leg(Leg.EXIT)) <= 1
    stand.judge()
