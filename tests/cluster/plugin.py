"""`kubectl tsn` as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

from ops.clients.kubectl import Kubectl

LONGEST_SECONDS = 600


def tsn(kubectl: Kubectl, *arguments: str) -> str:
    """Run the plugin against the stand; returns what it printed, and fails where it fails."""
    program = Path(sys.executable).parent / "kubectl-tsn"
    environment = {**os.environ, "PATH": f"{Path(kubectl.program).parent}:{os.environ['PATH']}"}
    command = [str(program), f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={kubectl.namespace}", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    assert done.returncode == 0, f"kubectl tsn {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
