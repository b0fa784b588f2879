"""The StatefulSet of two traders: a leader and a hot standby, on two hosts.

A StatefulSet never runs two pods of one name, at the price that a pod on a lost host is not replaced until that host
comes back or the pod is deleted: then the other replica leads, which is what it is there for. The short tolerations see
to it that a pod on a host that returns is not left there in its old life.

What needs a restart stands in the session file, whose name is in the template. The risk limits that pods boot on stand in
the pointer, which is mounted beside it and may change at any time.

Both pods start at once (Parallel). No probe fences: `/healthz` is lenient on purpose, the order path cuts itself.
"""

from typing import Any

from session_operator.domain.configs import SessionFile
from session_operator.domain.desired import Built, head, labels, selector_labels
from session_operator.domain.differences import with_hash
from session_operator.domain.names import (
    ANNOTATION_SESSION_FILE,
    MOUNT_CREDENTIALS,
    MOUNT_DATABASE,
    MOUNT_JOURNAL,
    MOUNT_NOTIFICATIONS,
    MOUNT_REDIS,
    MOUNT_SESSION,
    MOUNT_TEMPORARY,
    TRADER_PORT,
    TRADER_REPLICAS,
    pointer_name,
    session_file_name,
    trader_name,
)
from session_operator.domain.pods import container_security, pod_security
from session_operator.domain.sessions import Session
from session_operator.model import Spec
from session_operator.pair import Amounts

DEFAULT_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
# Group-readable, for the pod's fsGroup: 0440.
SECRET_MODE = 0o440
LOST_HOST_SECONDS = 5


def build_workload(session: Session, spec: Spec, file: SessionFile, default_image: str) -> Built:
    """Make the StatefulSet of the pair."""
    return with_hash(
        head(session, "apps/v1", "StatefulSet", trader_name(session.name))
        | {
            "spec": {
                "replicas": TRADER_REPLICAS,
                "serviceName": trader_name(session.name),
                "podManagementPolicy": "Parallel",
                "updateStrategy": {"type": "RollingUpdate"},
                "revisionHistoryLimit": 5,
                "selector": {"matchLabels": selector_labels(session)},
                "template": {
                    "metadata": {
                        "labels": labels(session, "trader"),
                        "annotations": {ANNOTATION_SESSION_FILE: file.hash},
                    },
                    "spec": _pod(session, spec, file, default_image),
                },
            }
        }
    )


def _pod(session: Session, spec: Spec, file: SessionFile, default_image: str) -> dict[str, Any]:
    return {
        "serviceAccountName": trader_name(session.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": pod_security(),
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
            | {"tolerationSeconds": LOST_HOST_SECONDS}
            for key in ("not-ready", "unreachable")
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": selector_labels(session)},
            }
        ],
        "containers": [_container(spec, default_image)],
        "volumes": _volumes(session, spec, file),
    }


def _container(spec: Spec, default_image: str) -> dict[str, Any]:
    session_file, profile_file = f"{MOUNT_SESSION}/session.yaml", f"{MOUNT_SESSION}/profile.yaml"
    mounts = {"session": MOUNT_SESSION, "credentials": MOUNT_CREDENTIALS, "database": MOUNT_DATABASE}
    if spec.storage.redis_secret_ref is not None:
        mounts["redis"] = MOUNT_REDIS
    if spec.notifications is not None:
        mounts["notifications"] = MOUNT_NOTIFICATIONS
    return {
        "name": "trader",
        "image": spec.trader.image or default_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["trader", "run", "--session", session_file, "--config", profile_file],
        "ports": [{"name": "http", "containerPort": TRADER_PORT, "protocol": "TCP"}],
        "env": [
            _downward("POD_NAME", "metadata.name"),
            _downward("POD_UID", "metadata.uid"),
            _downward("POD_NAMESPACE", "metadata.namespace"),
            _downward("NODE_NAME", "spec.nodeName"),
        ],
        "resources": _resources(spec),
        # Five minutes to come up; then a standby that is not warm is not ready, and only a hung process is restarted.
        "startupProbe": _probe("/readyz", period=2, timeout=2, failures=150),
        "readinessProbe": _probe("/readyz", period=3, timeout=2, failures=2),
        "livenessProbe": _probe("/healthz", period=10, timeout=5, failures=6),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [
            *({"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()),
            {"name": "journal", "mountPath": MOUNT_JOURNAL},
            {"name": "temporary", "mountPath": MOUNT_TEMPORARY},
        ],
    }


def _volumes(session: Session, spec: Spec, file: SessionFile) -> list[dict[str, Any]]:
    secrets = {
        "credentials": spec.account.broker.credentials_secret_ref.name,
        "database": spec.storage.database_secret_ref.name,
    }
    if spec.storage.redis_secret_ref is not None:
        secrets["redis"] = spec.storage.redis_secret_ref.name
    files = (session_file_name(session.name, file.hash), pointer_name(session.name))
    return [
        {"name": "session", "projected": {"sources": [{"configMap": {"name": name}} for name in files]}},
        *(
            {"name": name, "secret": {"secretName": secret, "defaultMode": SECRET_MODE}}
            for name, secret in secrets.items()
        ),
        *notification_volumes(spec),
        {"name": "journal", "emptyDir": {}},
        {"name": "temporary", "emptyDir": {}},
    ]


def notification_volumes(spec: Spec) -> list[dict[str, Any]]:
    """Whom to tell: optional, for a desk that cannot be told must still have its positions protected."""
    if spec.notifications is None:
        return []
    secret = {"secretName": spec.notifications.secret_ref.name, "defaultMode": SECRET_MODE, "optional": True}
    return [{"name": "notifications", "secret": secret}]


def _downward(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _resources(spec: Spec) -> dict[str, Any]:
    resources = spec.trader.resources
    requests = _amounts(resources.requests) if resources is not None else {}
    limits = _amounts(resources.limits) if resources is not None else {}
    # A limit without a request is its own request, as Kubernetes has it; a default above it would be refused.
    defaults = {name: amount for name, amount in DEFAULT_REQUESTS.items() if name not in limits}
    found: dict[str, Any] = {"requests": defaults | requests}
    return found | ({"limits": limits} if limits else {})


def _amounts(amounts: Amounts | None) -> dict[str, str]:
    return amounts.model_dump(exclude_none=True) if amounts is not None else {}
