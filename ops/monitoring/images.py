"""The three images: upstream's where they can be pulled, else made from the pinned Go modules.

Upstream's names are prometheus-operator's own defaults, so nothing of them stands here.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ops.cluster import archives, base_image, binaries, pins
from ops.cluster.console import step
from ops.cluster.docker import Docker, registry_reachable
from ops.images import loading

_DOCKERFILE = Path(__file__).resolve().parent / "Dockerfile"
_PROGRAMS = (pins.PROMETHEUS_OPERATOR, pins.CONFIG_RELOADER, pins.PROMETHEUS)


@dataclass(frozen=True, slots=True)
class Images:
    """References of images that the nodes hold."""

    operator: str
    reloader: str
    prometheus: str


def provide(docker: Docker) -> Images | None:
    """Make the images and load them into the nodes; None where the nodes can pull upstream's."""
    if registry_reachable(docker):
        return None
    names = {program.name: reference(program) for program in _PROGRAMS}
    for program in _PROGRAMS:
        _ensure(docker, program)
    loading.load(list(names.values()))
    return Images(
        operator=names[pins.PROMETHEUS_OPERATOR.name],
        reloader=names[pins.CONFIG_RELOADER.name],
        prometheus=names[pins.PROMETHEUS.name],
    )


def reference(program: pins.Program) -> str:
    """The name of a program's image; it changes with its pin and its recipe.

    With a host part: without one, containerd's name and the kubelet's differ.
    """
    key = pins.digest([pins.module_key(program.folder).encode(), _DOCKERFILE.read_bytes()])
    return f"tsn.local/{program.folder}-{program.name}:{key}"


def _ensure(docker: Docker, program: pins.Program) -> None:
    image = reference(program)
    if archives.restore(docker, image):
        return
    binary = binaries.ensure([program])[program.name]
    with step(f"build {image}"), tempfile.TemporaryDirectory() as folder:
        shutil.copy(binary, Path(folder) / program.name)
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_text(_DOCKERFILE.read_text().replace("PROGRAM", program.name))
        base_image.build(docker, dockerfile, Path(folder), image, {})
    archives.keep(docker, image)
