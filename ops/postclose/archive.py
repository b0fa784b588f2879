"""The sealed folder of a day: `ARCHIVE/<session>/<date>/`, made aside and renamed when it is whole, never written again.

`SHA256SUMS` is what `sha256sum -c` reads; `records.tar.gz` has fixed times and owners, so that equal contents are equal bytes.
"""

import datetime as dt
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from ops.postclose.snapshot import Contents, SnapshotError, prove

RECORDS: Final = "records.tar.gz"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
SNAPSHOT: Final = "snapshot.db"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class ArchiveDamagedError(Exception):
    """What is there is not what was sealed."""


def folder_of(root: Path, session: str, date: str) -> Path:
    """Where a day lies."""
    return root / session / date


def seal(target: Path, beside: dict[str, bytes], records: dict[str, Path]) -> None:
    """Write a day's folder as one step: whoever looks sees all of it or nothing.

    Raises:
        FileExistsError: the day was sealed meanwhile.
        OSError: the volume does not take it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        _pack(aside / RECORDS, records)
        for name, content in beside.items():
            (aside / name).write_bytes(content)
        sums = "".join(f"{sha256_of(each)}  {each.name}\n" for each in sorted(aside.iterdir()))
        (aside / SUMS).write_text(sums, encoding="utf-8")
        for each in aside.iterdir():
            _to_disk(each)
        aside.chmod(0o755)
        if target.exists():
            raise FileExistsError(f"{target} was sealed meanwhile")
        aside.rename(target)
        _to_disk(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def verify(folder: Path) -> dict[str, Any]:
    """Check every sum, and that the snapshot restores to what its manifest says; the manifest.

    Raises:
        ArchiveDamagedError: something is missing, was changed, or does not restore.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        present = {each.name for each in folder.iterdir()} - {SUMS}
        if present != set(sums):
            raise ArchiveDamagedError(f"files differ from {SUMS}: {', '.join(sorted(present ^ set(sums)))}")
        for name, expected in sums.items():
            if sha256_of(folder / name) != expected:
                raise ArchiveDamagedError(f"{name} is not what was sealed: its SHA-256 differs")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory(prefix="postclose-") as scratch:
            _unpack(folder / RECORDS, SNAPSHOT, Path(scratch) / SNAPSHOT)
            kept = manifest["snapshot"]
            prove(Path(scratch) / SNAPSHOT, Contents(kept["rows"], kept["digests"]), Path(scratch) / "restored.db")
    except (OSError, ValueError, KeyError, tarfile.TarError, SnapshotError) as error:
        raise ArchiveDamagedError(str(error) or type(error).__name__) from error
    return manifest


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(folder: Path) -> int:
    """Bytes of all its files."""
    return sum(each.stat().st_size for each in folder.iterdir())


def sealed_days(root: Path, session: str) -> list[Path]:
    """The folders of a session, oldest first."""
    if not (root / session).is_dir():
        return []
    return sorted(each for each in (root / session).iterdir() if (each / SUMS).is_file())


def remove_before(root: Path, session: str, date: str, keep_days: int) -> list[str]:
    """Remove the sealed days of a session that lie more than so many calendar days before that date; their names.

    Nothing else is touched: what is not a sealed folder named by a date was not put there by us.
    """
    first_kept = (dt.date.fromisoformat(date) - dt.timedelta(keep_days)).isoformat()
    gone = [each for each in sealed_days(root, session) if _DATE.fullmatch(each.name) and each.name < first_kept]
    for each in gone:
        # Whoever looks meanwhile sees a sealed day or none.
        aside = each.rename(each.with_name(f".{each.name}-removed"))
        shutil.rmtree(aside)
    return [each.name for each in gone]


def unpack_snapshot(folder: Path, target: Path) -> None:
    """The snapshot of a sealed day, for a restore."""
    _unpack(folder / RECORDS, SNAPSHOT, target)


def _pack(target: Path, records: dict[str, Path]) -> None:
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name in sorted(records):
            content = records[name].read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))


def _unpack(archive: Path, name: str, target: Path) -> None:
    with tarfile.open(archive, "r:gz") as tar:
        found = tar.extractfile(name)
        if found is None:
            raise KeyError(f"{name} is not in {archive.name}")
        with target.open("wb") as file:
            shutil.copyfileobj(found, file)


def _to_disk(path: Path) -> None:
    """What was written survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
