"""The command line of the cluster tool: `python -m ops.cluster COMMAND`.

Thin on purpose: each command calls one library function and prints. Errors
become one message and an exit code (1 failed, 2 this machine lacks something).
"""

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from ops.cluster import base_image, binaries, cuts, docker, faults, kindcluster, pins, places, rules
from ops.cluster.console import answer, console, step
from ops.cluster.errors import ClusterError

TOOLS = ("kubectl", "helm", "kind")


def main() -> None:
    """Run the command line; the only place where errors become exit codes."""
    try:
        cli.main(standalone_mode=False)
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted; run the command again to go on\n")
        sys.exit(130)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, help="One real Kubernetes cluster for tests and drills."
)
@click.option("--name", envvar="CLUSTER_NAME", default="tsn", show_default=True, help="Name of the cluster.")
def cli(name: str) -> None:
    """Every command works on one cluster, named by option or environment."""
    os.environ["CLUSTER_NAME"] = name


@cli.command()
@click.option(
    "--fsync/--no-fsync", envvar="CLUSTER_FSYNC", default=False, help="Let etcd wait for the disk (default: no)."
)
def up(fsync: bool) -> None:
    """Bring the cluster up; safe to repeat."""
    with _alone():
        kindcluster.up(fsync=fsync)
    console.print(f"up: export KUBECONFIG={places.KUBECONFIG}")


@cli.command()
@click.option("--purge-cache", is_flag=True, help="Also remove built binaries and image archives.")
def down(purge_cache: bool) -> None:
    """Delete the cluster, and all of a private Docker daemon but its images."""
    with _alone():
        kindcluster.down(purge_cache=purge_cache)


@cli.command()
def status() -> None:
    """Show the daemon, the nodes, the cuts, the versions. Exit code 0 if the cluster is up."""
    found = docker.running()
    cluster = kindcluster.named(found) if found else None
    states = cluster.containers() if cluster else {}
    table = Table("what", "state", box=None, header_style="bold")
    table.add_row(
        "docker",
        "none answers"
        if found is None
        else f"{'private' if found.is_private else 'existing'}, {found.host or 'default'}",
    )
    is_up = bool(states)
    if cluster and states:
        cluster.write_kubeconfig()
        ready = cluster.ready_nodes()
        is_up = set(cluster.nodes) <= ready and cluster.marker() is not None
        for node in cluster.nodes:
            state = states.get(node, "missing")
            active = cuts.active(cluster.docker, node) if state == "running" else frozenset()
            words = [state, "Ready" if node in ready else "not Ready", *(f"cut from {name}" for name in sorted(active))]
            table.add_row(node, ", ".join(words))
        table.add_row("made from", cluster.marker() or "unknown: not finished, or it does not answer")
        table.add_row("kubeconfig", str(places.KUBECONFIG))
    table.add_row("pins", f"Kubernetes {pins.kubernetes_version()}, node image {pins.node_key()}")
    table.add_row("cluster", "up" if is_up else "not up")
    Console().print(table)
    sys.exit(0 if is_up else 1)


@cli.command("load-image")
@click.argument("images", nargs=-1, required=True)
def load_image(images: tuple[str, ...]) -> None:
    """Load images from the Docker daemon into the nodes."""
    cluster = kindcluster.current()
    with step(f"load {', '.join(images)} into the nodes"):
        cluster.kind("load", "docker-image", *images, timeout_seconds=600)


@cli.command()
@click.argument("node")
@click.option("--from", "from_", type=click.Choice(rules.CUTS), default="all", show_default=True)
def partition(node: str, from_: str) -> None:
    """Cut NODE off from everything, or from one thing only."""
    faults.partition(node, from_)
    console.print(f"{node} is cut off from {from_}; heal it with: python -m ops.cluster heal {node}")


@cli.command()
@click.argument("node")
def heal(node: str) -> None:
    """Take every cut off NODE and wait until it is Ready."""
    with step(f"heal {node}"):
        faults.heal(node)


@cli.command()
@click.argument("node")
@click.option("--abrupt", is_flag=True, help="Like a power failure: kill every process on the node.")
def restart(node: str, abrupt: bool) -> None:
    """Restart NODE and wait until it is Ready."""
    with step(f"restart {node}"):
        faults.restart(node, abrupt=abrupt)


@cli.command("docker", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def docker_command(arguments: tuple[str, ...]) -> None:
    """Run the docker client against the daemon that the cluster uses."""
    found = _daemon()
    # The client takes this process's place: its exit code, output and signals are the user's.
    os.execvpe(found.client(), ["docker", *arguments], found.environment())  # noqa: S606 - no shell is wanted


@cli.command("tool-path")
@click.argument("tool", type=click.Choice(TOOLS))
def tool_path(tool: str) -> None:
    """Print the path of kubectl, helm or kind, building it if need be."""
    answer(str(binaries.ensure_tools() / tool))


@cli.command()
def env() -> None:
    """Print what a shell evaluates to use the cluster's tools, kubeconfig and Docker daemon."""
    variables = _daemon().variables()
    path = variables.pop("PATH", os.environ.get("PATH", ""))
    variables |= {"PATH": f"{binaries.ensure_tools()}:{path}", "KUBECONFIG": str(places.KUBECONFIG)}
    answer("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


@cli.command("base-image")
def base_image_command() -> None:
    """Print the name of the Python base image for Dockerfiles, making it available first."""
    with _alone():
        name = base_image.ensure(docker.ensure())
    answer(name)


@cli.command("registry-reachable")
def registry_reachable() -> None:
    """Exit 0 if Docker can pull from a container registry, else 1."""
    sys.exit(0 if docker.registry_reachable(_daemon()) else 1)


def _daemon() -> docker.Docker:
    found = docker.running()
    if found is not None:
        return found
    with _alone():
        return docker.ensure()


@contextmanager
def _alone() -> Iterator[None]:
    """Let one command at a time change the daemon or the cluster; others wait for it."""
    # Not in the daemon's folder: that one is removed while the lock is held.
    with (places.cache() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("wait for another cluster command to end"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
