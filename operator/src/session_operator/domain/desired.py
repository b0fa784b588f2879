"""The manifests that a session needs, beside its StatefulSet (`workload`).

Each is complete for server-side apply: exactly the fields that the operator owns. The Lease has no spec here: only
traders write it, and applying this manifest again can never touch it.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from session_operator.domain.configs import Revision, SessionFile
from session_operator.domain.differences import with_hash
from session_operator.domain.names import (
    APPLICATION,
    FIELD_MANAGER,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_NAME,
    LABEL_PART_OF,
    LABEL_SESSION,
    TRADER_PORT,
    config_name,
    http_service_name,
    lease_name,
    pointer_name,
    post_close_name,
    session_file_name,
    trader_name,
)
from session_operator.domain.sessions import Session
from session_operator.model import Spec
from session_operator.permissions import post_close_rules, trader_rules

Built = dict[str, Any]


def selector_labels(session: Session) -> dict[str, str]:
    """Label what belongs to the pair of traders; immutable in a StatefulSet, so nothing else is in it."""
    return {LABEL_NAME: APPLICATION, LABEL_COMPONENT: "trader", LABEL_SESSION: session.name}


def labels(session: Session, component: str) -> dict[str, str]:
    """Label a child."""
    return {
        LABEL_NAME: APPLICATION,
        LABEL_COMPONENT: component,
        LABEL_PART_OF: session.name,
        LABEL_MANAGED_BY: FIELD_MANAGER,
        LABEL_SESSION: session.name,
    }


def head(session: Session, api_version: str, kind: str, name: str, component: str = "trader") -> Built:
    """Begin a manifest: type, name, labels, and the session as its controller."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": session.namespace,
            "labels": labels(session, component),
            "ownerReferences": [session.owner_reference],
        },
    }


def build_lease(session: Session, spec: Spec) -> Built:
    """Make the account's Lease, empty: the traders elect themselves on it."""
    return with_hash(head(session, "coordination.k8s.io/v1", "Lease", lease_name(spec.account.id), "election"))


def build_access(session: Session, spec: Spec) -> tuple[Built, ...]:
    """Make the ServiceAccounts of traders and post-close, and what each may do: no more than its own session."""
    credentials = spec.account.broker.credentials_secret_ref.name
    traders = trader_rules(session.name, lease_name(spec.account.id), credentials)
    return (
        *_access(session, trader_name(session.name), "trader", traders),
        *_access(session, post_close_name(session.name), "post-close", post_close_rules(session.name)),
    )


def _access(session: Session, name: str, component: str, rules: Sequence[dict[str, list[str]]]) -> tuple[Built, ...]:
    group = "rbac.authorization.k8s.io"
    account = head(session, "v1", "ServiceAccount", name, component) | {"automountServiceAccountToken": False}
    role = head(session, f"{group}/v1", "Role", name, component) | {"rules": [dict(rule) for rule in rules]}
    binding = head(session, f"{group}/v1", "RoleBinding", name, component) | {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": session.namespace}],
    }
    return (with_hash(account), with_hash(role), with_hash(binding))


def build_services(session: Session) -> tuple[Built, ...]:
    """Make the headless Service that names the pods, and the one through which people read the traders' HTTP."""
    port = {"name": "http", "port": TRADER_PORT, "targetPort": "http", "protocol": "TCP"}
    selector = selector_labels(session)
    headless = head(session, "v1", "Service", trader_name(session.name)) | {
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector, "ports": [port]}
    }
    http = head(session, "v1", "Service", http_service_name(session.name)) | {
        "spec": {"type": "ClusterIP", "selector": selector, "ports": [port]}
    }
    return (with_hash(headless), with_hash(http))


def build_disruption_budget(session: Session) -> Built:
    """Let a drain take one trader at a time, and a broken one at any time."""
    spec = {
        "minAvailable": 1,
        "selector": {"matchLabels": selector_labels(session)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return with_hash(head(session, "policy/v1", "PodDisruptionBudget", trader_name(session.name)) | {"spec": spec})


def build_revision_map(session: Session, revision: Revision) -> Built:
    """Make the immutable ConfigMap of one revision: history, for whoever asks what changed."""
    return with_hash(
        head(session, "v1", "ConfigMap", config_name(session.name, revision.hash), "config")
        | {"immutable": True, "data": {"profile.yaml": revision.profile_yaml}}
    )


def build_pointer(session: Session, revision: Revision, stage: str, *, awaits_promotion: bool) -> Built:
    """Make the ConfigMap that pods boot on; its change restarts nobody."""
    reference = yaml.safe_dump({"stage": stage, "awaitsPromotion": awaits_promotion}, sort_keys=False)
    return with_hash(
        head(session, "v1", "ConfigMap", pointer_name(session.name), "pointer")
        | {"data": {"profile.yaml": revision.profile_yaml, "stage.yaml": reference}}
    )


def build_session_map(session: Session, file: SessionFile) -> Built:
    """Make the immutable ConfigMap of one session file."""
    return with_hash(
        head(session, "v1", "ConfigMap", session_file_name(session.name, file.hash), "session-file")
        | {"immutable": True, "data": {"session.yaml": file.text}}
    )


def build_foundation(session: Session, spec: Spec) -> tuple[Built, ...]:
    """Make all that does not depend on a configuration: it is kept up even while a Secret or a profile is missing."""
    return (
        *build_access(session, spec),
        build_lease(session, spec),
        *build_services(session),
        build_disruption_budget(session),
    )
