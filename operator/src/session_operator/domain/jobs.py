"""The Jobs: a drill in isolation, and the post-close (docs/seams.md §7 and §8 say what each is told).

Neither has a token for the API server. A drill has no Secret either, and nothing but loopback to talk to: it runs the traders'
own image against a simulator of its own. The post-close reads what a trader reads, and writes the archive and a note of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from session_operator.domain.actions import Action, Apply, Delete
from session_operator.domain.adoption import Ownership, classify
from session_operator.domain.configs import Revision, SessionFile
from session_operator.domain.desired import Built, head
from session_operator.domain.differences import with_hash
from session_operator.domain.names import (
    LABEL_CONFIG,
    LABEL_DRILL,
    LABEL_TRADING_DATE,
    MOUNT_ARCHIVE,
    MOUNT_CREDENTIALS,
    MOUNT_DATABASE,
    MOUNT_NOTIFICATIONS,
    MOUNT_SESSION,
    MOUNT_TEMPORARY,
    TRADER_PORT,
    TRADER_REPLICAS,
    TRADER_USER,
    config_name,
    session_file_name,
    trader_name,
)
from session_operator.domain.observed import Child, Observed
from session_operator.domain.sessions import Session
from session_operator.domain.verdicts import has_ended
from session_operator.domain.workload import SECRET_MODE, notification_volumes
from session_operator.model import Spec
from session_operator.proofs import Run, RunKind

TERMINATION_LOG = "/dev/termination-log"
DEADLINE_SECONDS = 900
KEPT_SECONDS = 6 * 3600
"""How long a Job that ended stays, for whoever wants to read its log; its verdict is in the status long before."""
POST_CLOSE_RETRIES = 3
DAMAGED = 1
"""The post-close's exit code for what another try would find again."""
PROFILE = f"{MOUNT_SESSION}/profile.yaml"


@dataclass(frozen=True, slots=True)
class Material:
    """What Jobs are made of, beside the spec."""

    file: SessionFile
    revision: Revision
    """The limits that the leader trades by: a day is sealed with them."""
    image: str
    """The operator's default."""


def job_actions(
    observed: Observed, before: Sequence[Run], runs: Sequence[Run], material: Material | None
) -> Iterator[Action]:
    """Make the Job of the first run, and end Jobs that nobody waits for.

    `before` are the runs that the standing status tells of: only what stands there is begun.
    """
    spec = observed.session.spec
    if runs and runs[0] in before and spec is not None and material is not None:
        run = runs[0]
        # A Job that exists is never applied again: its template is immutable.
        if Child("Job", run.job) not in observed.children:
            yield Apply(build_job(observed.session, spec, run, material), is_new=True)
    # A pod that has ended was read, or will be: its Job ends by itself, and stays for whoever wants its log.
    awaited = {each.job for each in (*runs, *before)} | {pod.job for pod in observed.job_pods if pod.has_ended}
    for child, live in observed.children.items():
        is_idle = child.kind == "Job" and child.name not in awaited and not has_ended(live)
        if is_idle and classify(live, observed.session) is Ownership.OURS:
            yield Delete("Job", child.name, live["metadata"]["uid"])


def build_job(session: Session, spec: Spec, run: Run, material: Material) -> Built:
    """Make the Job of a run."""
    if run.kind is RunKind.DRILL:
        return _drill(session, run)
    return _post_close(session, spec, run, material)


def _drill(session: Session, run: Run) -> Built:
    arguments = ["--profile", PROFILE, "--config-hash", run.config_hash, "--termination-log", TERMINATION_LOG]
    container = _container(
        run.image, ["python", "-m", "ops.drills", "run", run.name], arguments, cpu="1", memory="768Mi"
    )
    container["volumeMounts"] = [_mount("session", MOUNT_SESSION), {"name": "temporary", "mountPath": MOUNT_TEMPORARY}]
    volumes = [
        {"name": "session", "configMap": {"name": config_name(session.name, run.config_hash)}},
        {"name": "temporary", "emptyDir": {}},
    ]
    marks = {LABEL_DRILL: run.name, LABEL_CONFIG: run.config_hash[:10]}
    return _job(session, run, "drill", marks, {"backoffLimit": 0}, container, volumes)


