"""Keeps images as archives in the cache, so that no lost Docker daemon costs a rebuild.

An archive is written aside and renamed: what has its final name is whole.
"""

import os
from pathlib import Path

from ops.cluster import places
from ops.cluster.console import step
from ops.cluster.docker import Docker

_COPY_SECONDS = 600


def folder() -> Path:
    """Return the folder of the archives."""
    path = places.cache() / "images"
    path.mkdir(exist_ok=True)
    return path


def restore(docker: Docker, image: str) -> bool:
    """Make an image available from the daemon or from the cache; tell whether that succeeded."""
    if docker.has_image(image):
        return True
    archive = _archive(image)
    if not archive.exists():
        return False
    with step(f"load {image} from the cache"):
        docker.run("load", "--quiet", "--input", str(archive), timeout_seconds=_COPY_SECONDS)
    return docker.has_image(image)


def keep(docker: Docker, image: str) -> None:
    """Save an image into the cache, in place of older ones of the same name."""
    archive = _archive(image)
    with step(f"save {image} into the cache"):
        aside = archive.with_suffix(f".{os.getpid()}")
        try:
            docker.run("save", "--output", str(aside), image, timeout_seconds=_COPY_SECONDS)
            aside.replace(archive)
        finally:
            aside.unlink(missing_ok=True)
    name = image.split(":", maxsplit=1)[0].replace("/", "-")
    for older in folder().glob(f"{name}_*.tar"):
        if older != archive:
            older.unlink()


def _archive(image: str) -> Path:
    return folder() / (image.replace("/", "-").replace(":", "_") + ".tar")
