"""What is fetched for an image's Python, from the lock file."""

import re

import pytest

from ops.cluster.errors import ClusterError
from ops.images.catalogue import REPOSITORY
from ops.images.wheels import glibc_platforms, requirements

LOCK = """\
async-timeout==5.0.1 ; python_full_version < '3.11.3' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
click==8.1.8 \\
    --hash=sha256:cc
pywin32==312 ; sys_platform == 'win32' \\
    --hash=sha256:dd
"""


def test_markers_are_left_to_the_image() -> None:
    """What any Linux could need is fetched: the host's Python must not judge for the image's."""
    assert requirements(LOCK) == (
        "async-timeout==5.0.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nclick==8.1.8 \\\n    --hash=sha256:cc\n"
    )


@pytest.mark.parametrize("name", ["operator", "trader", "kitesim"])
def test_real_locks_lose_nothing_but_windows(name: str) -> None:
    """Every requirement of a real lock is fetched, each with hashes."""
    lock = (REPOSITORY / name / "requirements.lock").read_text()
    wanted = requirements(lock)
    pins = set(re.findall(r"^([a-z0-9-]+)==", wanted, re.MULTILINE))

    assert pins == set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) - {"pywin32", "colorama"} | pins & {
        "colorama"
    }
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\S)", wanted.strip()))


def test_wheels_fit_the_bases_c_library() -> None:
    """A wheel that needs a newer C library than Debian bookworm's is not taken."""
    platforms = glibc_platforms("x86_64")

    assert "manylinux_2_36_x86_64" in platforms
    assert "manylinux_2_37_x86_64" not in platforms
    assert "manylinux2014_x86_64" in platforms


def test_an_unknown_machine_is_named() -> None:
    """The message says which machines will do."""
    with pytest.raises(ClusterError, match="x86_64 and aarch64, this machine is riscv64"):
        glibc_platforms("riscv64")
