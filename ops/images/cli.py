"""The command line: `python -m ops.images build`, `status`.

Answers go to standard output, progress to standard error. Exit codes: 0 done, 1 something failed, 2 this machine lacks
something; each failure is one message that says what to do.
"""

import json
import sys
import time

import click

from ops.cluster import docker
from ops.cluster.console import answer, say
from ops.cluster.errors import ClusterError
from ops.images import building, loading, rendering
from ops.images.catalogue import BUILD, NAMES, REPOSITORY, named

LIST_FILE = BUILD / "images.json"
VALUES_FILE = BUILD / "image-values.yaml"


@click.group()
def cli() -> None:
    """Build the container images of the chart, and tell the chart their names."""


@cli.command()
@click.option(
    "--only", type=click.Choice(NAMES), multiple=True, help="Build this image only; may be given several times."
)
@click.option("--load", is_flag=True, help="Load the images into the nodes of the kind cluster.")
@click.option(
    "--from-debian",
    is_flag=True,
    help="Make PostgreSQL and Redis from Debian's packages even where images can be pulled.",
)
@click.option("--prune", is_flag=True, help="Remove images of earlier states of the sources from Docker.")
def build(only: tuple[str, ...], load: bool, from_debian: bool, prune: bool) -> None:
    """Build what is not there yet; write build/images.json and build/image-values.yaml."""
    started = time.monotonic()
    images = [named(name) for name in only or NAMES]
    building.require_sources(images)
    BUILD.mkdir(exist_ok=True)
    daemon = docker.ensure()
    made = building.provide(daemon, images, from_debian=from_debian)
    known = _known() | made
    rendering.write(LIST_FILE, rendering.as_json(known))
    rendering.write(VALUES_FILE, rendering.as_values(known))
    if load:
        loading.load(list(made.values()))
    if prune:
        for name in building.outdated(daemon, known):
            daemon.run("image", "rm", name, check=False)
    for name, reference in made.items():
        answer(f"{name}: {reference}")
    say(
        f"{len(made)} images ready in {time.monotonic() - started:.1f} s; Helm values: {VALUES_FILE.relative_to(REPOSITORY)}"
    )


@cli.command()
def status() -> None:
    """Show the images of the last build, and their sizes."""
    daemon = docker.running()
    for name, reference in _known().items():
        size = daemon.run("image", "inspect", "--format", "{{.Size}}", reference, check=False) if daemon else None
        shown = f"{int(size.output) / 1e6:.0f} MB" if size and size.code == 0 else "not in Docker"
        answer(f"{name}: {reference} ({shown})")


def _known() -> dict[str, str]:
    """Return what the last build wrote down; nothing if there was none, or if it cannot be read."""
    try:
        known = json.loads(LIST_FILE.read_text())
    except (OSError, ValueError):
        return {}
    return {name: str(reference) for name, reference in known.items() if name in NAMES}


def main() -> None:
    """Run the command line; a known error is one message and its exit code."""
    try:
        cli()
    except ClusterError as error:
        say(f"images: {error}")
        sys.exit(error.exit_code)
