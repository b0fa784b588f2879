"""Gets the wheels that an image installs: third parties by the lock file, and our own distribution.

They are fetched for the image's Python, which need not be the host's, and verified against the lock's hashes both here
and again inside the image. A folder of wheels is named by the hash of its lock, made aside and renamed when complete.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from ops.cluster.console import Note
from ops.cluster.errors import ClusterError, CommandError
from ops.cluster.pins import digest
from ops.cluster.running import follow, run

PYTHON_VERSION = "3.11"
# Debian bookworm's and its Python image's C library; a wheel for an older one runs there as well.
_NEWEST_GLIBC_MINOR = 36
_OLDEST_GLIBC_MINOR = 5
_DOWNLOAD_SECONDS = 900
_BUILD_SECONDS = 120
_FETCHING = re.compile(r"^(?:Downloading|Collecting) (\S+)")
_WITHOUT_WHEEL = re.compile(r"No matching distribution found for (\S+)")


def third_party(lock: Path, folder: Path, machine: str, note: Note) -> Path:
    """Return the folder of wheels for a lock file, filled if it is not there yet."""
    platforms = glibc_platforms(machine)
    wanted = requirements(lock.read_text())
    target = folder / f"{lock.parent.name}-{digest([wanted.encode(), machine.encode(), PYTHON_VERSION.encode()])}"
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as aside:
        listed = Path(aside) / "requirements.txt"
        listed.write_text(wanted)
        wheels = Path(aside) / "wheels"
        wheels.mkdir()
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        target_python = ["--python-version", PYTHON_VERSION, "--implementation", "cp"]
        tags = [part for abi in (f"cp{PYTHON_VERSION.replace('.', '')}", "abi3", "none") for part in ("--abi", abi)]
        tags += [part for platform in platforms for part in ("--platform", platform)]
        quiet = ["--disable-pip-version-check", "--progress-bar", "off", "--no-input"]
        try:
            follow(
                [*command, *target_python, *tags, *quiet, "--requirement", str(listed), "--dest", str(wheels)],
                timeout_seconds=_DOWNLOAD_SECONDS,
                on_line=lambda line: note(f"fetching {found.group(1)}") if (found := _FETCHING.match(line)) else None,
            )
        except CommandError as failed:
            raise _explained(failed, lock, machine) from failed
        _publish(wheels, target)
    for older in folder.glob(f"{lock.parent.name}-*"):
        if older != target:
            shutil.rmtree(older, ignore_errors=True)
    return target


def distribution(folder: Path, target: Path) -> Path:
    """Build the wheel of one of our distributions into the folder `target`, and return the wheel."""
    run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)],
        folder=folder,
        # A fixed date makes equal sources equal bytes, so that Docker's cache recognises them.
        environment={**os.environ, "SOURCE_DATE_EPOCH": "1580601600"},
        timeout_seconds=_BUILD_SECONDS,
    )
    built = list(target.glob("*.whl"))
    if len(built) != 1:
        raise ClusterError(
            f"hatchling should have made one wheel of {folder.name}, was {[path.name for path in built]}"
        )
    return built[0]


def requirements(lock: str) -> str:
    """Return a lock's requirements without their markers, and without those for Windows.

    pip judges markers by the Python that runs it, here the host's. So everything is fetched that any Linux could need;
    the image's own pip then judges the markers and installs what it needs.
    """
    kept = []
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        head, _, hashes = entry.partition("\\")
        if entry.startswith("#") or "sys_platform == 'win32'" in head:
            continue
        kept.append(f"{head.split(';')[0].strip()} \\{hashes}" if hashes else head.split(";")[0].strip())
    return "\n".join(kept) + "\n"


def glibc_platforms(machine: str) -> list[str]:
    """List the wheel platforms that run on the image, newest first."""
    if machine not in ("x86_64", "aarch64"):
        raise ClusterError(f"images can be built on x86_64 and aarch64, this machine is {machine}")
    numbered = [f"manylinux_2_{minor}_{machine}" for minor in range(_NEWEST_GLIBC_MINOR, _OLDEST_GLIBC_MINOR - 1, -1)]
    return [*numbered, f"manylinux2014_{machine}", f"linux_{machine}"]


def _publish(wheels: Path, target: Path) -> None:
    """Give finished wheels their name; a second run that finished first has made the same."""
    try:
        wheels.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _explained(failed: CommandError, lock: Path, machine: str) -> ClusterError:
    missing = _WITHOUT_WHEEL.search(failed.output)
    if missing is None:
        return failed
    return ClusterError(
        f"{missing.group(1)} of {lock.parent.name}/{lock.name} cannot be had as a wheel for Python {PYTHON_VERSION} on {machine}; "
        "either the package index cannot be reached, or the lock must name a version that is published as a wheel"
    )
