"""Silent and broken ways to the stream and to Redis: noticed in time, and no exit waits for them."""

from collections.abc import Callable

import pytest

from ops.drills.processes import seconds_until
from tests.component.faults.account import SOON
from tests.component.faults.stand import LOADED, Stand, counts
from tests.component.trader.tcp_proxy import Proxy

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]

AWAY = pytest.mark.parametrize("broken", [Proxy.cut, Proxy.freeze], ids=["cut", "silent"])


def test_a_silent_stream_is_noticed_and_the_book_is_read_before_new_risk(stand: Stand) -> None:
    """No frame, no pong, no end: noticed after 5 s; once it speaks again, the book is asked for before LIVE."""
    trader = stand.live()
    stand.open_position(trader)
    stand.network.stream.freeze()
    took = seconds_until(lambda: trader.state()["tradingState"] != "LIVE", 5 + LOADED)
    assert took is not None, "noticed within 5 s"
    assert stand.enter(trader, key="two").verdict == "DENIED"
    before = stand.streams()

    stand.network.stream.cut()  # what hangs in the silence never arrives
    stand.network.stream.mend()
    stand.network.stream.thaw()
    stand.live(trader)
    assert stand.streams() > before
    assert stand.requests_since_stream("/orders") >= 1
    stand.protected(trader)
    assert counts(stand) == [1, 1, 1]
    stand.judge()


@AWAY
def test_without_redis_entries_go_by_the_local_share_and_exits_as_ever(
    stand: Stand, broken: Callable[[Proxy], None]
) -> None:
    """An entry waits 50 ms for it at most; a kill waits for nothing: flat within 2 s of the exchange's clock."""
    trader = stand.live()
    broken(stand.network.redis)
    stand.open_position(trader)
    since = stand.killed(trader)
    assert stand.flat_seconds(since, SOON) <= 2 + LOADED
    stand.judge()
