"""Lease and own session over the wire of an API server."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.component.trader.api_server import LEASE, SESSIONS, ApiServer
from trader.adapters import kubernetes_pods
from trader.adapters.kubernetes_lease import KubernetesLease
from trader.adapters.kubernetes_pods import KubernetesPods, peers_of
from trader.adapters.kubernetes_session import KubernetesSession, wishes
from trader.adapters.pod_images import PodImage, PodsAway
from trader.engine.ports import LeaseAway, LeaseConflict, LeaseMissing, LeaseWrite, Wishes

pytestmark = pytest.mark.component

NAME = "account-ab1234"
PATH = f"{LEASE}/{NAME}"
SESSION = f"{SESSIONS}/index-intraday"
REQUEST_SECONDS = 0.5
SOON = 15.0
"""Until what carries no promise of its own: a slow machine makes a test longer, not red."""


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server with the operator's empty Lease."""
    server = ApiServer()
    metadata = {"name": NAME, "namespace": "desk", "uid": "lease-uid", "labels": {"kept": "yes"}}
    server.put(PATH, {"metadata": metadata, "spec": {"strategy": "unknown to us"}}, "ADDED")
    yield server
    server.close()


@pytest.fixture
def lease(api: ApiServer) -> Iterator[KubernetesLease]:
    adapter = KubernetesLease(api.new_client, "desk", NAME, request_seconds=REQUEST_SECONDS)
    yield adapter
    adapter.close()


def test_what_the_leader_writes_is_what_the_seams_say(api: ApiServer, lease: KubernetesLease) -> None:
    """Holder, duration, transitions, annotations; what others wrote on the object stays."""
    empty = lease.read()
    assert (empty.uid, empty.holder, empty.duration_seconds, empty.transitions, empty.revoke) == (
        "lease-uid",
        "",
        0,
        0,
        "",
    )
    taken = lease.write(LeaseWrite(empty, "trader-0_uid0_boot", 15, {"tradeops.dev/epoch": "7"}))
    renewed = lease.write(LeaseWrite(taken, "trader-0_uid0_boot", 15, {"tradeops.dev/trading-state": "LIVE"}))
    stored = api.objects[PATH]
    assert stored["spec"]["holderIdentity"] == "trader-0_uid0_boot"
    assert (stored["spec"]["leaseDurationSeconds"], stored["spec"]["leaseTransitions"]) == (15, 1)
    assert stored["spec"]["acquireTime"] < stored["spec"]["renewTime"]
    assert stored["spec"]["strategy"] == "unknown to us"
    assert stored["metadata"]["labels"] == {"kept": "yes"}
    assert stored["metadata"]["annotations"] == {"tradeops.dev/epoch": "7", "tradeops.dev/trading-state": "LIVE"}

    released = lease.write(LeaseWrite(renewed, "", 1, {}))
    assert (released.holder, released.duration_seconds, released.transitions) == ("", 1, 1)
    assert api.objects[PATH]["metadata"]["annotations"]["tradeops.dev/epoch"] == "7"


def test_a_write_over_another_version_is_a_conflict(api: ApiServer, lease: KubernetesLease) -> None:
    """Whoever wrote in between is never overwritten, and a base that was not read last is not even sent."""
    first = lease.read()
    api.put(PATH, api.objects[PATH])
    with pytest.raises(LeaseConflict):
        lease.write(LeaseWrite(first, "me", 15, {}))
    lease.read()
    sent = len(api.requests)
    with pytest.raises(LeaseConflict):
        lease.write(LeaseWrite(first, "me", 15, {}))
    assert len(api.requests) == sent


def test_a_missing_lease_is_told_apart_from_silence(api: ApiServer, lease: KubernetesLease) -> None:
    """404 is missing; 403, 429, 5xx and time-outs are away, in time, and none is tried again behind our back."""
    lease.read()
    for status in (403, 429, 500, 503, 0):
        api.statuses.append(status)
        began, sent = time.monotonic(), len(api.requests)
        with pytest.raises(LeaseAway):
            lease.read()
        assert time.monotonic() - began < 1.0
        assert len(api.requests) == sent + 1
    del api.objects[PATH]
    with pytest.raises(LeaseMissing):
        lease.read()


