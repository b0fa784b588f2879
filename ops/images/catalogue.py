"""Which images there are, what each is made from, and the name that follows from it.

Pure but for reading the input files. The tag is the hash of the inputs; nothing that a build reads may be missing here.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ops.cluster.pins import digest

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = Path(__file__).resolve().parent
BUILD = REPOSITORY / "build"

# Files in a source tree that no wheel contains.
_NOT_SOURCE = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the catalogue. `name` is its key in the chart's values."""

    name: str
    repository: str
    dockerfile: Path
    # Folder of the distribution that it contains; None: it is made from Debian's packages.
    distribution: Path | None
    # What the chart takes where images can be pulled; None: it is always built.
    upstream: str | None = None
    # Further distributions of ours that stand in it, with requirements that the lock of the first covers.
    beside: tuple[Path, ...] = ()
    # Folders of this repository that it carries as they are.
    folders: tuple[Path, ...] = ()

    def sources(self) -> list[Path]:
        """List the files and folders that decide what is in the image, in a fixed order; some need not exist."""
        if self.distribution is None:
            return [self.dockerfile, self.dockerfile.parent / "entrypoint.sh", RECIPES / "collect.sh"]
        names = ("pyproject.toml", "requirements.lock", "README.md")
        metadata = [distribution / name for distribution in (self.distribution, *self.beside) for name in names]
        folders = [distribution / "src" for distribution in (self.distribution, *self.beside)]
        return [self.dockerfile, *metadata, *folders, *self.folders]

    def inputs(self) -> list[Path]:
        """List every file that decides what is in the image, in a fixed order."""
        needed = self.sources() if self.distribution is None else [self.dockerfile]
        optional = [path for path in self.sources() if path not in needed]
        files = [path for path in optional if path.is_file()]
        return [*needed, *files, *(path for folder in optional for path in source_files(folder))]

    def reference(self, base: str, machine: str, revision: str = "") -> str:
        """Return the image's full name for a base image, a machine type and the commit that it tells of."""
        parts = [each.encode() for each in (base, machine, revision) if each]
        for path in self.inputs():
            parts += [os.path.relpath(path, self.dockerfile.parent).encode(), path.read_bytes()]
        return f"{self.repository}:{digest(parts)}"


def source_files(folder: Path) -> list[Path]:
    """List the files of a source tree, without what tools leave in it."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not any(part in _NOT_SOURCE for part in path.parts)
    )


def _ours(
    name: str, repository: str, folder: str, beside: tuple[Path, ...] = (), folders: tuple[Path, ...] = ()
) -> Image:
    home = REPOSITORY / folder
    return Image(name, repository, home / "Dockerfile", home, beside=beside, folders=folders)


def _debian(name: str, upstream: str) -> Image:
    return Image(name, f"tradeops/{name}", RECIPES / name / "Dockerfile", None, upstream)


# What the Jobs of drills and post-close run: the same image as the traders, so that what is proved is what trades.
_JOBS = tuple(
    REPOSITORY / folder for folder in ("ops/drills", "ops/judging", "ops/clients", "ops/postclose", "configs")
)

# The upstream names are the defaults in the chart's values.yaml; a test holds both equal.
IMAGES = (
    _ours("operator", "tradeops/session-operator", "operator"),
    _ours("trader", "tradeops/trader", "trader", beside=(REPOSITORY / "kitesim",), folders=_JOBS),
    _ours("kitesim", "tradeops/kitesim", "kitesim"),
    _debian("postgresql", "postgres:17-bookworm"),
    _debian("redis", "redis:7-bookworm"),
)
NAMES = tuple(image.name for image in IMAGES)


def named(name: str) -> Image:
    """Return the image of this name."""
    return next(image for image in IMAGES if image.name == name)
