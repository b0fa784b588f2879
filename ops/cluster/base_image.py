"""The Python base image that Dockerfiles get as a build argument.

With a registry it is the stock slim image. Without one it is made here from
Debian's packages: `debootstrap` unpacks a minimal Debian, and a Dockerfile
adds Python. The same minimal Debian is the ground of the node image.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ops.cluster import archives, packages, pins
from ops.cluster.console import step
from ops.cluster.docker import Docker, registry_reachable
from ops.cluster.errors import ClusterError, MissingError
from ops.cluster.running import follow, run

DEBIAN_IMAGE = f"tsn-debian:{pins.DEBIAN_RELEASE}"
_BUILD_SECONDS = 900


def name(docker: Docker) -> str:
    """Return the name of the Python base image for this daemon, without making it."""
    if registry_reachable(docker):
        return pins.STOCK_PYTHON_IMAGE
    return f"tsn-python-base:3.11-{pins.python_base_key()}"


def ensure(docker: Docker) -> str:
    """Make the Python base image available, and return its name."""
    image = name(docker)
    if image == pins.STOCK_PYTHON_IMAGE:
        if not docker.has_image(image):
            with step(f"pull {image}"):
                docker.run("pull", "--quiet", image, timeout_seconds=_BUILD_SECONDS)
        return image
    if not archives.restore(docker, image):
        ensure_debian(docker)
        with step("build the Python base image"), tempfile.TemporaryDirectory() as context:
            build(docker, pins.NODE_FOLDER / "python.Dockerfile", Path(context), image, {"DEBIAN": DEBIAN_IMAGE})
        archives.keep(docker, image)
    return image


def ensure_debian(docker: Docker) -> str:
    """Make the minimal Debian image available, and return its name."""
    if archives.restore(docker, DEBIAN_IMAGE):
        return DEBIAN_IMAGE
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        raise MissingError(
            "no container registry can be reached, and the images can then only be made by root on Debian; "
            "give Docker access to a registry, or run this as root on Debian"
        )
    packages.ensure_daemon_packages()
    with step(f"unpack a minimal Debian {pins.DEBIAN_RELEASE}") as note, tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        sources = debian_sources(
            run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(SITE)"], timeout_seconds=60).output
        )
        mirror = sources[0].split()[1]
        follow(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", pins.DEBIAN_RELEASE, str(root), mirror],
            timeout_seconds=_BUILD_SECONDS,
            on_line=note,
        )
        (root / "etc/apt/sources.list").write_text("\n".join(sources) + "\n")
        for waste in (
            "var/cache/apt/archives",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
        ):
            shutil.rmtree(root / waste, ignore_errors=True)
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        (root / "var/lib/apt/lists/partial").mkdir(parents=True)
        # As in Docker's own Debian images: nothing in an image being built may start a service.
        (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (root / "usr/sbin/policy-rc.d").chmod(0o755)
        _import(docker, root)
    archives.keep(docker, DEBIAN_IMAGE)
    return DEBIAN_IMAGE


def build(docker: Docker, dockerfile: Path, context: Path, image: str, arguments: dict[str, str]) -> None:
    """Build an image with the host's network, which package installs need where Docker's own has no way out."""
    flags = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
    command = ["build", "--quiet", "--network", "host", "--file", str(dockerfile), "--tag", image, *flags, str(context)]
    docker.run(*command, timeout_seconds=_BUILD_SECONDS)


def debian_sources(targets: str) -> list[str]:
    """Return apt's source lines for the release, from the mirrors that this machine's apt uses.

    `targets` holds lines of origin, label and site, as `apt-get indextargets` prints them.
    """
    sites = {
        label: site for origin, label, site in (line.split("|") for line in targets.splitlines()) if origin == "Debian"
    }
    if "Debian" not in sites:
        raise ClusterError("apt knows no Debian mirror; check /etc/apt/sources.list.d and run apt-get update")
    release = pins.DEBIAN_RELEASE
    lines = [f"deb {sites['Debian']} {suite} main" for suite in (release, f"{release}-updates")]
    if "Debian-Security" in sites:
        lines.append(f"deb {sites['Debian-Security']} {release}-security main")
    return lines


def _import(docker: Docker, root: Path) -> None:
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as packed:
        run(
            [docker.client(), "import", "--change", 'CMD ["bash"]', "-", DEBIAN_IMAGE],
            environment=docker.environment(),
            source=packed.stdout,
            timeout_seconds=_BUILD_SECONDS,
        )
    if packed.returncode != 0:
        raise ClusterError(f"tar ended with exit code {packed.returncode} while packing {root}")
