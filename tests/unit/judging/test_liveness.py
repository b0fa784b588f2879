"""The judges of liveness fail on histories in which nothing comes of it."""

from typing import Any

from ops.judging import liveness
from ops.judging.liveness import SECOND_NS
from tests.unit.judging.test_checkers import trade, update
from tests.unit.judging.test_invariants import LONG, STOP, entry, sell

NOTHING: dict[str, Any] = {
    "unknown": [],
    "absent": [],
    "orphans": [],
    "naked": [],
    "differences": [],
    "foreign": [],
    "waiting": [],
}


def looks(seconds: range, **seen: Any) -> list[dict[str, Any]]:
    """The same look, once a second after a healing at zero."""
    return [entry(0, "healed"), *(entry(at, "checked", **{"leader": "a", **NOTHING, **seen}) for at in seconds)]


def test_l1_a_kill_is_flat_within_two_seconds_and_twenty_calls() -> None:
    """Held, at work, or too busy: each is found."""
    in_time = [*LONG, sell(trade(11.9, "2", STOP)), update(11.9, "2", STOP, "COMPLETE")]
    assert liveness.late_flats(in_time, 10 * SECOND_NS, 12 * SECOND_NS) == []
    assert len(liveness.late_flats(LONG, 10 * SECOND_NS, 13 * SECOND_NS)) == 1
    late = [*LONG, sell(trade(12.1, "2", STOP))]
    assert len(liveness.late_flats(late, 10 * SECOND_NS, 13 * SECOND_NS)) == 1
    busy = [*in_time, *(entry(11, "request", path="/orders/regular") for _ in range(21))]
    assert len(liveness.late_flats(busy, 10 * SECOND_NS, 12 * SECOND_NS)) == 1


def test_l2_doubt_ends() -> None:
    """Ten seconds for what the exchange shows, the doubt window for what never arrived; a short doubt later is a new one."""
    assert liveness.unresolved(looks(range(1, 11), unknown=["t"])) == []
    assert len(liveness.unresolved(looks(range(1, 13), unknown=["t"]))) == 1
    assert liveness.unresolved(looks(range(1, 100), absent=["t"])) == []
    assert len(liveness.unresolved(looks(range(1, 120), absent=["t"]))) == 1
    assert liveness.unresolved([*looks(range(1, 30)), *looks(range(30, 35), unknown=["t"])]) == []


def test_l3_somebody_leads() -> None:
    """A Lease that nobody holds runs out; then somebody takes it."""
    assert liveness.no_leader(looks(range(1, 5))) == []
    assert len(liveness.no_leader(looks(range(1, 30), leader=""))) == 1
    assert len(liveness.no_leader([*looks(range(1, 25), leader=""), *looks(range(25, 30))])) == 1
    lost = looks(range(3, 30), leader="")[1:]
    assert len(liveness.no_leader([*looks(range(1, 3)), *lost])) == 1
    assert liveness.no_leader([*looks(range(1, 3)), *lost[:16], *looks(range(19, 22))[1:]]) == []


def test_l4_everything_settles() -> None:
    """Orphans, naked positions, books that differ; other people's trades have the time of two idle looks."""
    for what in ("orphans", "naked", "differences"):
        assert len(liveness.unsettled(looks(range(1, 13), **{what: ["x"]}))) == 1
    assert liveness.unsettled(looks(range(1, 13), leader="", naked=["x"])) == [], "nobody may send anything"
    assert liveness.unsettled(looks(range(1, 20), foreign=["x"])) == []
    assert len(liveness.unsettled(looks(range(1, 30), foreign=["x"]))) == 1


def test_l5_in_the_end_nothing_waits() -> None:
    """The last look counts."""
    assert liveness.stuck([*looks(range(1, 3), waiting=["a commit"]), *looks(range(3, 5))]) == []
    assert len(liveness.stuck(looks(range(1, 5), waiting=["a commit"]))) == 1
