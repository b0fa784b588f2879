"""Makes images: prepares a build context, runs `docker build`, keeps the result in the cache.

Our own images are built without network: what they install stands in the context. Those from Debian's packages need the
host's network for one step, the installation of the packages.
"""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ops.cluster import archives, base_image
from ops.cluster.console import Note, step
from ops.cluster.docker import Docker, registry_reachable
from ops.cluster.errors import ClusterError
from ops.cluster.running import follow
from ops.images import wheels
from ops.images.catalogue import BUILD, RECIPES, REPOSITORY, Image, source_files
from ops.images.revisions import revision_of

_BUILD_SECONDS = 1200
_PULL_SECONDS = 600
_ATTEMPTS = 3


def provide(docker: Docker, images: Iterable[Image], *, from_debian: bool) -> dict[str, str]:
    """Make images available in the daemon; return the reference of each by its name.

    `from_debian` builds PostgreSQL and Redis even where upstream's images could be pulled.
    """
    builder = _Builder(docker, base_image.ensure(docker), platform.machine())
    can_pull = registry_reachable(docker) and not from_debian
    references = {}
    for image in images:
        if image.upstream is not None and can_pull:
            _pull(docker, image.upstream)
            references[image.name] = image.upstream
            continue
        reference = builder.reference(image)
        if not docker.has_image(reference) and not _restored(docker, image, reference):
            reference = builder.build(image)
            _keep(docker, image, reference)
        references[image.name] = reference
    return references


def outdated(docker: Docker, references: dict[str, str]) -> list[str]:
    """List images in the daemon that an earlier state of the sources made, newest kept."""
    kept = set(references.values())
    repositories = {reference.rpartition(":")[0] for reference in kept if reference.startswith("tradeops/")}
    listed = docker.run("images", "--format", "{{.Repository}}:{{.Tag}}").output.split()
    return [name for name in listed if name.rpartition(":")[0] in repositories and name not in kept]


@dataclass(frozen=True, slots=True)
class _Builder:
    """One daemon, and what all images are built on."""

    docker: Docker
    base: str
    machine: str

    def reference(self, image: Image) -> str:
        """Return the name that an image of the sources as they are now must have."""
        return image.reference(self.base, self.machine, _revision(image))

    def build(self, image: Image) -> str:
        """Build an image and return its reference.

        A source that is edited meanwhile would give the image a name that is not its own: then it is built again.
        """
        for _ in range(_ATTEMPTS):
            reference = self.reference(image)
            with step(f"build {reference}") as note:
                self._build(image, reference, note)
            if self.reference(image) == reference:
                return reference
            self.docker.run("image", "rm", "--no-prune", reference, check=False)
        raise ClusterError(
            f"the sources of the image {image.name} changed during each of {_ATTEMPTS} builds; build again"
        )

    def _build(self, image: Image, reference: str, note: Note) -> None:
        arguments = {"BASE": self.base, "INPUTS": reference.rpartition(":")[2]}
        if image.distribution is None:
            self._run(image, RECIPES, "host", reference, arguments, note)
            return
        note("wheels")
        third_party = wheels.third_party(image.distribution / "requirements.lock", BUILD / "wheels", self.machine, note)
        with tempfile.TemporaryDirectory(dir=BUILD, prefix=".context-") as folder:
            context = Path(folder)
            shutil.copyfile(image.distribution / "requirements.lock", context / "requirements.lock")
            shutil.copytree(third_party, context / "wheels", copy_function=_link)
            (context / "distribution").mkdir()
            own = wheels.distribution(image.distribution, context / "distribution")
            _add_beside(image, context)
            arguments |= {"VERSION": own.name.split("-")[1], "REVISION": _revision(image)}
            self._run(image, context, "none", reference, arguments, note)

    def _run(  # noqa: PLR0917  # one call of one program, in its words
        self, image: Image, context: Path, network: str, reference: str, arguments: dict[str, str], note: Note
    ) -> None:
        flags = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
        command = [
            self.docker.client(),
            "build",
            "--network",
            network,
            "--file",
            str(image.dockerfile),
            "--tag",
            reference,
        ]
        environment = self.docker.environment()
        follow([*command, *flags, str(context)], environment=environment, timeout_seconds=_BUILD_SECONDS, on_line=note)


def _revision(image: Image) -> str:
    """The commit that an image of ours tells of; one from Debian's packages tells of none."""
    return revision_of(image.sources(), REPOSITORY) if image.distribution is not None else ""


def _add_beside(image: Image, context: Path) -> None:
    """Put what else of ours an image carries into its context: wheels in `beside`, folders in `folders`."""
    for each in image.beside:
        (made := context / "beside" / each.name).mkdir(parents=True)
        wheels.distribution(each, made)
    for folder in image.folders:
        for source in source_files(folder):
            target = context / "folders" / source.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _pull(docker: Docker, reference: str) -> None:
    if not docker.has_image(reference):
        with step(f"pull {reference}"):
            docker.run("pull", "--quiet", reference, timeout_seconds=_PULL_SECONDS)


def _restored(docker: Docker, image: Image, reference: str) -> bool:
    return image.distribution is None and archives.restore(docker, reference)


def _keep(docker: Docker, image: Image, reference: str) -> None:
    """Keep what needs the network to be made; our own images are rebuilt from the wheels in seconds."""
    if image.distribution is None:
        archives.keep(docker, reference)


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where the file system knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def require_sources(images: Iterable[Image]) -> None:
    """Refuse to build an image of which an input is missing, before anything is started."""
    for image in images:
        for path in image.inputs():
            if not path.is_file():
                raise ClusterError(f"{path.relative_to(REPOSITORY)} is missing; the image {image.name} is made from it")
