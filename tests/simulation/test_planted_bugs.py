"""Tests of the simulation: known bugs, planted in engine or domain, are caught within a bounded number of seeds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count, islice
from typing import Any

import pytest

from ops.simulating.broker import SimulatedBroker
from ops.simulating.running import run
from ops.simulating.schedules import INSTRUMENTS, PROFILE, Schedule, make, perfect
from ops.simulating.store import Database
from ops.simulating.troubles import Kind, Trouble
from tests.unit.trader.domain import test_planted_bugs as domain_bugs
from trader.domain.effects import PlaceOrder
from trader.domain.tags import TagParts, encode_tag
from trader.domain.values import BrokerOrderId, Epoch
from trader.engine import gate
from trader.engine.pacing import Call, Pace
from trader.engine.ports import Grant, Unknown

Patch = pytest.MonkeyPatch
SEEDS = 150
"""How many short schedules it may take at most."""


def the_gate_does_not_look(patch: Patch) -> None:
    """Epoch, Lease and kill are not checked before the write, and a lost proof ends nothing."""
    patch.setattr(gate, "judge", lambda permit, proofs, now: None)
    patch.setattr("trader.engine.session.TradingEngine._lose", lambda self, reason: None)


def a_timeout_is_sent_again(patch: Patch) -> None:
    """The engine repeats a placement that nobody answered."""
    honest = SimulatedBroker.place

    async def again(self: SimulatedBroker, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        try:
            return await honest(self, order, grant)
        except Unknown:
            return await honest(self, order, grant)

    patch.setattr(SimulatedBroker, "place", again)


def an_order_leaves_before_it_is_durable(patch: Patch) -> None:
    """Sent first, committed afterwards."""
    patch.setattr(
        "trader.engine.committing.Committer.add",
        lambda self, records, orders: (
            self._doors.perform(orders, self._clock.machine_time()),
            self._records.extend(records),
            self._filled.set(),
        ),
    )


def calls_are_not_paced(patch: Patch) -> None:
    """What a stalled commit lets out together leaves together, and no budget holds the domain back either."""

    async def at_once(self: Pace) -> Call:
        return Call(self._machine_time)

    patch.setattr("trader.engine.pacing.Pace.turn", at_once)
    domain_bugs.limiter_counts_successes_only(patch)


def a_tag_is_used_again_after_a_restart(patch: Patch) -> None:
    """The attempt is counted from one anew, and the epoch left out of the tag."""
    domain_bugs.tag_reused_after_restart(patch)

    def forgetful(parts: TagParts) -> str:
        return encode_tag(replace(parts, epoch=Epoch(1)))

    patch.setattr("trader.domain.sending.encode_tag", forgetful)
    patch.setattr("ops.simulating.store.Database.commit", _commit_without_uniqueness)


_COMMIT = Database.commit


def _commit_without_uniqueness(self: Database, *arguments: Any) -> None:
    self.tags.clear()
    self.places.clear()
    _COMMIT(self, *arguments)


def a_fenced_leader_cancels(patch: Patch) -> None:
    """Domain and gate hold that what adds no risk needs no proof, and a lost proof ends nothing."""
    domain_bugs.a_fenced_leader_cancels(patch)
    honest = gate.judge
    patch.setattr(gate, "judge", lambda permit, *rest: honest(permit, *rest) if permit.adds_risk else None)
    patch.setattr("trader.engine.session.TradingEngine._lose", lambda self, reason: None)


def float_paise(patch: Patch) -> None:
    """A price that went through a division."""
    domain_bugs.float_paise(patch)
    patch.setattr("trader.domain.protecting.clamp_price", lambda price, *_: price / 1)


def storms(*kinds: Kind) -> Iterator[Schedule]:
    """Schedules of seeds, among whose troubles is one of these."""
    every = (make("short", seed) for seed in count())
    fitting = (each for each in every if not kinds or any(trouble.kind in kinds for trouble in each.troubles))
    return islice(fitting, SEEDS)


def story(*troubles: Trouble, pods: int = 1, storm: float = 30.0) -> Iterator[Schedule]:
    """One bracket in a calm market, and these troubles; a few seeds of it."""
    for seed in range(8):
        yield replace(perfect(seed), troubles=troubles, pods=pods, storm_seconds=storm, volatility=4.0)


_CRASHES = (Kind.CRASH, Kind.CRASH_AT_TURN, Kind.CRASH_AFTER_SEND, Kind.REPLACE)
_STUCK_AND_KILLED = (Trouble(Kind.HIDDEN, number=1, seconds=15.0), Trouble(Kind.KILL, at=11.0))
_WAITING_AND_CRASHED = (Trouble(Kind.THIN, at=3.9, seconds=25.0), Trouble(Kind.CRASH, at=5.0))
_STOPPED_BEFORE_THE_GATE = (
    Trouble(Kind.SLOW_CONNECTION, number=2, seconds=1.5),
    Trouble(Kind.SLOW_CONNECTION, number=3, seconds=1.5),
    Trouble(Kind.PAUSE, at=5.2, seconds=22.0),
)
_ASKED_AND_STOPPED = (
    Trouble(Kind.KILL, at=8.0),
    Trouble(Kind.SLOW_CONNECTION, number=4, seconds=1.5),
    Trouble(Kind.SLOW_CONNECTION, number=5, seconds=1.5),
    Trouble(Kind.PAUSE, at=8.4, seconds=22.0),
)


def two_entries(*troubles: Trouble) -> Iterator[Schedule]:
    """Two instruments, and limits that one entry alone comes near."""
    profile = replace(PROFILE, max_heat_ppm=4_500)
    second = INSTRUMENTS[1]
    for schedule in story(*troubles):
        first = schedule.signals[0]
        later = replace(first, number=2, at=first.at + 1_500_000_000, instrument=second.key)
        yield replace(schedule, instruments=INSTRUMENTS[:2], signals=(first, later), profile=profile)


# The bug, the promises of which one must break, and the schedules that it may take.
CAUGHT: list[tuple[Callable[[Patch], None], tuple[str, ...], Iterable[Schedule]]] = [
    (the_gate_does_not_look, ("I2",), story(*_STOPPED_BEFORE_THE_GATE, pods=2)),
    (a_timeout_is_sent_again, ("I1",), storms(Kind.UNANSWERED)),
    (an_order_leaves_before_it_is_durable, ("I3",), storms()),
    (calls_are_not_paced, ("I9",), storms(Kind.STORE_SLOW, Kind.STORE_AMBIGUOUS)),
    (a_tag_is_used_again_after_a_restart, ("I1", "I11", "rule 3", "L2", "L4", "I6", "no error"), storms(*_CRASHES)),
    (domain_bugs.retry_on_timeout, ("I1", "I11", "rule 3"), storms(Kind.UNANSWERED)),
    (domain_bugs.protection_only_after_full_fill, ("I6", "L4"), storms(Kind.THIN, Kind.SUSPEND, Kind.JUMP)),
    (domain_bugs.an_in_doubt_stop_believed_for_ever, ("I6", "L4"), story(Trouble(Kind.LOST, number=2))),
    (domain_bugs.flat_declared_with_an_entry_in_doubt, ("rule 5",), story(*_STUCK_AND_KILLED)),
    (domain_bugs.a_replayed_fill_places_a_second_stop, ("rule 3", "I14", "I9", "I4", "no error"), storms()),
    (domain_bugs.kill_forgets_a_working_entry, ("L1", "L4", "rule 5", "I5"), storms(Kind.KILL, Kind.KILL_BY_SPEC)),
    (domain_bugs.epoch_not_checked, ("rule 7",), story(*_WAITING_AND_CRASHED)),
    (domain_bugs.reconcile_emits_twice, ("I19",), storms()),
    (domain_bugs.a_snapshot_older_than_an_order_judges_it, ("rule 5",), story(*_STUCK_AND_KILLED)),
    (domain_bugs.heat_ignores_in_doubt_orders, ("I7",), two_entries(Trouble(Kind.LOST, number=1))),
    (a_fenced_leader_cancels, ("I2",), story(*_ASKED_AND_STOPPED, pods=2)),
    (float_paise, ("I12",), storms()),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("plant", "promises", "schedules"), CAUGHT, ids=[plant.__name__ for plant, *_ in CAUGHT])
def test_the_planted_bug_is_caught(
    plant: Callable[[Patch], None], promises: tuple[str, ...], schedules: Iterable[Schedule], monkeypatch: Patch
) -> None:
    """Some schedule breaks a promise that the bug is about; without the bug the same schedule holds."""
    with monkeypatch.context() as patch:
        plant(patch)
        caught = next((each for each in schedules if _breaks(each, promises)), None)
    assert caught is not None, f"no schedule noticed {plant.__name__}"
    assert run(caught).violations == {}


def _breaks(schedule: Schedule, promises: tuple[str, ...]) -> bool:
    return any(each.startswith(promises) for each in run(schedule).violations)
