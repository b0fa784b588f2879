"""The world takes what is newer, and wakes exactly whom a change concerns."""

from typing import Any

from session_operator.engine.watchfulness import Watchfulness
from session_operator.engine.worlds import Key, Reference, World
from tests.unit.operator.builders import KEY, SECRETS, orphan, pod_body, report, secret_body, session_body, spec


def versioned(body: dict[str, Any], version: int) -> dict[str, Any]:
    """The same object at a version."""
    return {**body, "metadata": body["metadata"] | {"resourceVersion": str(version)}}


def lease(version: int, **annotations: str) -> dict[str, Any]:
    """The account's Lease, with a leader."""
    body = versioned(orphan("Lease", "account-ab1234"), version)
    body["metadata"] = body["metadata"] | {
        "annotations": {f"tradeops.dev/{key}": each for key, each in annotations.items()}
    }
    return body | {"spec": {"holderIdentity": "index-trader-0_u_n", "renewTime": str(version)}}


def world_with(*bodies: dict[str, Any]) -> World:
    """A world with a session in it."""
    world = World()
    for body in (session_body(), *bodies):
        world.put(body, 0.0)
    return world


def test_an_older_event_changes_nothing() -> None:
    """A late watch event never undoes what an answer has shown."""
    world = world_with()
    world.put(versioned(session_body(spec=spec(suspend=True)), 9), 0.0)
    assert world.put(versioned(session_body(), 8), 0.0) == frozenset()
    found = world.session(KEY)
    assert found is not None
    assert found.spec is not None
    assert found.spec.suspend


def test_a_renewal_wakes_nobody() -> None:
    """A leader renews every two seconds; rapid numbers wait too."""
    world = world_with(lease(4, epoch="7", report=report()), lease(5, epoch="7", report=report()))
    assert world.put(lease(6, epoch="7", report=report()), 1.0) == frozenset()
    assert world.put(lease(7, epoch="7", report=report(heatPaise=1)), 1.0) == frozenset()


def test_a_new_epoch_a_kill_and_a_closed_position_wake_at_once() -> None:
    """What status shows of them must be fresh."""
    world = world_with(lease(5, epoch="7", report=report()))
    assert world.put(lease(6, epoch="8", report=report()), 1.0) == {KEY}
    assert world.put(lease(7, epoch="8", report=report(kill={"id": "k"})), 1.0) == {KEY}
    assert world.put(lease(8, epoch="8", report=report(kill={"id": "k"}, openPositions=0)), 1.0) == {KEY}


def test_silence_is_measured_from_the_last_renewal_that_was_seen() -> None:
    """On the operator's own clock."""
    world = world_with()
    world.put(lease(5), 100.0)
    world.put(lease(6), 102.0)
    seen = world.observe(KEY, 110.0, status_age_seconds=0, fault="")
    assert seen is not None
    assert seen.lease_silent_seconds == 8.0


def test_a_leader_that_is_back_wakes_at_once() -> None:
    """After a silence as long as its Lease, a mere renewal matters."""
    world = world_with(lease(4), lease(5))
    assert world.put(lease(6), 2.0) == frozenset()
    assert world.put(lease(7), 18.0) == {KEY}


def test_a_lease_at_first_sight_is_not_known_to_be_renewed() -> None:
    """Its silence may be older than the operator."""
    world = world_with(lease(5))
    first = world.observe(KEY, 0.0, status_age_seconds=0, fault="")
    world.put(lease(6), 2.0)
    second = world.observe(KEY, 2.0, status_age_seconds=0, fault="")
    assert first is not None
    assert second is not None
    assert (first.lease_is_renewed, second.lease_is_renewed) == (False, True)


def test_a_secret_wakes_those_who_name_it() -> None:
    """And nobody else."""
    world = world_with()
    world.put(session_body("other", spec=spec(storage={"databaseSecretRef": {"name": "own-db"}})), 0.0)
    assert world.put(versioned(secret_body("trading-db", SECRETS["trading-db"]), 3), 0.0) == {KEY}
    assert world.put(versioned(secret_body("nobodys", {"a": "b"}), 4), 0.0) == frozenset()


def test_a_secret_s_values_are_not_kept() -> None:
    """Only names of keys and the scheme of a URL."""
    world = world_with(versioned(secret_body("trading-db", {"url": "postgresql://u:hunter2@h/d"}), 3))
    assert "hunter2" not in repr(vars(world))


def waiting_pod(version: int, **kind: Any) -> dict[str, Any]:
    """A trader that runs."""
    return versioned(pod_body("index-trader-0", address="10.0.0.7", **kind), version)


