"""What the build asks of Docker. Docker is a script that writes down what it is asked."""

import os
from pathlib import Path

import pytest

from ops.cluster.docker import Docker
from ops.cluster.errors import ClusterError
from ops.cluster.pins import STOCK_PYTHON_IMAGE
from ops.images import building
from ops.images.catalogue import IMAGES, REPOSITORY, Image, named


class Script:
    """A `docker` that holds every image but those named, and remembers its commands."""

    def __init__(self, folder: Path) -> None:
        self.missing = folder / "missing"
        self.log = folder / "log"
        self.log.touch()
        self.missing.touch()
        program = folder / "docker"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >>{self.log}\n'
            "for last; do :; done\n"
            f'[ "$1 $2" != "image inspect" ] || ! grep -qxF "$last" {self.missing}\n'
        )
        program.chmod(0o755)

    @property
    def commands(self) -> list[str]:
        """What was asked beside whether an image is there."""
        return [line for line in self.log.read_text().splitlines() if not line.startswith(("image inspect", "info"))]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put the script in Docker's place, on a machine that can reach a registry and has a cache of its own."""
    made = Script(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CLUSTER_REGISTRY", "yes")
    return made


def test_upstream_is_pulled_where_it_can_be(script: Script) -> None:
    """With a registry PostgreSQL and Redis are upstream's, pulled once."""
    script.missing.write_text("postgres:17-bookworm\n")
    made = building.provide(Docker(None), IMAGES, from_debian=False)

    assert (made["postgresql"], made["redis"]) == ("postgres:17-bookworm", "redis:7-bookworm")
    assert script.commands == ["pull --quiet postgres:17-bookworm"]


def test_debian_can_be_asked_for(script: Script) -> None:
    """With a registry the images from Debian's packages are used when asked for."""
    made = building.provide(Docker(None), [named("redis")], from_debian=True)

    assert made["redis"] == named("redis").reference(STOCK_PYTHON_IMAGE, os.uname().machine)
    assert script.commands == []


def test_what_is_there_is_not_built(script: Script) -> None:
    """An image that is there under its name is up to date: a second run builds nothing."""
    made = building.provide(Docker(None), IMAGES, from_debian=True)

    assert made.keys() == {image.name for image in IMAGES}
    assert script.commands == []


def test_a_missing_input_is_named_before_anything_starts(tmp_path: Path) -> None:
    """The message says which file is missing and what is made from it."""
    image = Image("thing", "tradeops/thing", REPOSITORY / "nowhere" / "Dockerfile", tmp_path)

    with pytest.raises(ClusterError, match="nowhere/Dockerfile is missing; the image thing is made from it"):
        building.require_sources([image])


def test_outdated_images_are_told_from_others(tmp_path: Path, script: Script) -> None:
    """Only our own images of earlier states may go: never upstream's, never other people's, never the newest."""
    program = tmp_path / "docker"
    listed = "tradeops/trader:old\ntradeops/trader:new\nredis:6\nredis:7\nsomebody/trader:old"
    program.write_text(f"#!/bin/sh\nprintf '{listed}\n'\n")

    assert building.outdated(Docker(None), {"trader": "tradeops/trader:new", "redis": "redis:7"}) == [
        "tradeops/trader:old"
    ]
