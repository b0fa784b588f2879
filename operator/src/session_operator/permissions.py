"""What the operator may do, as RBAC rules: the one list from which the chart and the documentation are checked.

Two scopes. SESSION_RULES hold where sessions live (a ClusterRole with a ClusterRoleBinding, or a RoleBinding for each
watched namespace). OWN_RULES hold in the operator's own namespace only.

The operator hands each session's traders a Role of their own, and Kubernetes lets nobody grant what he does not have:
what the traders and the post-close may do must therefore be covered by SESSION_RULES, which a test proves.

`python -m session_operator.permissions` prints both as YAML.
"""

import sys
from collections.abc import Sequence

import yaml

from session_operator.domain.names import trader_pods

READ = ("get", "list", "watch")
KEEP = (*READ, "create", "patch")


def _rule(
    group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()
) -> dict[str, list[str]]:
    rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return rule | ({"resourceNames": list(names)} if names else {})


SESSION_RULES: Sequence[dict[str, list[str]]] = (
    _rule("tradeops.dev", ["tradingsessions"], READ),
    _rule("tradeops.dev", ["tradingsessions/status"], ["get", "patch"]),
    # The traders' HTTP API asks for these: `create` on tradingsessions/config stages and applies a configuration there.
    _rule("tradeops.dev", ["tradingsessions/state"], ["get"]),
    _rule("tradeops.dev", ["tradingsessions/config"], ["create"]),
    # For the traders, who ask whether a caller of that API may do what they ask for.
    _rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
    # `update` is not for the operator: it is what it grants to the traders, who renew the Lease by PUT.
    _rule("coordination.k8s.io", ["leases"], [*KEEP, "update"]),
    # `delete`: configurations that no pod runs any more are dropped.
    _rule("", ["configmaps"], [*KEEP, "delete"]),
    _rule("", ["services", "serviceaccounts"], KEEP),
    _rule("rbac.authorization.k8s.io", ["roles", "rolebindings"], KEEP),
    _rule("apps", ["statefulsets"], KEEP),
    _rule("policy", ["poddisruptionbudgets"], KEEP),
    # `delete`: a drill of limits that nobody wants any more is ended.
    _rule("batch", ["jobs"], [*KEEP, "delete"]),
    _rule("", ["pods"], READ),
    # Not for the operator: the post-close of a session archives the logs of its two traders, and is granted those by name.
    _rule("", ["pods/log"], ["get"]),
    # Which Secrets a session names is known only from its spec; values are never kept, only names of keys.
    # `patch` is not for the operator: the traders store the day's access token in the one Secret that their session names.
    _rule("", ["secrets"], ["list", "watch", "patch"]),
    _rule("", ["events"], ["get", "create", "patch"]),
    _rule("events.k8s.io", ["events"], ["create", "patch"]),
)


def own_rules(profiles_config_map: str, lease: str = "trading-session-operator") -> Sequence[dict[str, list[str]]]:
    """List what the operator needs in its own namespace: to read the profiles, and to elect one of its replicas."""
    return (
        _rule("", ["configmaps"], ["get"], [profiles_config_map]),
        _rule("coordination.k8s.io", ["leases"], ["get", "update"], [lease]),
        # Kubernetes cannot limit `create` to a name.
        _rule("coordination.k8s.io", ["leases"], ["create"]),
    )


def trader_rules(session: str, lease: str, credentials: str) -> Sequence[dict[str, list[str]]]:
    """List what the traders of one session may do: one Lease, their own session and its state, their own pods, reviews, events."""
    return (
        _rule("coordination.k8s.io", ["leases"], ["get", "watch", "update", "patch"], [lease]),
        _rule("tradeops.dev", ["tradingsessions"], READ, [session]),
        _rule("tradeops.dev", ["tradingsessions/state"], ["get"], [session]),
        _rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
        _rule("", ["secrets"], ["patch"], [credentials]),
        # Which image each of the two runs: preflight asks for one digest.
        _rule("", ["pods"], ["get"], trader_pods(session)),
        _rule("", ["events"], ["create", "patch"]),
        _rule("events.k8s.io", ["events"], ["create", "patch"]),
    )


def post_close_rules(session: str) -> Sequence[dict[str, list[str]]]:
    """List what the post-close of one session may do: read the logs of its two pods, by name."""
    return (_rule("", ["pods/log"], ["get"], trader_pods(session)),)


def as_yaml(profiles_config_map: str = "trading-session-profiles") -> str:
    """Write the rules as two YAML documents: where sessions live, and the operator's own namespace."""
    documents = [
        {"kind": "ClusterRole", "rules": [dict(rule) for rule in SESSION_RULES]},
        {"kind": "Role", "rules": [dict(rule) for rule in own_rules(profiles_config_map)]},
    ]
    return yaml.safe_dump_all(documents, sort_keys=False, width=120)


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
