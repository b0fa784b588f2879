"""Schedules that broke a promise once, kept for good."""

from dataclasses import replace

import pytest

from ops.simulating.running import run
from ops.simulating.schedules import Schedule, make, perfect
from ops.simulating.troubles import Kind, Trouble


def story(*troubles: Trouble, seed: int = 1, **changes: object) -> Schedule:
    """One bracket and these troubles."""
    calm = replace(perfect(seed), troubles=troubles, volatility=4.0, storm_seconds=20.0)
    return replace(calm, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_a_stop_that_is_stuck_at_the_broker_is_replaced_while_it_refuses_changes(seed: int) -> None:
    """Acknowledged and never seen, with an entry that goes on filling: naked for as long as it stuck, once."""
    result = run(story(Trouble(Kind.HIDDEN, number=2, seconds=14.0), seed=seed, partial=0.9))

    assert result.violations == {}


@pytest.mark.parametrize("seed", range(6))
def test_a_slow_commit_lets_no_second_hold_more_calls_than_the_broker_takes(seed: int) -> None:
    """What two seconds decided leaves together when the database answers at last."""
    slow = Trouble(Kind.STORE_SLOW, at=3.0, seconds=4.0)
    jump = Trouble(Kind.JUMP, at=5.1, amount=140)
    result = run(story(slow, jump, seed=seed, partial=0.9))

    assert result.violations == {}


def test_a_call_counts_in_the_second_in_which_it_leaves() -> None:
    """A stop's connection took its time to stand: the eleventh call of the second in which it did, once."""
    schedule = make("short", 1_007_913)

    assert {Kind.SLOW_CONNECTION, Kind.UNANSWERED} <= {each.kind for each in schedule.troubles}
    assert run(schedule).violations == {}


@pytest.mark.parametrize("seed", [1_209_094, 1_212_832])
def test_a_call_that_is_slow_on_its_way_counts_in_the_second_in_which_it_arrives(seed: int) -> None:
    """It left in one second and arrived in the next one, whose ten calls were all made: the eleventh got a 429, once."""
    schedule = make("short", seed)

    assert Kind.SLOW in {each.kind for each in schedule.troubles}
    assert run(schedule).violations == {}


def test_a_position_that_somebody_closes_right_after_our_own_fill_is_known_within_a_second() -> None:
    """His order explains the difference: our fill need not settle first."""
    result = run(story(Trouble(Kind.HUMAN_CLOSES, at=5.5, amount=1)))

    assert result.violations == {}
    assert result.reached["position_closed_outside"] == 1
    closed = next(each for each in result.history if each["kind"] == "foreign_order")["machine_time_ns"]
    cancelled = next(each for each in result.history if each["kind"] == "order_cancelled")["machine_time_ns"]
    assert cancelled - closed < 1_000_000_000


@pytest.mark.parametrize("seed", [1_004_285, 1_022_430])
def test_of_two_kills_made_apart_the_one_that_stands_is_proved_flat(seed: int) -> None:
    """The manifest's reached the leader, another pod's the database: the release of the one ended the other, once."""
    assert run(make("short", seed)).violations == {}


@pytest.mark.parametrize("seed", [1_010_660, 1_018_654])
def test_a_human_who_closes_in_the_moment_of_a_kill_is_not_counted_beside_our_own_exit(seed: int) -> None:
    """Positions that lag behind a fill are waited for: flat was declared over a position, once."""
    assert run(make("short", seed)).violations == {}


@pytest.mark.timeout(180)
def test_a_process_stopped_before_one_write_keeps_back_that_one_and_no_other() -> None:
    """Nine orders that had left arrived with it seconds later, with what had been decided anew: sixteen in a second, once."""
    assert run(make("hour", 1_000_023)).violations == {}


@pytest.mark.parametrize("jump", [-140, 140])
def test_what_a_human_sells_beside_our_own_leg_is_his_and_the_desk_is_told(jump: int) -> None:
    """He sells a part, and another that no update tells of while stop or target fills at its old size: nobody buys that back."""
    his = [Trouble(Kind.HUMAN_CLOSES, at=at, amount=0) for at in (9.0, 10.0)]
    unheard = Trouble(Kind.UPDATES_LOST, at=9.5, seconds=3.0)
    result = run(story(*his, unheard, Trouble(Kind.JUMP, at=10.4, amount=jump)))

    assert result.violations == {}
    assert result.reached["foreign_position_seen"] == 1


@pytest.mark.parametrize("seed", [1_125_461, 1_136_775, 1_139_661, 1_148_770, 1_186_089])
def test_what_nobody_can_tell_apart_is_not_held_against_us(seed: int) -> None:
    """He closes ours while a leg of ours fills, or buys a little back for himself, all before anybody looks."""
    assert run(make("short", seed)).violations == {}


def test_nothing_settles_while_nobody_leads() -> None:
    """A Lease that was revoked runs out first: the target fills meanwhile, and its stop goes as soon as somebody leads."""
    assert run(make("short", 1_139_696)).violations == {}


def test_a_stop_that_is_heard_of_while_the_next_one_is_made_durable_stays_the_only_one() -> None:
    """The process was stopped, judged its doubt before it heard the answer that waited, and the database was away, once."""
    result = run(make("short", 1_156_286))

    assert result.violations == {}
    stops = [each["tag"] for each in result.history if each["kind"] == "order_accepted" and each["order_type"] == "SL"]
    assert len(stops) == 1


def test_a_stop_that_is_hidden_for_longer_than_its_doubt_is_followed_by_another() -> None:
    """Acknowledged, shown by no book, and there again in the moment in which the next one leaves: one of them goes."""
    assert run(make("short", 1_064_948)).violations == {}
