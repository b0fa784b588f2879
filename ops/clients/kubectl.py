"""A thin wrapper of kubectl: every call has a time limit, and an error says what was asked and what kubectl answered."""

import json
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KUBECONFIG = ROOT / "build" / "cluster" / "kubeconfig"


class KubectlError(RuntimeError):
    """kubectl failed, or could not be run at all."""


class Kubectl:
    """kubectl against one cluster and one namespace."""

    def __init__(self, namespace: str, kubeconfig: Path = KUBECONFIG, program: str | None = None) -> None:
        self.namespace = namespace
        self.kubeconfig = kubeconfig
        self.program = program or shutil.which("kubectl") or "kubectl"

    def run(self, *arguments: str, text: str | None = None, seconds: float = 30, check: bool = True) -> str:
        """Run kubectl and return what it printed.

        Raises:
            KubectlError: it failed (unless `check` is False) or did not end in time.
        """
        command = [self.program, "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *arguments]
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl {' '.join(arguments)} did not end within {seconds:.0f} s") from None
        except FileNotFoundError:
            raise KubectlError(f"kubectl is not at {self.program}") from None
        if check and done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def json(self, *arguments: str, seconds: float = 30) -> Any:
        """Run kubectl with `-o json` and return the object."""
        return json.loads(self.run(*arguments, "-o", "json", seconds=seconds))

    def apply(self, manifest: str | Path) -> str:
        """Apply a manifest (text, or the path of a file)."""
        if isinstance(manifest, Path):
            return self.run("apply", "-f", str(manifest))
        return self.run("apply", "-f", "-", text=manifest)

    def pod_http(self, pod: str, path: str, port: int = 8080, seconds: float = 5) -> str:
        """GET from a pod's HTTP port, by way of the API server: no port-forward, no address of the cluster's network."""
        return self.run(
            "get", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{port}/proxy{path}", seconds=seconds
        )

    @contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[str]:
        """Forward a local port to `target` (such as `service/kitesim`) while the block runs; yields the base URL."""
        command = [self.program, "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        command += ["port-forward", "--address", "127.0.0.1", target, f":{port}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield f"http://127.0.0.1:{_local_port(process, target)}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
            if process.stdout:
                process.stdout.close()


def _local_port(process: subprocess.Popen[str], target: str, seconds: float = 15) -> int:
    """The port that kubectl chose, from its first line."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    said = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and process.poll() is None:
            if not selector.select(left):
                break
            said += os.read(process.stdout.fileno(), 4096).decode(errors="replace")
            if found := re.search(r"127\.0\.0\.1:(\d+) ->", said):
                return int(found[1])
    raise KubectlError(f"port-forward to {target} did not start within {seconds:.0f} s: {said.strip()}")
