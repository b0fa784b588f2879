"""Which commit an image tells of, asked of a real repository."""

import subprocess
from pathlib import Path

import pytest

from ops.images.building import _revision
from ops.images.catalogue import IMAGES, Image, named
from ops.images.revisions import UNKNOWN, revision_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With one commit of two folders."""
    for folder in ("ours", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("A = 1\n")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(repository: Path, *arguments: str) -> str:
    """Ask git, as nobody in particular."""
    settings = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(repository), *settings, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repository: Path) -> str:
    """Commit what there is; the commit's name."""
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "x")
    return git(repository, "rev-parse", "HEAD")


def test_it_is_the_last_commit_that_changed_the_sources(repository: Path) -> None:
    """A change elsewhere makes no new image, and so no new name."""
    ours = [repository / "ours", repository / "ours" / "not-there.toml"]
    first = git(repository, "rev-parse", "HEAD")
    (repository / "other" / "a.py").write_text("A = 2\n")
    commit(repository)
    assert revision_of(ours, repository) == first
    (repository / "ours" / "a.py").write_text("A = 2\n")
    assert revision_of(ours, repository) == f"{first}-modified"
    second = commit(repository)
    assert revision_of(ours, repository) == second


@pytest.mark.parametrize("change", ["new", "gone"])
def test_what_is_not_committed_is_told(repository: Path, change: str) -> None:
    """A file that git does not know, and one that is missing, are no commit's."""
    first = git(repository, "rev-parse", "HEAD")
    if change == "new":
        (repository / "ours" / "b.py").touch()
    else:
        (repository / "ours" / "a.py").unlink()
    assert revision_of([repository / "ours"], repository) == f"{first}-modified"


def test_without_a_repository_nobody_knows(tmp_path: Path, repository: Path) -> None:
    """An archive of the sources builds all the same."""
    assert revision_of([Path("/")], Path("/")) == UNKNOWN
    assert revision_of([repository / "never-committed"], repository) == UNKNOWN


def test_the_commit_is_part_of_an_image_s_name() -> None:
    """An image that was built before its sources were committed tells of none: it must not stand for the later one."""
    trader = named("trader")
    names = {trader.reference("base", "x86_64", revision) for revision in ("", "a1", "a1-modified")}
    assert len(names) == 3


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.name))
def test_ours_tell_of_a_commit_and_label_it(image: Image) -> None:
    """By OCI's name for it; what Debian's packages make is not of our sources."""
    is_ours = image.distribution is not None
    labelled = 'org.opencontainers.image.revision="${REVISION}"' in image.dockerfile.read_text()
    assert (labelled, bool(_revision(image))) == (is_ours, is_ours)
