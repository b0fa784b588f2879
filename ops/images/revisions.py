"""Which commit some sources are of: what an image says of itself, and what a sealed day records.

It is the last commit that changed any of them, not the newest of the repository: equal sources tell of the same commit, and a
change elsewhere makes no new image.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"
"""Outside of a repository: an archive of the sources, or a machine without git."""
MODIFIED: Final = "-modified"
_SECONDS: Final = 20


def revision_of(sources: Iterable[Path], repository: Path) -> str:
    """The commit's full name; with `-modified` where the files differ from it, and `unknown` where nobody can tell."""
    paths = [str(each) for each in sources]
    try:
        commit = _git(repository, "log", "-1", "--format=%H", "--", *paths).strip()
        if not commit:
            return UNKNOWN
        return commit + (MODIFIED if _git(repository, "status", "--porcelain", "--", *paths).strip() else "")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
