"""What the operator can do, as data. The engine performs it; performing the same twice changes nothing."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of one child."""

    manifest: dict[str, Any]
    is_new: bool
    """Not seen so far: look by name first, since an object without our labels is invisible to our watches."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one child, if it is still the one that was seen."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Tell one trader which configuration to run (`POST /v1/config`); it acknowledges by hash, epoch and run."""

    pod: str
    address: str
    epoch: int
    """The leadership that it is meant for; 0 for a standby."""
    replaces: str
    """The hash that it reported to be in force: if that has changed, the trader refuses."""
    stage: str
    run: str
    """The operator's name for this order, which the trader reports back."""
    is_stable: bool
    """Whether the trader shall begin its next leadership with it."""
    hash: str
    profile_yaml: str


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Server-side apply of the whole status."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell people, as a Kubernetes event on the session. Only transitions are told."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


Action = Apply | Delete | Configure | WriteStatus | Emit
