"""Makes the node image that kind starts nodes from, where the stock one cannot be pulled.

Base (systemd, containerd, Debian's packages, the files of kind's module),
then Kubernetes' own programs, then the images of the control plane, which
kubeadm expects to be present: they are imported into a containerd that runs
in a container of the image, and the result is committed.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from ops.cluster import archives, base_image, binaries, pins
from ops.cluster.console import step
from ops.cluster.docker import Docker
from ops.cluster.errors import ClusterError
from ops.cluster.running import run

_IMPORT_SECONDS = 300
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def name() -> str:
    """Return the name of the self-built node image; it changes with every pin."""
    return f"tsn-node:{pins.kubernetes_version()}-{pins.node_key()}"


def ensure(docker: Docker) -> str:
    """Make the node image available, and return its name."""
    image = name()
    if archives.restore(docker, image):
        return image
    programs = binaries.ensure(pins.NODE_PROGRAMS)
    kind_files = binaries.module_folder("kind", "sigs.k8s.io/kind") / "images" / "base" / "files"
    base_image.ensure_debian(docker)
    with tempfile.TemporaryDirectory() as folder:
        _build(docker, image, programs, kind_files, Path(folder))
    archives.keep(docker, image)
    return image


def component_tags(listed: str, containerd_configuration: str) -> dict[str, list[str]]:
    """Return the image names that a node must hold, by component.

    `listed` is what `kubeadm config images list` prints. containerd's configuration may name
    another tag for the sandbox image than kubeadm does, so that one is added.
    """
    tags: dict[str, list[str]] = {}
    for image in listed.split():
        tags.setdefault(_component(image), []).append(image)
    sandbox = re.search(r'sandbox_image = "([^"]+)"', containerd_configuration)
    if sandbox is None:
        raise ClusterError("the containerd configuration of kind names no sandbox image")
    if sandbox.group(1) not in tags.setdefault("pause", []):
        tags["pause"].append(sandbox.group(1))
    return tags


def _component(image: str) -> str:
    return image.rsplit("/", 1)[1].split(":", maxsplit=1)[0]


def _build(docker: Docker, image: str, programs: dict[str, Path], kind_files: Path, folder: Path) -> None:
    recipe = pins.NODE_FOLDER
    base, small, network = (f"tsn-node-{part}:{pins.node_key()}" for part in ("base", "small", "network"))
    with step("build the node base image"):
        context = _context(folder / "base", [recipe / "crictl", recipe / "base-setup.sh"])
        shutil.copytree(kind_files, context / "kind-files", copy_function=_copy_writable)
        for made in [context / "kind-files", *(context / "kind-files").rglob("*")]:
            made.chmod(0o755 if made.is_dir() else 0o644)  # Go's module cache is read-only, images are not
        base_image.build(docker, recipe / "base.Dockerfile", context, base, {"BASE": base_image.DEBIAN_IMAGE})
    with step("build the images of the control plane"):
        context = _context(folder / "small", [recipe / "collect.sh"])
        base_image.build(docker, recipe / "small.Dockerfile", context, small, {"NODE_BASE": base})
        context = _context(folder / "network", [recipe / "pod-network"])
        base_image.build(docker, recipe / "agent.Dockerfile", context, network, {"SMALL": small})
        listed = run(
            [str(programs["kubeadm"]), "config", "images", "list", "--kubernetes-version", pins.kubernetes_version()],
            timeout_seconds=60,
        )
        tags = component_tags(listed.output, (kind_files / "etc/containerd/config.toml").read_text())
        for component, images in tags.items():
            context = _context(folder / component, [programs[component]])
            dockerfile = "program.Dockerfile" if component in ("coredns", "pause") else "component.Dockerfile"
            arguments = {"BINARY": component} | ({"FROM": small} if component == "kube-proxy" else {})
            base_image.build(docker, recipe / dockerfile, context, images[0], arguments)
            for other in images[1:]:
                docker.run("tag", images[0], other)
    with step("build the node image"):
        context = _context(folder / "node", [programs[part] for part in ("kubeadm", "kubelet", "kubectl")])
        (context / "version").write_text(pins.kubernetes_version())
        shutil.copy(recipe / "default-storage.yaml", context)
        # The agent's image must have a name with a host part: without one containerd's and kubelet's names differ.
        agent = f"tsn.local/pod-network:{pins.node_key()}"
        docker.run("tag", network, agent)
        manifest = (recipe / "default-cni.yaml").read_text().replace("POD_NETWORK_IMAGE", agent)
        (context / "default-cni.yaml").write_text(manifest)
        stage = f"tsn-node-stage:{pins.node_key()}"
        base_image.build(docker, recipe / "node.Dockerfile", context, stage, {"NODE_BASE": base})
        preloaded = [agent, *(tag for images in tags.values() for tag in images)]
        _preload(docker, stage, image, preloaded, folder / "preload.tar")
    docker.run("image", "rm", "--force", stage, base, small, network, *preloaded, check=False)


def _preload(docker: Docker, stage: str, image: str, preloaded: list[str], archive: Path) -> None:
    """Import the images into the containerd of a container, and commit the container."""
    docker.run("save", "--output", str(archive), *preloaded, timeout_seconds=_IMPORT_SECONDS)
    started = docker.run("run", "--detach", "--network", "none", "--entrypoint", "sleep", stage, "3600")
    container = started.output.strip()
    try:
        docker.run("exec", "--detach", container, "containerd")
        _until(docker, container, "ctr version >/dev/null 2>&1")
        with archive.open("rb") as content:
            command = ["exec", "--interactive", container, "ctr", "--namespace", "k8s.io", "images", "import"]
            run(
                # Not unpacked: overlay cannot stand on overlay here, each node unpacks what it uses.
                [docker.client(), *command, "--no-unpack", "--all-platforms", "-"],
                environment=docker.environment(),
                source=content,
                timeout_seconds=_IMPORT_SECONDS,
            )
        # Pinned images are never garbage collected: they could not be pulled again.
        pin = "ctr -n k8s.io images ls -q | while read -r i; do ctr -n k8s.io images label $i io.cri-containerd.pinned=pinned; done"
        docker.run("exec", container, "sh", "-c", pin, timeout_seconds=120)
        docker.run("exec", container, "pkill", "-x", "containerd")
        _until(docker, container, "! pgrep -x containerd >/dev/null")
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        docker.run(
            "commit", "--change", entrypoint, "--change", "CMD []", container, image, timeout_seconds=_IMPORT_SECONDS
        )
    finally:
        docker.run("rm", "--force", "--volumes", container, check=False)


def _until(docker: Docker, container: str, condition: str) -> None:
    limit = time.monotonic() + 60
    while docker.run("exec", container, "sh", "-c", condition, check=False).code != 0:
        if time.monotonic() > limit:
            raise ClusterError(f"the container that imports images did not get to: {condition}")
        time.sleep(0.3)


def _context(folder: Path, files: Iterable[Path]) -> Path:
    """Return a new build context that holds exactly these files."""
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder / file.name)
    return folder


def _copy_writable(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)  # noqa: PTH101 - copytree hands over strings
    return target
