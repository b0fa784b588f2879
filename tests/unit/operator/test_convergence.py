"""Whatever the world was, the operator comes to rest, and at rest it writes nothing."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_operator.domain.names import trader_name
from session_operator.engine.reconciling import Reconciler
from session_operator.engine.worlds import Reference, World
from session_operator.errors import ApiError
from tests.unit.operator.builders import (
    KEY,
    PROFILES,
    SECRETS,
    TERMS,
    MemoryCluster,
    NoMeasures,
    SilentTraders,
    StillClock,
    foreign,
    orphan,
    pod_body,
    report,
    secret_body,
    session_body,
    show,
    spec,
)

NAMES = [
    ("Lease", "account-ab1234"),
    ("StatefulSet", "index-trader"),
    ("Service", "index-trader"),
    ("Service", "index-trader-http"),
    ("Role", "index-trader"),
]

specs = st.sampled_from(
    [
        spec(),
        spec(mode="Papr"),
        spec(suspend=True),
        spec(config={"stages": [{"name": "canary", "profile": "canary-live"}]}),
        spec(config={"stages": [{"name": "full", "profile": "nowhere"}]}),
        spec(trader={"lease": {"durationSeconds": 5}}),
        spec(gates={"drills": ["dual-runner", "exchange-band-jump"]}),
        spec(gates={"burnInDays": 3, "drills": ["dual-runner"]}, postClose={}, calendar={"exchange": "NFO"}),
    ]
)
PROVING = {
    "tradingDay": {"date": "2026-11-23", "isMarketDay": True, "isClosed": False},
    "runs": [{"job": "index-drill-0", "kind": "Drill", "tradingDate": "2026-11-23", "since": "2026-11-23T09:00:00Z"}],
}
statuses = st.sampled_from(
    [
        PROVING,
        {},
        {"phase": "Nonsense"},
        {"phase": "Live", "readyTraders": 2, "conditions": []},
        {"message": "old", "other": 1},
    ]
)
leases = st.fixed_dictionaries(
    {
        "holder": st.sampled_from(["", "index-trader-0_u_n", "somebody"]),
        "epoch": st.sampled_from(["", "7", "x"]),
        "state": st.sampled_from(["", "LIVE", "HALTED", "UNHEARD_OF"]),
        "report": st.sampled_from(["", "{", report(), report(kill={"id": "k", "since": 1, "flatAt": None})]),
    }
)


class Desk:
    """The operator on an API server in memory."""

    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.world = World()
        self.clock = StillClock()
        self.reconciler = Reconciler(
            self.world,
            TERMS,
            cluster=self.cluster,
            traders=SilentTraders(),
            recorder=self.cluster,
            clock=self.clock,
            measures=NoMeasures(),
        )

    async def look(self) -> float | None:
        """Let the watches show what is, and reconcile once."""
        show(self.world, self.cluster, self.clock.seconds)
        return await self.reconciler.reconcile(KEY)

    def status(self) -> dict[str, Any]:
        """The status that stands."""
        found: dict[str, Any] = self.cluster.objects[Reference("TradingSession", "desk", "index")]["status"]
        return found

    def reasons(self) -> dict[str, str]:
        """The reasons of the conditions that stand."""
        return {each["type"]: each["reason"] for each in self.status()["conditions"]}


def good_desk() -> Desk:
    """A desk with all that a session refers to."""
    desk = Desk()
    desk.world.profiles = PROFILES
    desk.cluster.put(session_body())
    for name, values in SECRETS.items():
        desk.cluster.put(secret_body(name, values))
    return desk


@settings(max_examples=150, deadline=None)
@given(
    body=specs,
    status=statuses,
    secrets=st.sets(st.sampled_from(sorted(SECRETS))),
    profiles=st.sampled_from([None, {}, PROFILES, {"paper.yaml": "["}]),
    theirs=st.sets(st.sampled_from(NAMES), max_size=2),
    left=st.sets(st.sampled_from(NAMES), max_size=3),
    pods=st.lists(st.booleans(), max_size=2),
    lease=leases,
    has_rival=st.booleans(),
)
def test_any_world_comes_to_rest(
    *,
    body: dict[str, Any],
    status: dict[str, Any],
    secrets: set[str],
    profiles: dict[str, str] | None,
    theirs: set[tuple[str, str]],
    left: set[tuple[str, str]],
    pods: list[bool],
    lease: dict[str, str],
    has_rival: bool,
) -> None:
    """After two looks there is nothing to write; what others own is as it was."""

    async def scenario() -> None:
        desk = Desk()
        desk.world.profiles = profiles
        desk.cluster.put(session_body(spec=body, status=status))
        for name in secrets:
            desk.cluster.put(secret_body(name, SECRETS[name]))
        for kind, name in left:
            desk.cluster.put(orphan(kind, name))
        foreigners = [desk.cluster.put(foreign(kind, name)) for kind, name in theirs]
        for number, is_ready in enumerate(pods):
            desk.cluster.put(pod_body(f"index-trader-{number}", is_ready=is_ready))
        if has_rival:
            desk.cluster.put(session_body("elder", "other", created="2026-11-01T00:00:00Z"))
        await desk.look()
        held = desk.cluster.objects.get(Reference("Lease", "desk", "account-ab1234"))
        if held is not None and ("Lease", "account-ab1234") not in theirs:
            held["metadata"].setdefault("annotations", {}).update(
                {f"tradeops.dev/{key}": lease[name] for key, name in ANNOTATIONS.items()}
            )
            desk.cluster.put(held | {"spec": {"holderIdentity": lease["holder"]}})
        await desk.look()
        await desk.look()
        writes, events = desk.cluster.writes, len(desk.cluster.events)
        assert await desk.look() is not None
        assert (desk.cluster.writes, len(desk.cluster.events)) == (writes, events)
        for each in foreigners:
            assert desk.cluster.objects[Reference(each["kind"], "desk", each["metadata"]["name"])] == each

    asyncio.run(scenario())


ANNOTATIONS = {"epoch": "epoch", "trading-state": "state", "report": "report"}


async def test_a_secret_that_appears_heals_the_session() -> None:
    """Nobody has to touch the session."""
    desk = good_desk()
    missing = desk.cluster.objects.pop(Reference("Secret", "desk", "trading-db"))
    await desk.look()
    assert desk.reasons()["SpecValid"] == "SecretMissing"
    desk.cluster.put(missing)
    await desk.look()
    assert desk.reasons()["SpecValid"] == "Valid"
    assert Reference("StatefulSet", "desk", trader_name("index")) in desk.cluster.objects


async def test_the_operator_never_writes_the_lease_s_spec() -> None:
    """A leader that renews is not disturbed, even when our metadata was tampered with."""
    desk = good_desk()
    await desk.look()
    reference = Reference("Lease", "desk", "account-ab1234")
    held = desk.cluster.objects[reference]
    held["metadata"]["labels"].pop("app.kubernetes.io/part-of")
    desk.cluster.put(held | {"spec": {"holderIdentity": "index-trader-0_u_n", "renewTime": "now"}})
    await desk.look()
    assert desk.cluster.objects[reference]["spec"] == {"holderIdentity": "index-trader-0_u_n", "renewTime": "now"}
    assert desk.cluster.objects[reference]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "index"


async def test_an_unlabelled_lease_of_that_name_is_found_before_it_is_overwritten() -> None:
    """What no watch shows is looked up by name."""
    desk = good_desk()
    theirs = desk.cluster.put(foreign("Lease", "account-ab1234") | {"spec": {"holderIdentity": "somebody"}})
    await desk.look()
    assert desk.reasons()["LeaderElected"] == "LeaseForeign"
    assert desk.cluster.objects[Reference("Lease", "desk", "account-ab1234")] == theirs


async def test_a_deleted_child_comes_back() -> None:
    """Drift is corrected."""
    desk = good_desk()
    await desk.look()
    reference = Reference("Service", "desk", "index-trader-http")
    gone = desk.cluster.objects.pop(reference)
    desk.world.remove(reference, int(gone["metadata"]["resourceVersion"]) + 1)
    await desk.look()
    assert reference in desk.cluster.objects


async def test_a_refusal_is_shown_the_rest_is_done_and_it_heals() -> None:
    """One child that is refused keeps no other from being made."""
    desk = good_desk()
    desk.cluster.refusals["Service"] = ApiError(403, "PATCH services", "quota exceeded")
    for _ in range(2):
        with pytest.raises(ApiError, match="quota"):
            await desk.look()
    assert desk.reasons()["Ready"] == "ApplyFailed"
    assert Reference("StatefulSet", "desk", "index-trader") in desk.cluster.objects
    assert [event.reason for event in desk.cluster.events].count("ApplyFailed") == 1
    desk.cluster.refusals.clear()
    await desk.look()
    assert desk.reasons()["Ready"] == "PodsNotReady"


async def test_a_session_that_went_is_forgotten() -> None:
    """There is nothing to look at again."""
    desk = good_desk()
    await desk.look()
    desk.world.remove(Reference("TradingSession", "desk", "index"), 10_000)
    desk.cluster.objects.clear()
    assert await desk.look() is None


async def test_a_failing_session_does_not_stop_the_others() -> None:
    """Its error stays its own, and it is tried again later."""
    desk = good_desk()
    desk.cluster.put(session_body("second", spec=spec(account=spec()["account"] | {"id": "ZZ1234"})))
    show(desk.world, desk.cluster)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    original = desk.cluster.find
    calls: list[str] = []

    async def find(kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        calls.append(name)
        if name.startswith(("index", "account-ab1234")):
            await broken()
        return await original(kind_name, namespace, name)

    desk.cluster.find = find  # type: ignore[method-assign]
    for key in desk.world.session_keys():
        desk.reconciler.queue.add(key)
    worker = asyncio.create_task(desk.reconciler.work())
    for _ in range(1000):
        await asyncio.sleep(0)
    worker.cancel()
    assert Reference("StatefulSet", "desk", "second-trader") in desk.cluster.objects
    assert Reference("StatefulSet", "desk", "index-trader") not in desk.cluster.objects
