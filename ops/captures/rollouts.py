"""What `kubectl tsn status` prints while a canary is being judged."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from ops.clients.kubectl import Kubectl, KubectlError
from ops.clients.session import wait_for

ANSWER_SECONDS: Final = 30.0


def in_canary(stand: Kubectl, seconds: float) -> str:
    """Wait for a session that trades its first stage for real and has orders to be judged by; the command and what it prints.

    Raises:
        ops.clients.session.Waited: there was none.
    """
    return wait_for("a session in mid-canary", lambda: _printed(stand), seconds)


def _printed(stand: Kubectl) -> str | None:
    try:
        sessions = stand.json("get", "tradingsessions.tradeops.dev")["items"]
    except KubectlError:
        return None
    name = next((each["metadata"]["name"] for each in sessions if _is_judged(each.get("status") or {})), None)
    if name is None:
        return None
    program = Path(sys.executable).parent / "kubectl-tsn"
    command = [str(program), f"--kubeconfig={stand.kubeconfig}", f"--namespace={stand.namespace}", "status", name]
    environment = {**os.environ, "COLUMNS": "120", "PATH": f"{Path(stand.program).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    return f"$ kubectl tsn -n {stand.namespace} status {name}\n{done.stdout}" if done.returncode == 0 else None


def _is_judged(status: dict[str, Any]) -> bool:
    rollout = status.get("rollout") or {}
    is_first = rollout.get("step") == 1 and rollout.get("steps", 0) > 1
    return rollout.get("phase") == "Progressing" and is_first and rollout.get("orders", 0) >= 1
