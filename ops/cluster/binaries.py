"""Builds the pinned Go programs into the cache, once per pin.

Each module folder under `go/` is a module of its own because the programs'
dependencies disagree. A binary is built aside and renamed into the folder of
its key, so an interrupted build leaves nothing that looks finished.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from ops.cluster import pins, places
from ops.cluster.console import Note, step
from ops.cluster.errors import ClusterError, MissingError
from ops.cluster.running import follow, run

# Four Kubernetes programs took five minutes on two cores; the limit leaves room for slow machines.
_BUILD_LIMIT_SECONDS = 45 * 60
_DOWNLOAD = re.compile(r"^go: downloading (\S+)")


def location(program: pins.Program) -> Path:
    """Return where the binary of a program is, or will be."""
    return places.cache() / "binaries" / f"{program.folder}-{pins.module_key(program.folder)}" / program.name


def ensure(programs: Iterable[pins.Program]) -> dict[str, Path]:
    """Build what is not in the cache yet; return the path of each program by its name."""
    wanted = list(programs)
    missing = [program for program in wanted if not location(program).is_file()]
    for folder, group in groupby(missing, key=lambda program: program.folder):
        _build(folder, list(group))
    return {program.name: location(program) for program in wanted}


def ensure_tools() -> Path:
    """Build kubectl, helm and kind, link them in the cache's bin folder, and return that folder."""
    folder = places.binaries()
    for name, path in ensure([pins.KIND, pins.KUBECTL, pins.HELM]).items():
        link = folder / name
        if not link.is_symlink() or link.readlink() != path:
            aside = folder / f".{name}.{os.getpid()}"
            aside.symlink_to(path)
            aside.replace(link)
    return folder


def module_folder(folder: str, module: str) -> Path:
    """Return where Go keeps the sources of a required module, fetched and verified if need be."""
    found = run(
        [_go(), "mod", "download", "-json", f"{module}@{_required(folder, module)}"],
        folder=pins.GO_FOLDER / folder,
        environment=_environment(),
        timeout_seconds=600,
    )
    match = re.search(r'"Dir": "([^"]+)"', found.output)
    if match is None:
        raise ClusterError(f"go tells no folder for the module {module}, was:\n{found.output}")
    return Path(match.group(1))


def _required(folder: str, module: str) -> str:
    return pins.module_version((pins.GO_FOLDER / folder / "go.mod").read_text(), module)


def _build(folder: str, programs: list[pins.Program]) -> None:
    names = ", ".join(program.name for program in programs)
    target = location(programs[0]).parent
    target.parent.mkdir(parents=True, exist_ok=True)
    with step(f"build {names} from Go modules") as note, tempfile.TemporaryDirectory(dir=target.parent) as aside:
        # -v prints each package once it is compiled; together with `go list` nothing else shows progress.
        command = [_go(), "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", pins.linker_flags(folder)]
        packages = [program.package if program.package != folder else "." for program in programs]
        follow(
            [*command, "-o", f"{aside}/", *packages],
            folder=pins.GO_FOLDER / folder,
            environment=_environment(),
            timeout_seconds=_BUILD_LIMIT_SECONDS,
            on_line=_counted(note),
        )
        target.mkdir(exist_ok=True)
        for program in programs:
            # Go names a binary after its package's folder, which etcd calls "server".
            built = Path(aside) / re.sub(r"/v\d+$", "", program.package).rsplit("/", 1)[-1]
            built.replace(target / program.name)


def _counted(note: Note) -> "Note":
    compiled = 0

    def on_line(line: str) -> None:
        nonlocal compiled
        fetched = _DOWNLOAD.match(line)
        compiled += fetched is None
        note(f"fetching {fetched.group(1)}" if fetched else f"{compiled} packages compiled, now {line}")

    return on_line


def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise MissingError(
            "Go is not installed; install a release of Go at least as new as the go.mod files under ops/cluster/go say"
        )
    return found


def _environment() -> dict[str, str]:
    # Static binaries: they run in images that hold nothing else, and need no C compiler.
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
