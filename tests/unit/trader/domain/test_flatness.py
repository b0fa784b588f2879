"""How flat we are, and when it is proved: one condition at a time."""

import pytest

from tests.unit.trader.domain.building import bracket, filled, order, over, turn_of
from tests.unit.trader.domain.test_guards import live
from tests.unit.trader.domain.world import World
from trader.domain.effects import Announce
from trader.domain.evolving import evolve
from trader.domain.flattening import Flatness, flatness, prove_flat
from trader.domain.records import FlatProven, KillStood
from trader.domain.state import Bracket, ReadTrack, Suspicion
from trader.domain.turn import Turn
from trader.domain.values import KillReason, Leg, MachineTime, MarketTime, OrderStatus, Standing

DONE = bracket(filled(Leg.ENTRY), filled(Leg.STOP))
DOUBT = order(Leg.TARGET, status=OrderStatus.IN_DOUBT)


@pytest.fixture(scope="module")
def ready() -> World:
    """LIVE; nobody steps it further."""
    return live()


def settled(world: World, which: Bracket = DONE, /, **control: object) -> Turn:
    """Book and positions read at the last touch, and agreed once."""
    at = MachineTime(world.now)
    fields: dict[str, object] = {
        "book": ReadTrack(requested_at=at),
        "positions": ReadTrack(requested_at=at),
        "touched_at": at,
        "gained_at": at,
        "position_agreements": 1,
        "suspicion": None,
    }
    return turn_of(world, which, **{**fields, **control})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (DONE, Flatness.PROVED),
        (bracket(filled(Leg.ENTRY)), Flatness.NOT_FLAT),
        (bracket(filled(Leg.ENTRY), filled(Leg.STOP), filled(Leg.TARGET, 1)), Flatness.NOT_FLAT),
        (bracket(order(Leg.ENTRY)), Flatness.NOT_FLAT),
        (bracket(order(Leg.ENTRY, status=OrderStatus.SENT)), Flatness.NOT_FLAT),
        (bracket(DOUBT), Flatness.PROVISIONAL),
        (bracket(DOUBT, order(Leg.STOP)), Flatness.NOT_FLAT),
        (bracket(order(Leg.STOP), DOUBT), Flatness.NOT_FLAT),
        (bracket(over(Leg.ENTRY, OrderStatus.ABSENT)), Flatness.PROVED),
    ],
)
def test_what_is_flat(ready: World, which: Bracket, expected: Flatness) -> None:
    """Nothing held, nothing working; doubt makes it provisional."""
    assert flatness(settled(ready, which)) is expected


@pytest.mark.parametrize(
    "missing",
    [
        {"book": ReadTrack()},
        {"positions": ReadTrack()},
        {"position_agreements": 0},
        {"suspicion": Suspicion(MachineTime(0), {})},
    ],
)
def test_what_is_missing_leaves_it_unproved(ready: World, missing: dict[str, object]) -> None:
    """Each read, the agreement, and no suspicion: all of them."""
    assert flatness(settled(ready, **missing)) is Flatness.UNPROVED


@pytest.mark.parametrize("late", ["book", "positions"])
@pytest.mark.parametrize("since", ["touched_at", "gained_at"])
def test_reads_must_be_younger_than_our_last_word(ready: World, late: str, since: str) -> None:
    """Asked for a nanosecond before our last order event, or before leadership, a read proves nothing."""
    earlier = ReadTrack(requested_at=MachineTime(ready.now - 1))
    assert flatness(settled(ready, **{late: earlier})) is Flatness.UNPROVED
    other = "gained_at" if since == "touched_at" else "touched_at"
    older = {other: MachineTime(ready.now - 5)}
    assert flatness(settled(ready, **{late: earlier}, **older)) is Flatness.UNPROVED
    both = {name: MachineTime(ready.now - 1) for name in ("touched_at", "gained_at")}
    assert flatness(settled(ready, **{late: earlier}, **both)) is Flatness.PROVED


def killed(turn: Turn, **changes: object) -> Turn:
    kill = KillStood(MarketTime(1), "K1", KillReason.MANUAL, "note", "desk")
    turn.durable = evolve(turn.durable, kill=kill, **changes)
    return turn


def test_the_proof_is_written_once_and_told(ready: World) -> None:
    """One record with its time, and one word to the desk."""
    turn = killed(settled(ready))
    prove_flat(turn)
    prove_flat(turn)
    assert turn.records == [FlatProven(ready.market_time, "K1")]
    assert turn.durable.flat_at == ready.market_time
    assert turn.others == [Announce("flat_proven", (("kill", "K1"), ("reason", "manual")))]


def test_nothing_is_proved_in_vain(ready: World) -> None:
    """Without a kill, without standing, or without proof nothing is written."""
    unkilled, unread = settled(ready), killed(settled(ready, position_agreements=0))
    idle = killed(settled(ready, standing=Standing.NONE))
    held = killed(settled(ready, bracket(filled(Leg.ENTRY))))
    for turn in (unkilled, unread, idle, held):
        prove_flat(turn)
        assert turn.records == []
        assert turn.others == []
