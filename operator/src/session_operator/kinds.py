"""The kinds of object that the operator reads, how the API server calls them, and which of them it needs to see.

Selectors work on the server: the operator never receives a pod that is no session's, nor a service account's token.
"""

from typing import NamedTuple

from session_operator.domain.names import API_VERSION, KIND, PLURAL, SELECTOR


class Kind(NamedTuple):
    """One kind of object."""

    name: str
    api_version: str
    plural: str
    label_selector: str = ""
    field_selector: str = ""

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.partition("/")[0] if "/" in self.api_version else ""

    @property
    def version(self) -> str:
        """The version inside the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Build the path on the API server."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        parts = [root, f"namespaces/{namespace}" if namespace else "", self.plural, name, subresource]
        return "/".join(part for part in parts if part)


SESSIONS = Kind(KIND, API_VERSION, PLURAL)
# Helm's releases and tokens of service accounts are Secrets too, many and large; no session refers to them.
SECRETS = Kind("Secret", "v1", "secrets", "", "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token")
CONFIG_MAPS = Kind("ConfigMap", "v1", "configmaps", SELECTOR)

WATCHED: tuple[Kind, ...] = (
    SESSIONS,
    SECRETS,
    CONFIG_MAPS,
    Kind("Lease", "coordination.k8s.io/v1", "leases", SELECTOR),
    Kind("StatefulSet", "apps/v1", "statefulsets", SELECTOR),
    Kind("Pod", "v1", "pods", SELECTOR),
    Kind("Service", "v1", "services", SELECTOR),
    Kind("ServiceAccount", "v1", "serviceaccounts", SELECTOR),
    Kind("Role", "rbac.authorization.k8s.io/v1", "roles", SELECTOR),
    Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", SELECTOR),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", SELECTOR),
    Kind("Job", "batch/v1", "jobs", SELECTOR),
)
EVENTS = Kind("Event", "v1", "events")
BY_NAME = {kind.name: kind for kind in (*WATCHED, EVENTS)}
