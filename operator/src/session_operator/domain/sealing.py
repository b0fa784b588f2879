"""The Job that seals a trading day (docs/seams.md §8): it reads what a trader reads, and writes the archive and a note of it.

The traders' logs are fetched before by a container of their own. That one has a token, for the logs of these two pods and for a
quarter of an hour, and no Secret; the one that has Secrets has no token (docs/adr/0040).
"""

import json
from dataclasses import dataclass
from typing import Any

from session_operator.domain.configs import Revision, SessionFile
from session_operator.domain.desired import Built
from session_operator.domain.job_manifests import (
    DEADLINE_SECONDS,
    PROFILE,
    TERMINATION_LOG,
    Work,
    container,
    manifest_of,
    read_only,
)
from session_operator.domain.names import (
    ANNOTATION_DRILLS,
    MOUNT_ARCHIVE,
    MOUNT_CREDENTIALS,
    MOUNT_DATABASE,
    MOUNT_DRILLS,
    MOUNT_LOGS,
    MOUNT_NOTIFICATIONS,
    MOUNT_SERVICE_ACCOUNT,
    MOUNT_SESSION,
    MOUNT_TEMPORARY,
    TRADER_PORT,
    config_name,
    post_close_name,
    session_file_name,
    trader_name,
    trader_pods,
)
from session_operator.domain.sessions import Session
from session_operator.domain.workload import SECRET_MODE, notification_volumes
from session_operator.model import Spec
from session_operator.proofs import DrillResult, Run

POST_CLOSE_RETRIES = 3
DAMAGED = 1
"""The post-close's exit code for what another try would find again."""
DRILLS = "drills.json"
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Material:
    """What Jobs are made of, beside the spec."""

    file: SessionFile
    revision: Revision
    """The limits that the leader trades by: a day is sealed with them."""
    image: str
    """The operator's default."""
    digests: tuple[str, ...] = ()
    """What the traders' containers were started from."""
    drills: tuple[DrillResult, ...] = ()
    """What each drill showed last."""


def build_post_close(session: Session, spec: Spec, run: Run, material: Material) -> Built:
    """Make the Job that seals a trading day."""
    image = spec.trader.image or material.image
    arguments = _arguments(session, spec, run, material)
    work = container(image, ["python", "-m", "ops.postclose", "run"], arguments, cpu="100m", memory="256Mi")
    once = {"action": "FailJob", "onExitCodes": {"containerName": "job", "operator": "In", "values": [DAMAGED]}}
    return manifest_of(
        session,
        run,
        Work(
            component="post-close",
            container=work | {"volumeMounts": _mounts(spec)},
            volumes=_volumes(session, spec, material),
            retries={"backoffLimit": POST_CLOSE_RETRIES, "podFailurePolicy": {"rules": [once]}},
            annotations={ANNOTATION_DRILLS: _shown(material, run)},
            pod={
                "serviceAccountName": post_close_name(session.name),
                "initContainers": [_log_container(session, image)],
            },
        ),
    )


def _arguments(session: Session, spec: Spec, run: Run, material: Material) -> list[str]:
    image, name = spec.trader.image or material.image, trader_name(session.name)
    arguments = ["--session", f"{MOUNT_SESSION}/session.yaml", "--profile", PROFILE, "--date", run.trading_date]
    for pod in trader_pods(session.name):
        arguments += ["--metrics", f"http://{pod}.{name}:{TRADER_PORT}/metrics"]
    # Where the spec names a digest, the kubelet's is told all the same: it is what ran.
    for ran in [f"{image.partition('@')[0]}@{digest}" for digest in material.digests] or [image]:
        arguments += ["--image", ran]
    arguments += ["--archive", MOUNT_ARCHIVE, "--logs", MOUNT_LOGS, "--drills", f"{MOUNT_DRILLS}/{DRILLS}"]
    arguments += ["--termination-log", TERMINATION_LOG]
    if spec.post_close is not None and spec.post_close.archive is not None:
        # What lies in an emptyDir is gone with the Job: no trader may forget for it.
        arguments.append("--lasting")
        if spec.post_close.retention is not None:
            arguments += ["--keep-days", spec.post_close.retention.removesuffix("d")]
    return arguments


