"""What is: everything that a decision about one session looks at, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from session_operator.domain.reports import TraderReport
from session_operator.domain.sessions import Manifest, Session


class Child(NamedTuple):
    """What the operator made, or would make, in the session's namespace."""

    kind: str
    name: str


def child_of(manifest: Manifest) -> Child:
    """Name the child that a manifest describes."""
    return Child(manifest["kind"], manifest["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What the operator keeps of a Secret: names of keys that have a value, and the scheme of its `url`."""

    keys: frozenset[str]
    url_scheme: str = ""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the operator keeps of a trader pod."""

    name: str
    session_file: str
    """Hash of the session file that it was started with."""
    is_ready: bool
    is_deleting: bool
    problem: str = ""
    session: str = ""
    address: str = ""
    """Where the trader can be asked; empty when its container does not run."""
    image_digest: str = ""
    """What its container was started from, as the kubelet resolved it: `sha256:…`."""


@dataclass(frozen=True, slots=True)
class JobPod:
    """What the operator keeps of a pod of one of its Jobs."""

    name: str
    job: str
    has_ended: bool = False
    exit_code: int = 0
    message: str = ""
    """Its last words: what it wrote to /dev/termination-log."""
    ended_at: str = ""
    problem: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another session for the same account, anywhere in the watched namespaces."""

    namespace: str
    name: str
    uid: str
    created: str

    @property
    def seniority(self) -> tuple[str, str]:
        """Order sessions by age; the UID settles a tie the same way for everybody."""
        return (self.created, self.uid)


@dataclass(frozen=True, slots=True)
class Observed:
    """One session and its world at one moment."""

    session: Session
    children: Mapping[Child, Manifest] = field(default_factory=dict)
    pods: tuple[PodFacts, ...] = ()
    job_pods: tuple[JobPod, ...] = ()
    secrets: Mapping[str, SecretFacts] = field(default_factory=dict)
    profiles: Mapping[str, str] | None = None
    rivals: tuple[Rival, ...] = ()
    lease_silent_seconds: float = 0.0
    """Machine time since the Lease last changed, on the operator's own clock: no clock of another host is trusted."""
    lease_is_renewed: bool = True
    """The operator saw it change since it started; else its silence may be older than the operator knows."""
    lease_holder_seconds: float = float("inf")
    """Machine time since the operator first saw the holder that is written there."""
    status_age_seconds: float = float("inf")
    """Machine time since the operator last wrote this session's status."""
    reports: Mapping[str, TraderReport] = field(default_factory=dict)
    """What the traders answered when asked, by pod; who did not answer is not in it."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Why a trader did not take the configuration that it was given, by pod."""
    fault: str = ""
    """What the API server refused in the attempt before this one, if it did."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a session cannot be served: a reason for programs and a message for people."""

    reason: str
    message: str
