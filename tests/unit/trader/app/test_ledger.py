"""What a configuration has shown is counted for it alone, and for nothing that was not traded."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.trader.app.pictures import SNAPSHOT, VIEW
from trader.app.ledger import Ledger
from trader.domain.calendars import Phase, Session
from trader.domain.values import SECOND, Epoch, GuardCode, MachineTime, MarketTime, TradingState
from trader.engine.settings import Snapshot

MORNING = Session(
    Phase.OPEN,
    "2026-11-23",
    MarketTime(0),
    MarketTime(9),
    MarketTime(9),
    True,
    MarketTime(0),
    MarketTime(9),
    MarketTime(9),
)


def shown(epoch: int = 7, is_leader: bool = True, **view: Any) -> Snapshot:
    """The leader's picture, changed."""
    picture = replace(VIEW, **view) if is_leader else None
    return replace(SNAPSHOT, is_leader=is_leader, epoch=Epoch(epoch), view=picture)


class Day:
    """A ledger that looks once a second of machine time, a market minute each."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.second = 1

    def look(self, snapshot: Snapshot, session: Session = MORNING, *, minutes: int = 1) -> dict[str, Any]:
        """Look, and say what the report says then."""
        for _ in range(minutes):
            self.second += 1
            market_time = MarketTime(self.second * 60 * SECOND)
            self.ledger.look(snapshot, session, MachineTime(self.second * SECOND), market_time)
        return self.ledger.report()


def test_market_time_is_counted_between_two_looks_at_a_leader_that_trades() -> None:
    """The first look begins; the tenth has seen nine minutes."""
    assert Day().look(shown(), minutes=10)["figures"]["marketSeconds"] == 540


@pytest.mark.parametrize(
    ("snapshot", "session"),
    [
        (shown(trading_state=TradingState.REDUCING), MORNING),
        (shown(trading_state=TradingState.PAPER), MORNING),
        (shown(), replace(MORNING, phase=Phase.CLOSING)),
        (shown(), replace(MORNING, phase=Phase.CLOSED)),
    ],
)
def test_time_in_which_nothing_may_be_entered_does_not_count(snapshot: Snapshot, session: Session) -> None:
    """A soak is of trading."""
    assert Day().look(snapshot, session, minutes=10)["figures"]["marketSeconds"] == 0


def test_the_night_between_two_sessions_does_not_count() -> None:
    """The clock jumps to the next morning."""
    day = Day()
    day.look(shown(), minutes=2)
    day.second += 1000
    assert day.look(shown(), replace(MORNING, start=MarketTime(1)))["figures"]["marketSeconds"] == 60


@pytest.mark.parametrize("change", ["config", "epoch", "run"])
def test_another_configuration_leadership_or_run_begins_anew(change: str) -> None:
    """No figure is shown under another's name."""
    day = Day()
    day.look(shown(), minutes=5)
    day.ledger.performed("place", "accepted", 0.2)
    if change == "run":
        day.ledger.run = "r/canary/2"
    after = day.look(shown(epoch=8 if change == "epoch" else 7, config_hash="4a" if change == "config" else "3f00"))
    assert (after["figures"]["marketSeconds"], after["figures"]["orders"]) == (0, 0)
    assert after["figures"]["orderAck"] == {"samples": 0, "p50Ms": None, "p95Ms": None}


def test_a_standby_has_no_figures() -> None:
    """And what it measured when it led is gone."""
    day = Day()
    day.look(shown())
    assert day.look(shown(is_leader=False))["figures"] is None
    day.ledger.performed("place", "accepted", 0.2)
    assert day.look(shown())["figures"]["orders"] == 0


def test_acknowledgements_are_of_all_that_the_broker_let_us_wait_for() -> None:
    """Yes, no and silence count; what never left does not, and nor does a cancel. Nearest rank, rounded up."""
    day = Day()
    day.look(shown())
    for milliseconds in range(1, 20):
        day.ledger.performed("place", "accepted", milliseconds / 1000)
    day.ledger.performed("place", "unknown", 5.0001)
    day.ledger.performed("place", "gate_closed", 9.0)
    day.ledger.performed("cancel", "accepted", 9.0)
    figures = day.look(shown())["figures"]
    assert figures["orders"] == 19
    assert figures["orderAck"] == {"samples": 20, "p50Ms": 10, "p95Ms": 19}


def test_a_sibling_that_is_being_cancelled_is_no_orphan() -> None:
    """Only one that stood for five seconds, and that one once."""
    day = Day()
    day.look(shown(orphans=1), minutes=4)
    assert day.look(shown(orphans=0))["figures"]["orphans"] == 0
    assert day.look(shown(orphans=1), minutes=10)["figures"]["orphans"] == 1
    day.look(shown(orphans=0))
    assert day.look(shown(orphans=1), minutes=10)["figures"]["orphans"] == 2


def test_duplicates_of_before_are_not_this_configuration_s() -> None:
    """The engine counts the day's."""
    day = Day()
    day.look(shown(duplicates=3))
    assert day.look(shown(duplicates=4))["figures"]["duplicates"] == 1


def test_heat_and_denials_are_summed_up() -> None:
    """The largest heat, and each code."""
    day = Day()
    day.look(shown(heat=2_500_000))
    day.ledger.denied(GuardCode.HEAT)
    figures = day.look(shown())["figures"]
    assert (figures["heatMaximumPpm"], figures["denials"]) == (5000, {"HEAT": 1})


def test_kills_are_of_their_trading_day() -> None:
    """The slowest of today; tomorrow has none yet."""
    day = Day()
    assert day.look(shown())["kills"] is None
    day.ledger.flattened(0.8)
    day.ledger.flattened(1.2001)
    assert day.look(shown())["kills"] == {"tradingDate": "2026-11-23", "samples": 2, "slowestMs": 1201}
    assert day.look(shown(), replace(MORNING, trading_date="2026-11-24"))["kills"] is None
