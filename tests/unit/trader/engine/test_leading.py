"""The elector's moves, one by one."""

from dataclasses import replace

import pytest

from trader.domain.values import SECOND, MachineTime
from trader.engine.leading import (
    Conflicted,
    Elector,
    Found,
    Hinted,
    Identity,
    Observation,
    Phase,
    Read,
    ReleaseAsked,
    Rest,
    Signal,
    Silent,
    Write,
    Wrote,
    decide,
    observe,
)
from trader.engine.leases import LeaseTimes
from trader.engine.ports import LeaseRecord

ME = Identity("trader-0", "uid0", "now")
FREE = LeaseRecord("lease", "1", "", 1, 3, "")
OTHER = replace(FREE, version="2", holder="trader-1_uid1_boot", duration_seconds=15, renewed="a")
MINE = replace(FREE, version="3", holder=ME.holder, duration_seconds=15, renewed="b")


def at(seconds: float) -> MachineTime:
    return MachineTime(round((1000 + seconds) * SECOND))


def told(*observations: tuple[float, Observation]) -> tuple[Elector, list[Signal]]:
    elector = Elector(ME, LeaseTimes())
    heard: list[Signal] = []
    for seconds, seen in observations:
        elector, signals = observe(elector, seen, at(seconds))
        heard.extend(signals)
    return elector, heard


def leading() -> Elector:
    elector, signals = told((0, Found(FREE)), (0.1, Wrote(MINE, at(0))))
    assert signals == [Signal.WON]
    return elector


def test_a_released_lease_is_taken_at_once() -> None:
    """Read first, then compare and swap on what was read."""
    assert decide(Elector(ME, LeaseTimes()), at(0)) == Read()
    elector, _ = told((0, Found(FREE)))
    assert decide(elector, at(0)) == Write(FREE, ME.holder, 15)


def test_a_dead_predecessor_in_this_container_is_succeeded_at_once() -> None:
    """The same pod UID under another boot nonce: that process is gone. Another pod of the same name is not it."""
    before = replace(OTHER, holder="trader-0_uid0_before")
    assert decide(told((0, Found(before)))[0], at(0)) == Write(before, ME.holder, 15)
    namesake = replace(OTHER, holder="trader-0_uid9_before")
    assert isinstance(decide(told((0, Found(namesake)))[0], at(0)), Rest)


def test_another_holder_is_left_its_own_duration_since_it_was_last_seen_to_change() -> None:
    """The record's duration counts, not ours; an annotation is no sign of life, a renewal is."""
    long = replace(OTHER, duration_seconds=20)
    annotated = replace(long, version="9", revoke="x")
    elector, _ = told((0, Found(long)), (19.9, Found(annotated)))
    assert decide(elector, at(19.9)) == Rest(at(20))
    assert decide(elector, at(20)) == Write(annotated, ME.holder, 15)
    renewed, _ = told((0, Found(long)), (19.9, Found(replace(long, version="10", renewed="c"))))
    assert isinstance(decide(renewed, at(20)), Rest)


def test_the_deadline_counts_from_the_sending_of_the_last_renewal_that_succeeded() -> None:
    """Not from its answer, and not from a later attempt without one."""
    elector = leading()
    assert elector.deadline == at(8)
    elector, _ = observe(elector, Wrote(replace(MINE, version="4"), at(2)), at(3.9))
    assert elector.deadline == at(10)
    elector, signals = observe(elector, Silent(), at(6))
    assert (elector.deadline, signals) == (at(10), ())


def test_a_renewal_without_an_answer_is_looked_up_before_the_next() -> None:
    """It may stand: the next write starts from what is read."""
    elector, _ = observe(leading(), Silent(), at(4))
    assert decide(elector, at(4.6)) == Read()
    mine = replace(MINE, version="7", renewed="c")
    elector, signals = observe(elector, Found(mine), at(4.7))
    assert (decide(elector, at(4.7)), signals) == (Write(mine, ME.holder, 15), ())


def test_a_win_that_is_learned_too_late_is_looked_up() -> None:
    """A candidate that was stopped between sending and answer may have been succeeded: it reads before it leads."""
    elector, signals = told((0, Found(FREE)), (8, Wrote(MINE, at(0))))
    assert (decide(elector, at(8)), signals) == (Read(), [])
    elector, _ = observe(elector, Found(MINE), at(8.1))
    assert decide(elector, at(8.1)) == Write(MINE, ME.holder, 15)


def test_silence_alone_never_loses_and_a_late_answer_renews() -> None:
    """Past the deadline the Lease proves nothing, yet whoever still finds its name there goes on."""
    elector = leading()
    for seconds in range(2, 60, 2):
        elector, signals = observe(elector, Silent(), at(seconds))
        assert signals == ()
    elector, _ = observe(elector, Found(MINE), at(60))
    elector, signals = observe(elector, Wrote(replace(MINE, version="8"), at(60)), at(60.1))
    assert (signals, elector.deadline) == ((Signal.RENEWED,), at(68))


