"""What every pod of a session may do on its host: run as nobody, write to its own volumes, gain nothing."""

from typing import Any

from session_operator.domain.names import TRADER_USER


def pod_security() -> dict[str, Any]:
    """The pod's part of the `restricted` Pod Security Standard; its group may read the Secrets that are mounted."""
    return {
        "runAsNonRoot": True,
        "runAsUser": TRADER_USER,
        "runAsGroup": TRADER_USER,
        "fsGroup": TRADER_USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """The container's part of it, with a root filesystem that nobody writes to."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
