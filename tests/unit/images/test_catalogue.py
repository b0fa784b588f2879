"""Which images there are, and how their names follow from what they are made from."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ops.cluster.pins import STOCK_PYTHON_IMAGE
from ops.images.catalogue import IMAGES, REPOSITORY, Image, named, source_files

CHART = REPOSITORY / "charts" / "trading-session-operator"
OURS = [image for image in IMAGES if image.distribution is not None]


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A distribution of one module, with its Dockerfile."""
    (tmp_path / "src" / "thing").mkdir(parents=True)
    (tmp_path / "src" / "thing" / "__init__.py").write_text("A = 1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements.lock").write_text("click==8.1\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return Image("thing", "tradeops/thing", tmp_path / "Dockerfile", tmp_path)


@pytest.mark.parametrize("changed", ["src/thing/__init__.py", "pyproject.toml", "requirements.lock", "Dockerfile"])
def test_each_input_gives_a_name_of_its_own(image: Image, changed: str) -> None:
    """A change of a source, of the lock, of the metadata or of the recipe gives another tag."""
    before = image.reference("base", "x86_64")
    path = image.dockerfile.parent / changed
    path.write_text(path.read_text() + "# changed\n")

    assert image.reference("base", "x86_64") != before


def test_base_and_machine_are_part_of_the_name(image: Image) -> None:
    """Images on another base or for another machine are other images."""
    names = {image.reference(base, machine) for base in ("a", "b") for machine in ("x86_64", "aarch64")}

    assert len(names) == 4


def test_what_tools_leave_behind_changes_nothing(image: Image) -> None:
    """Bytecode and caches of linters in the source tree are no inputs."""
    before = image.reference("base", "x86_64")
    for folder in ("__pycache__", ".mypy_cache"):
        (image.dockerfile.parent / "src" / "thing" / folder).mkdir()
        (image.dockerfile.parent / "src" / "thing" / folder / "x.pyc").write_bytes(b"\0")

    assert image.reference("base", "x86_64") == before


def test_a_renamed_file_is_a_change(image: Image) -> None:
    """The names of files count, not only their bytes."""
    before = image.reference("base", "x86_64")
    (image.dockerfile.parent / "src" / "thing" / "__init__.py").rename(
        image.dockerfile.parent / "src" / "thing" / "a.py"
    )

    assert image.reference("base", "x86_64") != before


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.name))
def test_every_input_is_there(image: Image) -> None:
    """No image is made from a file that the repository lacks."""
    assert all(path.is_file() for path in image.inputs())


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.name))
def test_chart_and_catalogue_name_the_same_images(image: Image) -> None:
    """The chart's default of each image is what the catalogue pulls or builds under that name."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())[image.name]["image"]
    expected = image.upstream or f"{image.repository}:"

    assert f"{values['repository']}:{values['tag']}" == expected


@pytest.mark.parametrize("image", OURS, ids=lambda image: str(image.name))
class TestOurDockerfiles:
    """What every Dockerfile of ours keeps to."""

    def test_base_is_a_build_argument_with_the_stock_default(self, image: Image) -> None:
        """Without a registry the base is replaced from outside; with one, nothing need be given."""
        assert f"ARG BASE={STOCK_PYTHON_IMAGE}" in image.dockerfile.read_text()

    def test_runs_as_a_numeric_user(self, image: Image) -> None:
        """A numeric user is what lets the kubelet prove that it is not root."""
        assert "USER 10001:10001" in image.dockerfile.read_text()

    def test_needs_no_network(self, image: Image) -> None:
        """Everything installed stands in the build context, by hash."""
        text = image.dockerfile.read_text()

        assert "--no-index" in text
        assert "--require-hashes" in text
        assert not any(word in text for word in ("apt-get", "curl", "wget", "http://", "https://"))

    def test_needs_no_buildkit(self, image: Image) -> None:
        """The classic builder of older daemons knows neither mounts nor modes of COPY."""
        text = image.dockerfile.read_text()

        assert not any(word in text for word in ("--mount", "--chmod", "--link", "<<"))


def test_nothing_imports_what_the_images_leave_out() -> None:
    """The Kubernetes client's asyncio twin is not in the trader's image, so that the trader may not import it."""
    left_out = "kubernetes.aio"
    guilty = []
    distribution = named("trader").distribution
    assert distribution is not None
    for path in source_files(distribution / "src"):
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            guilty += [str(path) for found in names if found == left_out or found.startswith(f"{left_out}.")]

    assert guilty == []


def test_the_lock_of_an_image_covers_what_stands_beside_its_distribution() -> None:
    """kitesim's wheel is installed without its requirements: the traders' lock must have each of them, in the same version."""

    def pinned(distribution: Path) -> set[str]:
        lines = (distribution / "requirements.lock").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line and not line.startswith(" ")}

    for image in OURS:
        assert image.distribution is not None
        for beside in image.beside:
            assert pinned(beside) - pinned(image.distribution) == set()


def test_what_an_image_carries_counts_for_its_name(image: Image, tmp_path: Path) -> None:
    """A drill that changed is another image."""
    (folder := tmp_path / "drills").mkdir()
    (file := folder / "drill.py").write_text("A = 1\n")
    carrying = replace(image, folders=(folder,))
    before = carrying.reference("base", "x86_64")
    file.write_text("A = 2\n")

    assert carrying.reference("base", "x86_64") != before


SOURCES = {".py", ".yaml", ".json", ".html", ".md", ".toml", ".lock", ".typed", ".mako", ".ini", ".csv", ".css", ".js"}


@pytest.mark.parametrize("image", OURS, ids=lambda image: image.name)
def test_nothing_but_sources_stands_in_an_image(image: Image) -> None:
    """A credential that lies about in a folder (`access_token`, `url`, `.env`, a key) has no such name, and would be found here."""
    assert image.distribution is not None
    roots = (image.distribution / "src", *(each / "src" for each in image.beside), *image.folders)
    strangers = [
        str(path.relative_to(REPOSITORY)) for root in roots for path in source_files(root) if path.suffix not in SOURCES
    ]
    assert strangers == []