def test_a_release_is_seen_by_the_watch(api: ApiServer, lease: KubernetesLease) -> None:
    """Each change is told with its version; closing ends a watch that hears nothing."""
    heard: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        try:
            for version in lease.changes():
                heard.put(version)
        except LeaseAway:
            heard.put("away")

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    _until(lambda: bool(api.watches))
    assert heard.empty()
    stored = api.put(PATH, api.objects[PATH])
    assert heard.get(timeout=SOON) == stored["metadata"]["resourceVersion"]
    lease.close()
    assert heard.get(timeout=SOON) == "away"
    thread.join(SOON)
    assert not thread.is_alive()


def session(generation: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "index-intraday", "namespace": "desk", "uid": "session-uid", "generation": generation}
    return {"metadata": metadata, "spec": {"mode": "Live", **spec}}


@pytest.mark.parametrize(
    ("conditions", "is_live"),
    [
        (None, False),
        ([{"type": "Ready", "status": "True"}], False),
        ([{"type": "LiveAllowed", "status": "Unknown"}], False),
        ([{"type": "LiveAllowed", "status": "False"}], False),
        ([{"type": "Ready", "status": "False"}, {"type": "LiveAllowed", "status": "True"}], True),
    ],
)
def test_mode_live_needs_the_operator_s_word(conditions: list[dict[str, str]] | None, is_live: bool) -> None:
    """Silence is no permission; mode Paper stays what it is."""
    body = session(3) | ({"status": {"conditions": conditions}} if conditions is not None else {})
    assert wishes(body, needs_permission=True).live is is_live
    assert not wishes(body | {"spec": {"mode": "Paper"}}, needs_permission=True).live