@pytest.mark.parametrize("found", [OTHER, replace(FREE, uid="anew", version="8")], ids=["another holder", "made anew"])
def test_a_leader_that_finds_its_name_gone_has_lost(found: LeaseRecord) -> None:
    """After a conflict it reads at once, and never writes again."""
    elector, signals = observe(leading(), Conflicted(), at(2))
    assert (decide(elector, at(2)), signals) == (Read(), ())
    elector, signals = observe(elector, Found(found), at(2.1))
    assert signals == (Signal.LOST,)
    assert elector.deadline == 0
    assert isinstance(decide(elector, at(100)), Rest)


def test_a_conflict_over_an_annotation_costs_nothing() -> None:
    """The operator wrote in between: read, and renew on top."""
    elector, _ = observe(leading(), Conflicted(), at(2))
    mine = replace(MINE, version="9")
    elector, signals = observe(elector, Found(mine), at(2.1))
    assert (decide(elector, at(2.1)), signals) == (Write(mine, ME.holder, 15), ())


def test_a_release_is_written_and_the_releaser_stays_out() -> None:
    """Holder empty, duration 1 s; until the pause is over it takes nothing, then it stands again."""
    elector, _ = observe(leading(), ReleaseAsked(10 * SECOND), at(1))
    assert decide(elector, at(1)) == Write(MINE, "", 1)
    released = replace(FREE, version="5")
    elector, signals = observe(elector, Wrote(released, at(1)), at(1.1))
    assert (signals, elector.phase) == ((Signal.RELEASED,), Phase.WAITING)
    elector, _ = observe(elector, Found(released), at(10.9))
    assert isinstance(decide(elector, at(10.9)), Rest)
    assert decide(elector, at(11)) == Write(released, ME.holder, 15)


@pytest.mark.parametrize("found", [replace(FREE, version="6"), OTHER], ids=["released", "taken already"])
def test_a_release_whose_answer_was_lost_is_recognised(found: LeaseRecord) -> None:
    """Empty or taken by a successor: either way it is no longer ours, as wished."""
    elector, _ = observe(leading(), ReleaseAsked(0), at(1))
    elector, _ = observe(elector, Silent(), at(1.5))
    elector, signals = observe(elector, Found(found), at(2.1))
    assert (signals, elector.phase) == ((Signal.RELEASED,), Phase.WAITING)


def test_a_release_that_nobody_answers_is_given_up() -> None:
    """The process ends anyway; the Lease runs out."""
    elector, _ = observe(leading(), ReleaseAsked(0), at(1))
    elector, signals = observe(elector, Silent(), at(2))
    assert signals == ()
    elector, signals = observe(elector, Silent(), at(3.1))
    assert signals == (Signal.RELEASED,)


def test_a_revocation_is_heard_once_and_keeps_its_subject_out() -> None:
    """The named leader steps down; while the annotation names it, it takes nothing."""
    revoked = replace(MINE, version="4", revoke=ME.holder)
    elector, signals = observe(leading(), Found(revoked), at(1))
    assert signals == (Signal.REVOKED,)
    elector, signals = observe(elector, Wrote(replace(revoked, version="5"), at(2)), at(2))
    assert signals == (Signal.RENEWED,)
    freed = replace(FREE, version="6", revoke=ME.holder)
    waiting, _ = told((0, Found(freed)))
    assert isinstance(decide(waiting, at(60)), Read)


def test_a_lease_made_anew_is_not_taken_from_under_whom_it_was_deleted() -> None:
    """A standby that saw a leader waits that leader's duration out; one that was released properly is free at once."""
    anew = replace(FREE, uid="anew", version="9")
    elector, _ = told((0, Found(OTHER)), (3, Silent()), (5, Found(anew)))
    assert isinstance(decide(elector, at(5)), Rest)
    assert decide(elector, at(15)) == Write(anew, ME.holder, 15)
    released, _ = told((0, Found(OTHER)), (5, Found(replace(FREE, version="9"))))
    assert isinstance(decide(released, at(5)), Write)


def test_hints_make_it_look_and_its_own_echo_does_not() -> None:
    """The watch also tells of our own writes."""
    elector, _ = told((0, Found(OTHER)))
    hinted, _ = observe(elector, Hinted("77"), at(0.5))
    assert decide(hinted, at(0.5)) == Read()
    echoed, _ = observe(elector, Hinted(OTHER.version), at(0.5))
    assert isinstance(decide(echoed, at(0.5)), Rest)


@pytest.mark.parametrize(("duration", "deadline", "retry"), [(15, 2, 2), (10, 8, 2), (15, 8, 0), (11, 8, 2)])
def test_times_that_leave_no_room_to_stop_are_refused(duration: int, deadline: int, retry: int) -> None:
    """The manifest's arithmetic is checked here again: a wrong one must not lead."""
    with pytest.raises(ValueError, match="was"):
        LeaseTimes(duration, deadline, retry)
