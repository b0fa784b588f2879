"""How an archive of Docker becomes one that a node's containerd can complete from what it holds."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.images.loading import Archive, full_name, opened

BASE, APPLICATION = b"the base layer", b"the application's layer"


def sha256(content: bytes) -> str:
    """Name a blob."""
    return hashlib.sha256(content).hexdigest()


def add(file: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    file.addfile(member, io.BytesIO(content))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Two images on one base, as `docker save` of the classic store writes them: the second links to the shared layer."""
    path = tmp_path / "saved.tar"
    layers = [BASE, APPLICATION]
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha256(layer)}" for layer in layers]}}).encode()
    base_only = json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha256(BASE)}"]}}).encode()
    with tarfile.open(path, "w") as file:
        add(file, "aaa/layer.tar", BASE)
        add(file, "bbb/layer.tar", APPLICATION)
        link = tarfile.TarInfo("ccc/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../aaa/layer.tar"
        file.addfile(link)
        add(file, "one.json", config)
        add(file, "two.json", base_only)
        images = [
            {"Config": "one.json", "RepoTags": ["tradeops/trader:1"], "Layers": ["aaa/layer.tar", "bbb/layer.tar"]},
            {"Config": "two.json", "RepoTags": ["redis:7"], "Layers": ["ccc/layer.tar"]},
        ]
        add(file, "manifest.json", json.dumps(images).encode())
    with tarfile.open(path) as file:
        yield opened(file, "hub.example")


def written(archive: Archive, target: Path, held: set[str]) -> dict[str, bytes]:
    """Write the archive for a node that holds some layers, and read it back."""
    archive.write(target, held)
    with tarfile.open(target) as file:
        return {member.name: content.read() for member in file if (content := file.extractfile(member)) is not None}


def test_every_blob_is_what_its_name_says(archive: Archive, tmp_path: Path) -> None:
    """A node checks each blob against its name; a manifest's parts are all there, with their sizes."""
    files = written(archive, tmp_path / "all.tar", set())
    blobs = {name.rpartition("/")[2]: content for name, content in files.items() if name.startswith("blobs/")}

    assert all(sha256(content) == name for name, content in blobs.items())
    for entry in json.loads(files["index.json"])["manifests"]:
        manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])
        for part in [manifest["config"], *manifest["layers"]]:
            assert part["size"] == len(blobs[part["digest"].removeprefix("sha256:")])


def test_images_keep_their_names(archive: Archive) -> None:
    """The kubelet finds an image under the name that the chart says, with the host that Docker leaves out."""
    entries = json.loads(archive.index)["manifests"]

    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries] == [
        "hub.example/tradeops/trader:1",
        "hub.example/library/redis:7",
    ]


def test_held_layers_are_not_sent(archive: Archive, tmp_path: Path) -> None:
    """A layer that the node holds is left out; everything that describes it is not."""
    files = written(archive, tmp_path / "thin.tar", {sha256(BASE), "of another image"})

    assert f"blobs/sha256/{sha256(BASE)}" not in files
    assert f"blobs/sha256/{sha256(APPLICATION)}" in files
    assert sum(name.startswith("blobs/") for name in files) == 1 + 2 + 2


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("redis:7", "hub.example/library/redis:7"),
        ("tradeops/trader:1", "hub.example/tradeops/trader:1"),
        ("localhost/trader:1", "localhost/trader:1"),
        ("registry.example:5000/trader:1", "registry.example:5000/trader:1"),
    ],
)
def test_full_names(name: str, full: str) -> None:
    """A first part with a dot or a port is a host."""
    assert full_name(name, "hub.example") == full
