"""What the manifests of all Jobs have in common: one container, no rights but those that are asked for, an end in any case."""

from dataclasses import dataclass, field
from typing import Any

from session_operator.domain.desired import Built, head
from session_operator.domain.differences import with_hash
from session_operator.domain.names import (
    LABEL_TRADING_DATE,
    MOUNT_SESSION,
)
from session_operator.domain.pods import container_security, pod_security
from session_operator.domain.sessions import Session
from session_operator.proofs import Run

TERMINATION_LOG = "/dev/termination-log"
DEADLINE_SECONDS = 900
KEPT_SECONDS = 6 * 3600
"""How long a Job that ended stays, for whoever wants to read its log; its verdict is in the status long before."""
PROFILE = f"{MOUNT_SESSION}/profile.yaml"


@dataclass(frozen=True, slots=True)
class Work:
    """What sets one Job apart."""

    component: str
    container: dict[str, Any]
    volumes: list[dict[str, Any]]
    retries: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    pod: dict[str, Any] = field(default_factory=dict)
    """Further fields of the pod."""


def manifest_of(session: Session, run: Run, work: Work) -> Built:
    """Make the Job; no pod of it has a service account's token unless a volume asks for one."""
    manifest = head(session, "batch/v1", "Job", run.job, work.component)
    labels = manifest["metadata"]["labels"] | {LABEL_TRADING_DATE: run.trading_date} | work.labels
    manifest["metadata"]["labels"] = labels
    annotations = {"annotations": work.annotations} if work.annotations else {}
    return with_hash(
        manifest
        | {
            "spec": {
                **work.retries,
                "activeDeadlineSeconds": DEADLINE_SECONDS,
                "ttlSecondsAfterFinished": KEPT_SECONDS,
                "template": {
                    "metadata": {"labels": labels} | annotations,
                    "spec": {
                        "restartPolicy": "Never",
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "securityContext": pod_security(),
                        "containers": [work.container],
                        "volumes": work.volumes,
                        **work.pod,
                    },
                },
            }
        }
    )


def container(image: str, command: list[str], arguments: list[str], *, cpu: str, memory: str) -> dict[str, Any]:
    """Make a container whose last words are its verdict."""
    return {
        "name": "job",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "args": arguments,
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
    }


def read_only(name: str, path: str) -> dict[str, Any]:
    """Mount a volume to be read."""
    return {"name": name, "mountPath": path, "readOnly": True}
