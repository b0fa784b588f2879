"""Loads images into the nodes of the kind cluster, sending each node only the layers that it does not hold yet.

`kind load` sends whole images: 45 s for three nodes after a change of one line. A layer is named by its content, so what a
node's containerd holds need not be sent: the archive for a node is an OCI layout in which those layers are left out.
Where a node refuses such an archive, everything is sent by `python -m ops.cluster load-image`.
"""

import hashlib
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ops.cluster import kindcluster
from ops.cluster.console import say, step
from ops.cluster.docker import Docker
from ops.cluster.errors import CommandError
from ops.cluster.running import follow, run
from ops.images.catalogue import BUILD

_QUERY_SECONDS = 60
_COPY_SECONDS = 600
_CTR = ("ctr", "--namespace=k8s.io")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened `docker save` archive, as OCI sees it. Blobs are named by the sha256 of their bytes."""

    file: tarfile.TarFile
    index: bytes
    # Manifests and configurations: small, and always sent.
    documents: dict[str, bytes]
    # The member of the archive that holds a layer.
    layers: dict[str, tarfile.TarInfo]

    def write(self, target: Path, held: Iterable[str]) -> None:
        """Write an OCI layout without the layers that are held already."""
        with tarfile.open(target, "w") as out:
            _add(out, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            for digest, document in self.documents.items():
                _add(out, f"blobs/sha256/{digest}", document)
            for digest in self.layers.keys() - set(held):
                member = tarfile.TarInfo(f"blobs/sha256/{digest}")
                member.size = self.layers[digest].size
                out.addfile(member, self.file.extractfile(self.layers[digest]))
            _add(out, "index.json", self.index)


def load(references: Sequence[str]) -> None:
    """Load images into all nodes of the cluster. Raises ClusterError if there is none."""
    cluster = kindcluster.current()
    host = default_host(cluster.docker)
    names = {full_name(reference, host) for reference in references}
    nodes = [node for node in cluster.nodes if not names <= _names(cluster.docker, node)]
    if not nodes:
        say(f"all nodes hold the {len(references)} images")
        return
    try:
        with (
            step(f"load {len(references)} images into {', '.join(nodes)}"),
            tempfile.TemporaryDirectory(dir=BUILD) as folder,
        ):
            _load(cluster.docker, host, nodes, references, Path(folder))
    except CommandError as error:
        say(f"a node refused the images without the layers that it holds; sending all of them ({error})")
        command = [sys.executable, "-m", "ops.cluster", "load-image", *references]
        follow(command, timeout_seconds=_COPY_SECONDS, on_line=lambda _: None)


def opened(file: tarfile.TarFile, host: str) -> Archive:
    """Read a `docker save` archive, in the classic layout or in the one with blobs. `host` completes the images' names."""
    documents: dict[str, bytes] = {}
    layers: dict[str, tarfile.TarInfo] = {}
    entries = []
    for image in json.loads(_read(file, "manifest.json")):
        config = _read(file, image["Config"])
        names = [
            _blob_name(path, diff)
            for path, diff in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True)
        ]
        layers |= {name: _resolved(file, path) for name, path in zip(names, image["Layers"], strict=True)}
        described = [_described(file, name, layers[name]) for name in names]
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": f"sha256:{_sha256(config)}", "size": len(config)},
                "layers": described,
            }
        ).encode()
        documents |= {_sha256(config): config, _sha256(manifest): manifest}
        entries += [
            {
                "mediaType": _MANIFEST,
                "digest": f"sha256:{_sha256(manifest)}",
                "size": len(manifest),
                "annotations": {"io.containerd.image.name": full_name(tag, host)},
            }
            for tag in image["RepoTags"]
        ]
    return Archive(file, json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), documents, layers)


def full_name(reference: str, host: str) -> str:
    """Return an image's name as containerd keeps it, with the host that Docker leaves out."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"{host}/{reference}" if slash else f"{host}/library/{reference}"


def default_host(docker: Docker) -> str:
    """Return the host that Docker means where a name has none: that of its index."""
    address = docker.run("info", "--format", "{{.IndexServerAddress}}").output.strip()
    return (urlsplit(address).hostname or "").removeprefix("index.")


def _load(docker: Docker, host: str, nodes: Sequence[str], references: Sequence[str], folder: Path) -> None:
    saved = folder / "saved.tar"
    docker.run("save", "--output", str(saved), *references, timeout_seconds=_COPY_SECONDS)
    with tarfile.open(saved) as file:
        archive = opened(file, host)
        wanted = archive.layers.keys()
        # Nodes mostly hold the same, so that one archive serves them all.
        groups: dict[frozenset[str], list[str]] = {}
        for node in nodes:
            groups.setdefault(frozenset(_content(docker, node) & wanted), []).append(node)
        for number, (held, group) in enumerate(groups.items()):
            thin = folder / f"thin-{number}.tar"
            archive.write(thin, held)
            with ThreadPoolExecutor(max_workers=len(group)) as pool:
                list(pool.map(lambda node, path=thin: _import(docker, node, path), group))
            thin.unlink()


def _import(docker: Docker, node: str, archive: Path) -> None:
    with archive.open("rb") as source:
        command = [docker.client(), "exec", "--interactive", node, *_CTR, "images", "import", "--all-platforms", "-"]
        run(command, environment=docker.environment(), source=source, timeout_seconds=_COPY_SECONDS)


def _names(docker: Docker, node: str) -> set[str]:
    listed = docker.run("exec", node, *_CTR, "images", "list", "--quiet", timeout_seconds=_QUERY_SECONDS)
    return set(listed.output.split())


def _content(docker: Docker, node: str) -> set[str]:
    listed = docker.run("exec", node, *_CTR, "content", "list", "--quiet", timeout_seconds=_QUERY_SECONDS)
    return {line.removeprefix("sha256:") for line in listed.output.split()}


def _blob_name(path: str, diff: str) -> str:
    """Name a layer: by its path where the archive has blobs (they may be compressed), else by its plain content."""
    return path.rpartition("/")[2] if path.startswith("blobs/sha256/") else diff.removeprefix("sha256:")


def _described(file: tarfile.TarFile, name: str, member: tarfile.TarInfo) -> dict[str, object]:
    source = file.extractfile(member)
    assert source is not None
    compressed = source.read(2) == b"\x1f\x8b"
    return {"mediaType": f"{_LAYER}+gzip" if compressed else _LAYER, "digest": f"sha256:{name}", "size": member.size}


def _resolved(file: tarfile.TarFile, path: str) -> tarfile.TarInfo:
    """Find a layer's bytes: an archive of several images holds a shared layer once, and links to it."""
    member = file.getmember(path)
    if not member.issym():
        return member
    parts = [*path.split("/")[:-1], *member.linkname.split("/")]
    while ".." in parts:
        up = parts.index("..")
        del parts[up - 1 : up + 1]
    return file.getmember("/".join(parts))


def _read(file: tarfile.TarFile, name: str) -> bytes:
    source = file.extractfile(name)
    assert source is not None, f"{name} of a docker archive is no file"
    return source.read()


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    out.addfile(member, io.BytesIO(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
