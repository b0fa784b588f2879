"""From Kubernetes' bodies to the few facts that the operator keeps: of a Secret no value, of a pod no template."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from session_operator.domain.names import (
    ANNOTATION_SESSION_FILE,
    JOB_COMPONENTS,
    LABEL_COMPONENT,
    LABEL_JOB,
    LABEL_SESSION,
)
from session_operator.domain.observed import JobPod, PodFacts, SecretFacts
from session_operator.domain.sessions import Manifest

LONGEST_PROBLEM = 300
# Reasons by which a container waits without anything being wrong.
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
ENDED_PHASES = ("Succeeded", "Failed")


def read_secret(body: Manifest) -> SecretFacts:
    """Keep which keys have a value, and the scheme of `url`."""
    data: Mapping[str, str] = body.get("data") or {}
    return SecretFacts(frozenset(key for key, value in data.items() if value), _scheme(data.get("url", "")))


def _scheme(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    scheme, separator, _ = text.strip().partition("://")
    return scheme if separator else ""


def read_pod(body: Manifest) -> PodFacts | JobPod:
    """Keep of a trader its configuration and readiness, of a Job's pod its last words, of both what ails them."""
    labels = body["metadata"].get("labels") or {}
    return _read_job_pod(body) if labels.get(LABEL_COMPONENT) in JOB_COMPONENTS else _read_trader(body)


def _read_job_pod(body: Manifest) -> JobPod:
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    ended = next(iter(_ended_containers(status)), {})
    return JobPod(
        name=metadata["name"],
        job=labels.get(LABEL_JOB, ""),
        # An evicted pod has ended without its container having done so.
        has_ended=bool(ended) or status.get("phase") in ENDED_PHASES,
        exit_code=int(ended.get("exitCode", -1)),
        message=str(ended.get("message") or ""),
        ended_at=str(ended.get("finishedAt") or ""),
        problem=(next(_ailments(body), "") or str(status.get("message") or ""))[:LONGEST_PROBLEM],
        session=labels.get(LABEL_SESSION, ""),
    )


def _ended_containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in status.get("containerStatuses") or ():
        ended = (each.get("state") or {}).get("terminated")
        if ended:
            yield ended


def _read_trader(body: Manifest) -> PodFacts:
    metadata, status = body["metadata"], body.get("status") or {}
    is_ready = any(
        each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ()
    )
    is_deleting = "deletionTimestamp" in metadata
    return PodFacts(
        name=metadata["name"],
        session_file=(metadata.get("annotations") or {}).get(ANNOTATION_SESSION_FILE, ""),
        is_ready=is_ready and not is_deleting,
        is_deleting=is_deleting,
        problem=next(_ailments(body), "")[:LONGEST_PROBLEM],
        session=(metadata.get("labels") or {}).get(LABEL_SESSION, ""),
        address="" if is_deleting else _address(status),
        image_digest=_image_digest(status),
    )


def _image_digest(status: Mapping[str, Any]) -> str:
    """Of the one container; a node that was loaded by hand names no repository before it."""
    ids = (str(each.get("imageID") or "") for each in status.get("containerStatuses") or ())
    return next(ids, "").rpartition("@")[2]


def _address(status: Mapping[str, Any]) -> str:
    """Where the container runs, if it does."""
    states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
    return str(status.get("podIP", "")) if any("running" in state for state in states) else ""


def _ailments(body: Manifest) -> Iterator[str]:
    status = body.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}"
    for container in status.get("containerStatuses") or ():
        yield from _container(container)
    if "deletionTimestamp" in body["metadata"]:
        yield "is being deleted"


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    last = (container.get("lastState") or {}).get("terminated") or {}
    ended = (container.get("state") or {}).get("terminated") or last
    words = _last_line(ended.get("message", ""))
    if waiting and waiting.get("reason") not in STARTING:
        yield f"{waiting.get('reason')}: {words or waiting.get('message', '')}"
    elif ended:
        code = f"exit code {ended.get('exitCode')}"
        yield f"{ended.get('reason', 'Terminated')} ({code}): {words}" if words else f"{ended.get('reason')} ({code})"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