POD = Reference("Pod", "desk", "index-trader-0")


def problem_in(world: World) -> str:
    """What the only pod's facts say."""
    seen = world.observe(KEY, 0.0, status_age_seconds=0, fault="")
    assert seen is not None
    (pod,) = seen.pods
    return pod.problem


def test_only_a_trader_that_runs_and_is_not_ready_is_asked() -> None:
    """The others have nothing to tell, or nobody to tell it."""
    assert world_with(waiting_pod(3, is_ready=False)).waiting_traders() == {POD: "10.0.0.7"}
    assert world_with(waiting_pod(3)).waiting_traders() == {}
    assert world_with(versioned(pod_body("index-trader-0", is_ready=False), 3)).waiting_traders() == {}


def test_a_complaint_wakes_the_session_once_and_is_told_in_the_desk_s_words() -> None:
    """A file that is mounted is a key of a Secret to those who made it; credentials in a URL are nobody's to see."""
    world = world_with(waiting_pod(3, is_ready=False))
    said = "the database of /etc/trader/database/url does not answer: postgresql://u:hunter2@h/d\nno route"
    assert world.note_complaint(POD, said) == {KEY}
    assert world.note_complaint(POD, said) == frozenset()
    expected = "the database of key url of Secret trading-db does not answer: postgresql://***@h/d no route"
    assert problem_in(world) == expected


def test_a_complaint_ends_with_its_cause() -> None:
    """A trader that is ready, or gone, complains of nothing."""
    world = world_with(waiting_pod(3, is_ready=False))
    world.note_complaint(POD, "starting")
    assert world.note_complaint(POD, "") == {KEY}
    assert problem_in(world) == ""
    world.note_complaint(POD, "starting")
    world.put(waiting_pod(4), 0.0)
    assert problem_in(world) == ""
    assert world.note_complaint(POD, "too late") == frozenset()
    world.remove(POD, 5)
    assert world.note_complaint(POD, "too late") == frozenset()


def test_a_rival_wakes_the_other() -> None:
    """When the elder goes, the younger's time has come."""
    world = world_with()
    world.put(session_body("elder", "other"), 0.0)
    assert world.remove(Reference("TradingSession", "other", "elder"), 99) == {KEY, Key("other", "elder")}
    seen = world.observe(KEY, 0.0, status_age_seconds=0, fault="")
    assert seen is not None
    assert seen.rivals == ()


def test_a_list_removes_what_it_lacks() -> None:
    """A deletion that the watch missed is found."""
    world = world_with(versioned(pod_body("index-trader-0"), 3))
    assert world.replace("Pod", None, [], version=10, now=0.0) == {KEY}
    assert world.replace("Pod", None, [], version=11, now=0.0) == frozenset()


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    """Only what it could have shown is gone."""
    world = world_with(versioned(pod_body("index-trader-0"), 3))
    assert world.replace("Pod", "elsewhere", [], version=10, now=0.0) == frozenset()


def test_an_object_newer_than_the_list_stays() -> None:
    """It was made after the list was taken."""
    world = world_with(versioned(pod_body("index-trader-0"), 30))
    assert world.replace("Pod", None, [], version=10, now=0.0) == frozenset()


def test_a_watch_that_misses_what_a_list_showed_is_dead() -> None:
    """It has from one list to the next to show it."""
    watch = Watchfulness()
    body = versioned(pod_body("index-trader-0"), 3)
    watch.listed("Pod", None, [body], 0.0)
    assert watch.complaints(0.0, 240.0) == ()
    watch.listed("Pod", None, [body], 60.0)
    assert watch.complaints(60.0, 240.0) == ("watch of Pod missed desk/index-trader-0",)
    watch.saw(body)
    watch.listed("Pod", None, [body], 120.0)
    assert watch.complaints(120.0, 240.0) == ()


def test_an_object_that_went_is_not_missed() -> None:
    """The watch told of its end."""
    watch = Watchfulness()
    body = versioned(pod_body("index-trader-0"), 3)
    watch.listed("Pod", None, [body], 0.0)
    watch.saw_gone(Reference("Pod", "desk", "index-trader-0"))
    watch.listed("Pod", None, [], 60.0)
    assert watch.complaints(60.0, 240.0) == ()


def test_an_overdue_list_is_complained_of() -> None:
    """Nobody has looked for too long."""
    watch = Watchfulness()
    watch.listed("Pod", None, [], 0.0)
    assert watch.complaints(241.0, 240.0) == ("Pod was last listed 241 s ago",)
