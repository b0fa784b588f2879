"""Every name that the operator and what it makes share: labels, annotations, mount paths, names of children.

They are an interface (docs/seams.md): traders, charts, dashboards and tests read them, so none is spelled twice.
"""

GROUP = "tradeops.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TradingSession"
PLURAL = "tradingsessions"

FIELD_MANAGER = "trading-session-operator"

LABEL_NAME = "app.kubernetes.io/name"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_SESSION = f"{GROUP}/session"
APPLICATION = "trading-session"
SELECTOR = f"{LABEL_NAME}={APPLICATION}"

LABEL_DRILL = f"{GROUP}/drill"
LABEL_TRADING_DATE = f"{GROUP}/trading-date"
LABEL_CONFIG = f"{GROUP}/config"
# Kubernetes' own, on the pods of a Job.
LABEL_JOB = "batch.kubernetes.io/job-name"
JOB_COMPONENTS = ("drill", "post-close")

ANNOTATION_MANIFEST = f"{GROUP}/manifest"
ANNOTATION_SESSION_FILE = f"{GROUP}/session-file"
ANNOTATION_REQUEST = f"{GROUP}/rollout-request"
ANNOTATION_JOB_REQUEST = f"{GROUP}/job-request"
ANNOTATION_EPOCH = f"{GROUP}/epoch"
ANNOTATION_STATE = f"{GROUP}/trading-state"
ANNOTATION_REPORT = f"{GROUP}/report"
ANNOTATION_DRILLS = f"{GROUP}/drills"

MOUNT_SESSION = "/etc/trader/session"
MOUNT_CREDENTIALS = "/etc/trader/credentials"
MOUNT_DATABASE = "/etc/trader/database"
MOUNT_REDIS = "/etc/trader/redis"
MOUNT_NOTIFICATIONS = "/etc/trader/notifications"
MOUNT_JOURNAL = "/var/lib/trader"
MOUNT_ARCHIVE = "/var/lib/archive"
MOUNT_LOGS = "/var/lib/logs"
MOUNT_DRILLS = "/etc/trader/drills"
# Where every client of Kubernetes looks for the service account.
MOUNT_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
MOUNT_TEMPORARY = "/tmp"  # noqa: S108  # a mount path inside the pod, an emptyDir of its own

TRADER_REPLICAS = 2
TRADER_PORT = 8080
TRADER_USER = 10001

# `NAME-trader-<ten characters of a revision>` is a label value of the StatefulSet's pods: 63 characters at most.
LONGEST_SESSION_NAME = 40


def lease_name(account: str) -> str:
    """Name the Lease of an account: two sessions for one account meet on one name."""
    return f"account-{account.lower()}"


def trader_name(session: str) -> str:
    """Name the StatefulSet, its headless Service, ServiceAccount, Role, RoleBinding and PodDisruptionBudget."""
    return f"{session}-trader"


def trader_pods(session: str) -> tuple[str, ...]:
    """Name the pods of the pair, as the StatefulSet does."""
    return tuple(f"{trader_name(session)}-{ordinal}" for ordinal in range(TRADER_REPLICAS))


def post_close_name(session: str) -> str:
    """Name the ServiceAccount, Role and RoleBinding of the post-close Jobs."""
    return f"{session}-post-close"


def http_service_name(session: str) -> str:
    """Name the Service through which people and dashboards reach the traders' HTTP."""
    return f"{session}-trader-http"


def config_name(session: str, config_hash: str) -> str:
    """Name the immutable ConfigMap of one revision."""
    return f"{session}-config-{config_hash[:10]}"


def pointer_name(session: str) -> str:
    """Name the ConfigMap with the content that pods boot on: the stable revision's."""
    return f"{session}-config"


def session_file_name(session: str, file_hash: str) -> str:
    """Name the immutable ConfigMap of one session file."""
    return f"{session}-session-{file_hash[:10]}"


def profile_key(profile: str) -> str:
    """Name the profile's key in the profiles ConfigMap: `canary-live` stands at `canary_live.yaml`."""
    return f"{profile.replace('-', '_')}.yaml"


def job_name(session: str, component: str, digest: str) -> str:
    """Name a Job: at most 62 characters, since its pods carry the name in a label."""
    return f"{session}-{component}-{digest[:10]}"
