"""Finds the Docker daemon that the cluster lives on, or starts a private one.

A daemon that answers is used as it is. Only where none answers, and the
machine is a Debian on which we are root, a private daemon is started; it is
stopped again by `down`, while a daemon of the user's is never touched.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ops.cluster import places, private_daemon
from ops.cluster.console import step
from ops.cluster.errors import CommandError, MissingError
from ops.cluster.running import Result, run

PRIVATE_HOST = f"unix://{places.RUNTIME}/docker.sock"
# A pull of the smallest well-known image answers the question for all; it is refused at once where nothing is reachable.
_PROBE_IMAGE = "hello-world"
_PROBE_SECONDS = 20
_PROBE_VALID_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Docker:
    """A Docker daemon that answers. `host` is None for the one the docker CLI finds by itself."""

    host: str | None

    @property
    def is_private(self) -> bool:
        """Tell whether this tool started the daemon."""
        return self.host == PRIVATE_HOST

    @property
    def is_local(self) -> bool:
        """Tell whether the daemon's network interfaces are this machine's."""
        return self.is_private or (os.geteuid() == 0 and Path("/var/run/docker.sock").exists() and self.host is None)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that a docker client needs to reach this daemon."""
        variables = {} if self.host is None else {"DOCKER_HOST": self.host}
        if self.is_private:
            # Debian's client and daemon are of one version; a newer client elsewhere on PATH may want plugins.
            variables["PATH"] = f"{places.RUNTIME}/bin:{os.environ.get('PATH', '')}"
            variables["DOCKER_BUILDKIT"] = "0"
        return variables

    def environment(self) -> dict[str, str]:
        """Return the whole environment for a program that talks to this daemon."""
        return {**os.environ, **self.variables()}

    def client(self) -> str:
        """Return the path of the docker client that fits this daemon."""
        return shutil.which("docker", path=self.environment().get("PATH")) or "docker"

    def run(self, *arguments: str, timeout_seconds: float = 60, check: bool = True) -> Result:
        """Run one docker command."""
        return run(
            [self.client(), *arguments], environment=self.environment(), timeout_seconds=timeout_seconds, check=check
        )

    def has_image(self, name: str) -> bool:
        """Tell whether the daemon holds an image under this name."""
        return self.run("image", "inspect", "--format", "{{.Id}}", name, check=False).code == 0


def running() -> Docker | None:
    """Return the daemon that answers now, if one does; never starts anything."""
    for host in _candidates():
        if _answers(Docker(host)):
            return Docker(host)
    return None


def ensure() -> Docker:
    """Return a daemon that answers, starting a private one where that is allowed and needed."""
    found = running()
    if found is not None:
        return found
    if os.environ.get("DOCKER_HOST") not in (None, "", PRIVATE_HOST):
        raise MissingError(
            f"no Docker daemon answers at DOCKER_HOST={os.environ['DOCKER_HOST']}; start it, "
            "or unset DOCKER_HOST to use this machine's own"
        )
    private_daemon.start()
    return Docker(PRIVATE_HOST)


def registry_reachable(docker: Docker) -> bool:
    """Tell whether this daemon can pull images; asked once, then remembered while the daemon lives."""
    forced = os.environ.get("CLUSTER_REGISTRY", "")
    if forced in ("yes", "no"):
        return forced == "yes"
    identity = docker.run("info", "--format", "{{.ID}}").output.strip()
    boot = Path("/proc/sys/kernel/random/boot_id")
    file = (places.RUNTIME if docker.is_private else places.cache()) / "registry-reachable.json"
    key = f"{identity} {boot.read_text().strip() if boot.exists() else ''}"
    try:
        known = json.loads(file.read_text())
        if known["key"] == key and time.time() - known["at"] < _PROBE_VALID_SECONDS:
            return bool(known["reachable"])
    except (OSError, ValueError, KeyError):
        pass  # never asked, or asked by an older version of this tool: ask now
    with step("ask whether Docker can pull images"):
        held = docker.has_image(_PROBE_IMAGE)
        try:
            reachable = (
                docker.run("pull", "--quiet", _PROBE_IMAGE, timeout_seconds=_PROBE_SECONDS, check=False).code == 0
            )
        except CommandError:
            reachable = False  # no answer in time is as good as a no
        if reachable and not held:
            docker.run("image", "rm", _PROBE_IMAGE, check=False)
    aside = file.with_suffix(".aside")
    aside.write_text(json.dumps({"key": key, "at": time.time(), "reachable": reachable}))
    aside.replace(file)
    return reachable


def _candidates() -> list[str | None]:
    """Where a daemon may answer: what the environment names, else ours, else the client's default."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return [named]
    private = [PRIVATE_HOST] if (places.RUNTIME / "docker.sock").exists() else []
    return [*private, None]


def _answers(docker: Docker) -> bool:
    if shutil.which("docker", path=docker.environment().get("PATH")) is None:
        return False
    try:
        return docker.run("version", "--format", "{{.Server.Version}}", timeout_seconds=10, check=False).code == 0
    except CommandError:
        return False