def _post_close(session: Session, spec: Spec, run: Run, material: Material) -> Built:
    file, revision, image = material.file, material.revision, spec.trader.image or material.image
    name = trader_name(session.name)
    pages = [f"http://{name}-{number}.{name}:{TRADER_PORT}/metrics" for number in range(TRADER_REPLICAS)]
    arguments = ["--session", f"{MOUNT_SESSION}/session.yaml", "--profile", PROFILE, "--date", run.trading_date]
    arguments += ["--archive", MOUNT_ARCHIVE, *(part for page in pages for part in ("--metrics", page))]
    arguments += ["--image", image, "--termination-log", TERMINATION_LOG]
    archive = spec.post_close.archive if spec.post_close is not None else None
    if spec.post_close is not None and spec.post_close.retention is not None and archive is not None:
        arguments += ["--keep-days", spec.post_close.retention.removesuffix("d")]
    container = _container(image, ["python", "-m", "ops.postclose", "run"], arguments, cpu="100m", memory="256Mi")
    if archive is not None:  # what lies in an emptyDir is gone with the Job: no trader may forget for it
        arguments.append("--lasting")
    container["volumeMounts"] = [
        _mount("session", MOUNT_SESSION),
        _mount("credentials", MOUNT_CREDENTIALS),
        _mount("database", MOUNT_DATABASE),
        *([_mount("notifications", MOUNT_NOTIFICATIONS)] if spec.notifications is not None else []),
        {"name": "archive", "mountPath": MOUNT_ARCHIVE},
        {"name": "temporary", "mountPath": MOUNT_TEMPORARY},
    ]
    files = (session_file_name(session.name, file.hash), config_name(session.name, revision.hash))
    kept = (
        {"emptyDir": {}}
        if archive is None
        else {"persistentVolumeClaim": {"claimName": archive.persistent_volume_claim}}
    )
    volumes = [
        {"name": "session", "projected": {"sources": [{"configMap": {"name": each}} for each in files]}},
        _secret("credentials", spec.account.broker.credentials_secret_ref.name),
        _secret("database", spec.storage.database_secret_ref.name),
        *notification_volumes(spec),
        {"name": "archive"} | kept,
        {"name": "temporary", "emptyDir": {}},
    ]
    once = {"action": "FailJob", "onExitCodes": {"containerName": "job", "operator": "In", "values": [DAMAGED]}}
    retries = {"backoffLimit": POST_CLOSE_RETRIES, "podFailurePolicy": {"rules": [once]}}
    return _job(session, run, "post-close", {}, retries, container, volumes)


def _job(  # noqa: PLR0917 - the parts of one manifest
    session: Session,
    run: Run,
    component: str,
    marks: dict[str, str],
    retries: dict[str, Any],
    container: dict[str, Any],
    volumes: list[dict[str, Any]],
) -> Built:
    manifest = head(session, "batch/v1", "Job", run.job, component)
    labels = manifest["metadata"]["labels"] | {LABEL_TRADING_DATE: run.trading_date} | marks
    manifest["metadata"]["labels"] = labels
    return with_hash(
        manifest
        | {
            "spec": {
                **retries,
                "activeDeadlineSeconds": DEADLINE_SECONDS,
                "ttlSecondsAfterFinished": KEPT_SECONDS,
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "restartPolicy": "Never",
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "securityContext": {
                            "runAsNonRoot": True,
                            "runAsUser": TRADER_USER,
                            "runAsGroup": TRADER_USER,
                            "fsGroup": TRADER_USER,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                        "volumes": volumes,
                    },
                },
            }
        }
    )


def _container(image: str, command: list[str], arguments: list[str], *, cpu: str, memory: str) -> dict[str, Any]:
    return {
        "name": "job",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "args": arguments,
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path, "readOnly": True}


def _secret(name: str, secret: str) -> dict[str, Any]:
    return {"name": name, "secret": {"secretName": secret, "defaultMode": SECRET_MODE}}
