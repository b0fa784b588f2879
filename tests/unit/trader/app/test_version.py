"""`trader --version` says which sources run: an image knows its commit, a working copy is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("commit", "words"), [("a1b2-modified", "a1b2-modified"), ("", "of a working copy")])
def test_the_version_tells_of_the_commit(commit: str, words: str) -> None:
    """As the image's `GIT_SHA` has it."""
    program = Path(sys.executable).parent / "trader"
    environment = os.environ | {"GIT_SHA": commit}
    done = subprocess.run(
        [program, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("trader, version ")
    assert done.stdout.strip().endswith(f", {words}")
