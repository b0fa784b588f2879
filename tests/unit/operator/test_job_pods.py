"""Pods of Jobs are told apart from traders: they are read for their last words, and never asked over HTTP."""

from typing import Any

from session_operator.domain.facts import read_pod
from session_operator.domain.names import LABEL_COMPONENT, LABEL_JOB, LABEL_NAME, LABEL_SESSION
from session_operator.domain.observed import JobPod, PodFacts
from session_operator.engine.worlds import World
from tests.unit.operator.builders import KEY, pod_body, session_body

ENDED = {"exitCode": 1, "message": '{"verdict": "Failed"}', "finishedAt": "2026-11-23T09:20:00Z", "reason": "Error"}


def drill_pod(status: dict[str, Any]) -> dict[str, Any]:
    """A pod as the API server returns it."""
    labels = {
        LABEL_NAME: "trading-session",
        LABEL_COMPONENT: "drill",
        LABEL_SESSION: "index",
        LABEL_JOB: "index-drill-1",
    }
    metadata = {"name": "index-drill-1-x", "namespace": "desk", "labels": labels, "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def test_last_words_are_kept() -> None:
    """Exit code, message and moment."""
    found = read_pod(drill_pod({"phase": "Failed", "containerStatuses": [{"state": {"terminated": ENDED}}]}))
    assert isinstance(found, JobPod)
    assert (found.job, found.session) == ("index-drill-1", "index")
    assert (found.has_ended, found.exit_code, found.message) == (True, 1, ENDED["message"])


def test_an_evicted_pod_has_ended_without_words() -> None:
    """Its container never said anything."""
    found = read_pod(drill_pod({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}))
    assert isinstance(found, JobPod)
    assert (found.has_ended, found.message, found.problem) == (True, "", "The node was low on memory")


def test_a_pod_that_runs_has_not_ended() -> None:
    """Nothing is read from it yet."""
    found = read_pod(
        drill_pod({"phase": "Running", "podIP": "10.0.0.9", "containerStatuses": [{"state": {"running": {}}}]})
    )
    assert isinstance(found, JobPod)
    assert not found.has_ended


def test_a_drill_s_pod_is_no_trader() -> None:
    """It is neither counted nor asked."""
    world = World()
    world.put(session_body(), 0.0)
    world.put(pod_body("index-trader-0", is_ready=False, address="10.0.0.1") | {}, 0.0)
    running = {"phase": "Running", "podIP": "10.0.0.9", "containerStatuses": [{"state": {"running": {}}}]}
    assert world.put(drill_pod(running), 0.0) == frozenset({KEY})
    seen = world.observe(KEY, 0.0)
    assert seen is not None
    assert [pod.name for pod in seen.pods] == ["index-trader-0"]
    assert [pod.name for pod in seen.job_pods] == ["index-drill-1-x"]
    assert [reference.name for reference in world.waiting_traders()] == ["index-trader-0"]
    assert isinstance(read_pod(pod_body("index-trader-0")), PodFacts)
