"""Installs Debian packages where the tool may, and says what is missing where it may not."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.cluster.console import step
from ops.cluster.errors import MissingError
from ops.cluster.running import run

# program -> the package that brings it; a daemon, its parts, and what builds a base image
DAEMON_PROGRAMS = {
    "/usr/sbin/dockerd": "docker.io",
    "/usr/bin/docker": "docker.io",
    "/usr/bin/containerd": "containerd",
    "/usr/sbin/runc": "runc",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/ip": "iproute2",
    "/usr/sbin/nft": "nftables",
    "/usr/sbin/debootstrap": "debootstrap",
}
_POLICY = Path("/usr/sbin/policy-rc.d")


def ensure_daemon_packages() -> None:
    """Install what a private Docker daemon needs. Raises MissingError where that is not ours to do."""
    missing = sorted({package for program, package in DAEMON_PROGRAMS.items() if not Path(program).exists()})
    if not missing and os.geteuid() == 0:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None or not Path("/etc/debian_version").exists():
        raise MissingError(
            "no Docker daemon answers, and one can only be started here by root on Debian; "
            "start Docker (or set DOCKER_HOST), or run this as root on Debian"
        )
    with step(f"install {', '.join(missing)}"), _services_stay_down():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], environment=environment, timeout_seconds=300)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        run(command, environment=environment, timeout_seconds=600)


@contextmanager
def _services_stay_down() -> Iterator[None]:
    """Keep packages from starting their services while they are installed; leave the machine's own policy alone."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
