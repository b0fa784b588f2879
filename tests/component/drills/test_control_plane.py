"""The drills' control plane answers as an API server does where a trader's safety depends on it."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ops.drills.control_plane import LEASE_PATH, SESSION_PATH, ControlPlane

pytestmark = pytest.mark.component


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    made = ControlPlane()
    yield made
    made.close()


def ask(plane: ControlPlane, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{plane.port}{path}", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_write_over_an_older_version_is_refused(plane: ControlPlane) -> None:
    """Compare and swap: of two that read the same, one wins, and the other gets 409."""
    _, lease = ask(plane, "GET", LEASE_PATH)
    lease["spec"]["holderIdentity"] = "first"
    assert ask(plane, "PUT", LEASE_PATH, lease)[0] == 200
    lease["spec"]["holderIdentity"] = "second"
    assert ask(plane, "PUT", LEASE_PATH, lease)[0] == 409
    assert plane.holder() == "first"


def test_a_watch_hears_what_changes(plane: ControlPlane) -> None:
    """Also a change that no client wrote: a stolen Lease, a patched session."""
    heard: list[str] = []
    opened = threading.Event()

    def listen() -> None:
        url = f"http://127.0.0.1:{plane.port}{SESSION_PATH.rpartition('/')[0]}?watch=true"
        with urllib.request.urlopen(url, timeout=5) as stream:
            opened.set()
            heard.append(json.loads(stream.readline())["object"]["spec"]["mode"])

    listening = threading.Thread(target=listen)
    listening.start()
    assert opened.wait(5)
    plane.patch_session({"mode": "Paper"})
    listening.join(5)
    assert heard == ["Paper"]


def test_the_generation_counts_changes_of_the_spec_alone(plane: ControlPlane) -> None:
    """As in Kubernetes: the kill switch of a session goes by it."""
    before = ask(plane, "GET", SESSION_PATH)[1]["metadata"]["generation"]
    plane.patch_session({"mode": "Live"})  # as it was
    assert ask(plane, "GET", SESSION_PATH)[1]["metadata"]["generation"] == before
    plane.patch_session({"killSwitch": {"engaged": True}})
    assert ask(plane, "GET", SESSION_PATH)[1]["metadata"]["generation"] == before + 1


def test_a_stolen_lease_has_another_holder(plane: ControlPlane) -> None:
    """And a version that the last one's holder does not know."""
    _, lease = ask(plane, "GET", LEASE_PATH)
    plane.steal("stranger", 30)
    lease["spec"]["holderIdentity"] = "victim"
    assert ask(plane, "PUT", LEASE_PATH, lease)[0] == 409
    assert [each.holder for each in plane.leases] == ["", "stranger"]