def _mounts(spec: Spec) -> list[dict[str, Any]]:
    return [
        read_only("session", MOUNT_SESSION),
        read_only("credentials", MOUNT_CREDENTIALS),
        read_only("database", MOUNT_DATABASE),
        *([read_only("notifications", MOUNT_NOTIFICATIONS)] if spec.notifications is not None else []),
        read_only("logs", MOUNT_LOGS),
        read_only("drills", MOUNT_DRILLS),
        {"name": "archive", "mountPath": MOUNT_ARCHIVE},
        {"name": "temporary", "mountPath": MOUNT_TEMPORARY},
    ]


def _volumes(session: Session, spec: Spec, material: Material) -> list[dict[str, Any]]:
    names = (
        session_file_name(session.name, material.file.hash),
        config_name(session.name, material.revision.hash),
    )
    archive = spec.post_close.archive if spec.post_close is not None else None
    kept: dict[str, Any] = {"emptyDir": {}}
    if archive is not None:
        kept = {"persistentVolumeClaim": {"claimName": archive.persistent_volume_claim}}
    return [
        {"name": "session", "projected": {"sources": [{"configMap": {"name": each}} for each in names]}},
        _secret("credentials", spec.account.broker.credentials_secret_ref.name),
        _secret("database", spec.storage.database_secret_ref.name),
        *notification_volumes(spec),
        {"name": "archive"} | kept,
        {"name": "temporary", "emptyDir": {}},
        {"name": "logs", "emptyDir": {}},
        {"name": "drills", "downwardAPI": {"items": [_annotation(DRILLS, ANNOTATION_DRILLS)]}},
        _service_account(),
    ]


def _log_container(session: Session, image: str) -> dict[str, Any]:
    """Fetch the traders' logs: the one container with a token, and without a Secret."""
    arguments = ["--namespace", session.namespace, "--into", MOUNT_LOGS]
    arguments += [part for pod in trader_pods(session.name) for part in ("--pod", pod)]
    found = container(image, ["python", "-m", "ops.postclose", "logs"], arguments, cpu="100m", memory="128Mi")
    mounts = [{"name": "logs", "mountPath": MOUNT_LOGS}, read_only("service-account", MOUNT_SERVICE_ACCOUNT)]
    return found | {"name": "logs", "volumeMounts": mounts}


def _service_account() -> dict[str, Any]:
    """What a mounted service account is made of, with a token that ends with the Job and not a year later.

    The API server stretches tokens of the usual 3,607 s (`--service-account-extend-token-expiration`), and no others.
    """
    token = {"path": "token", "expirationSeconds": DEADLINE_SECONDS}
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [{"serviceAccountToken": token}, {"configMap": authority}]
    return {"name": "service-account", "projected": {"sources": sources, "defaultMode": SECRET_MODE}}


def _annotation(path: str, name: str) -> dict[str, Any]:
    return {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{name}']"}}


def _shown(material: Material, run: Run) -> str:
    """Verdicts of that day, and those by which its limits were judged, as `--drills` takes them."""
    judged = material.revision.hash
    told = [each for each in material.drills if run.trading_date == each.trading_date or each.config_hash == judged]
    return json.dumps(
        [
            {
                "name": each.name,
                "verdict": each.verdict.value,
                "endedAt": each.at,
                "tradingDate": each.trading_date,
                "configHash": each.config_hash,
                "reason": each.reason[:LONGEST_REASON],
                "job": each.job,
            }
            for each in told
        ]
    )


def _secret(name: str, secret: str) -> dict[str, Any]:
    return {"name": name, "secret": {"secretName": secret, "defaultMode": SECRET_MODE}}