def managed(manager: str, time: str, **fields: Any) -> dict[str, Any]:
    """An entry of managedFields, as the API server writes it."""
    return {"manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_who_allowed_live_is_told_as_far_as_the_api_server_knows() -> None:
    """The last field manager that wrote spec.mode and when, the condition's reason and since when, and who writes it."""
    body = session(3)
    live_allowed = 'k:{"type":"LiveAllowed"}'
    body["metadata"]["managedFields"] = [
        managed("kubectl-create", "2026-11-20T03:00:00Z", **{"f:spec": {"f:mode": {}, "f:suspend": {}}}),
        managed("kubectl-edit", "2026-11-23T03:31:00Z", **{"f:spec": {"f:mode": {}}}),
        managed("argocd", "2026-11-23T09:00:00Z", **{"f:spec": {"f:suspend": {}}, "f:metadata": {}}),
        managed(
            "trading-session-operator", "2026-11-23T03:45:00Z", **{"f:status": {"f:conditions": {live_allowed: {}}}}
        ),
    ]
    condition = {
        "type": "LiveAllowed",
        "status": "True",
        "reason": "GatesSatisfied",
        "lastTransitionTime": "2026-11-23T03:44:59Z",
    }
    body["status"] = {"conditions": [{"type": "Ready", "status": "True"}, condition]}

    found = wishes(body, needs_permission=True).permission

    assert found.who == "kubectl-edit"
    assert found.detail == (
        "spec.mode Live set by kubectl-edit, whose last write was at 2026-11-23T03:31:00Z; "
        "LiveAllowed True (GatesSatisfied) since 2026-11-23T03:44:59Z, set by trading-session-operator"
    )
    assert "LiveAllowed" not in wishes(body).permission.detail


@pytest.mark.parametrize("entries", [None, [], [{"manager": "x"}], [managed("x", "", **{"f:spec": {"f:suspend": {}}})]])
def test_a_writer_whom_nobody_names_is_said_to_be_so(entries: list[dict[str, Any]] | None) -> None:
    """An older API server, or a body whose managed fields were stripped."""
    body = session(3)
    body["metadata"]["managedFields"] = entries
    assert wishes(body, needs_permission=True).permission.who == "a writer that the API server does not name"


def test_the_session_s_wishes_are_read_as_they_stand() -> None:
    """Absent parts mean their defaults; a deletion is a wish to reduce."""
    plain = wishes(session(3))
    assert (plain.live, plain.suspended, plain.deleting) == (True, False, False)
    assert (plain.kill_switch.engaged, plain.kill_switch.release, plain.kill_switch.generation) == (False, "", 3)
    busy = session(4, mode="Paper", suspend=True, killSwitch={"engaged": True, "reason": "enough", "release": None})
    busy["metadata"]["deletionTimestamp"] = "2026-11-23T09:15:00Z"
    heard = wishes(busy)
    assert (heard.live, heard.suspended, heard.deleting) == (False, True, True)
    assert (heard.kill_switch.engaged, heard.kill_switch.reason, heard.kill_switch.session_uid) == (
        True,
        "enough",
        "session-uid",
    )


def test_a_watch_goes_on_through_everything_that_ends_watches(api: ApiServer) -> None:
    """Its time, 410 Gone, a refused list: the next change is heard all the same, bookmarks are not wishes, close ends it."""
    heard: queue.Queue[Wishes] = queue.Queue()
    api.put(SESSION, session(1), "ADDED")
    watch = KubernetesSession(api.new_client, "desk", "index-intraday")
    thread = threading.Thread(target=watch.watch, args=(heard.put, lambda: False), daemon=True)
    thread.start()
    assert heard.get(timeout=SOON).kill_switch.generation == 1
    _until(lambda: bool(api.watches))
    api.tell({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "999"}}})
    api.put(SESSION, session(2, killSwitch={"engaged": True}))
    assert heard.get(timeout=SOON).kill_switch.engaged

    _until(lambda: _watches(api) == 1)
    api.tell(None)
    _until(lambda: _watches(api) == 2 and len(api.watches) == 1)
    api.statuses.append(503)
    api.tell({"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}})
    api.put(SESSION, session(3))
    _until(lambda: not heard.empty() and heard.get().kill_switch.generation == 3)
    _until(lambda: _watches(api) == 3 and bool(api.watches))

    watch.close()
    thread.join(3)
    assert not thread.is_alive()


def _watches(api: ApiServer) -> int:
    return sum("watch=true" in each for each in api.requests)


def _until(holds: Callable[[], bool], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.01)


PODS = "/api/v1/namespaces/desk/pods"


def pod(uid: str, image_id: str) -> dict[str, Any]:
    """A pod as the kubelet describes it; without an image its container has not started."""
    container = {"name": "trader", "image": "trader:1", "imageID": image_id, "ready": True, "restartCount": 0}
    return {
        "metadata": {"name": "any", "namespace": "desk", "uid": uid},
        "status": {"containerStatuses": [container]} if image_id else {},
    }


async def test_images_of_the_pods_are_told_by_digest(api: ApiServer) -> None:
    """Whatever registry the image came from; a pod that does not exist is left out, one that has not started has none."""
    api.put(f"{PODS}/index-trader-0", pod("u0", "registry.example/tradeops/trader@sha256:aa"))
    pods = KubernetesPods(api.new_client, "desk", peers_of("index-trader-0", 2))
    assert await pods.images() == {"index-trader-0": PodImage("u0", "sha256:aa")}
    api.put(f"{PODS}/index-trader-1", pod("u1", ""))
    assert (await pods.images())["index-trader-1"] == PodImage("u1", "")
    api.put(f"{PODS}/index-trader-1", pod("u1", "sha256:aa"))
    assert (await pods.images())["index-trader-1"] == PodImage("u1", "sha256:aa")


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_images_that_nobody_tells_are_unknown(
    api: ApiServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, broken or silent: said in words, after two seconds at most."""
    monkeypatch.setattr(kubernetes_pods, "ANSWER_SECONDS", 0.2)
    api.statuses.extend([status] * 2)
    with pytest.raises(PodsAway, match="pod index-trader-"):
        await KubernetesPods(api.new_client, "desk", peers_of("index-trader-1", 2)).images()
