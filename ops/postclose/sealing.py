"""Seals one day: takes the snapshot and proves it, reads what is to be read, writes the report, and closes the folder."""

import contextlib
import datetime as dt
import hashlib
import json
import tempfile
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ops.postclose import archive, day, report, snapshot
from ops.postclose.gathering import Gathered, gather
from ops.postclose.redacting import known_secrets
from ops.postclose.snapshot import Contents, SnapshotError
from trader.adapters.kite.credentials import CredentialsMissing, read_credential
from trader.app.paper import paper_account

SCHEMA: Final = "tradeops.dev/post-close/v1"
ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is told."""

    session: str
    account: str
    config_hash: str
    date: str
    database_url: str
    root: Path
    files: tuple[Path, ...]
    """Session and profile: kept as they are."""
    logs: tuple[Path, ...]
    metrics: tuple[str, ...]
    drills: tuple[Path, ...]
    images: tuple[str, ...]
    git_sha: str
    credentials: Path
    notifications: Path = Path("/nonexistent")
    """Whom to tell; read here for what must not be archived."""
    keep_days: int = 0
    """Sealed days that lie further back than this are removed once the day is sealed; 0 keeps all."""
    is_lasting: bool = False
    """Whether the archive outlives this run: only then may the traders forget what it holds."""

    @property
    def accounts(self) -> tuple[str, str]:
        """The names that journals of this account have: its own, and the one that it trades on paper under."""
        return self.account, paper_account(self.account)


class SnapshotMismatchError(Exception):
    """The snapshot does not come back as it was read."""


def seal_day(wanted: Wanted) -> dict[str, Any]:
    """Seal the day or verify it; what the result says of it.

    Raises:
        ArchiveDamagedError: it was sealed, and is damaged.
        SnapshotMismatchError: the snapshot does not restore to what was read; nothing was sealed.
        NotRunError, SnapshotError, OSError: it could not be done; a later try may.
    """
    target = archive.folder_of(wanted.root, wanted.session, wanted.date)
    if target.exists():
        return _finished(wanted, target, "Verified")
    with tempfile.TemporaryDirectory(prefix="postclose-") as made:
        scratch = Path(made)
        taken = _snapshot(wanted, scratch)
        (beside_it := scratch / "gathered").mkdir()
        gathered = gather(
            beside_it,
            logs=wanted.logs,
            metrics=wanted.metrics,
            drills=wanted.drills,
            secrets=known_secrets(wanted.credentials, wanted.database_url, wanted.notifications),
        )
        figures = replace(_figures(wanted, scratch / archive.SNAPSHOT), denials=day.denials(gathered.pages))
        records = {archive.SNAPSHOT: scratch / archive.SNAPSHOT}
        records |= {f"config/{each.name}": each for each in wanted.files} | gathered.records
        made_with = report.Provenance(
            session=wanted.session,
            account=wanted.account,
            config_hash=wanted.config_hash,
            git_sha=wanted.git_sha,
            images=wanted.images,
            token=_token(wanted),
            snapshot_rows=taken.total,
            logs=len(gathered.logs),
            logs_missing=gathered.logs_missing,
            redactions=gathered.redactions,
            drills=gathered.drills,
            metrics=gathered.metrics_missing,
        )
        manifest = _manifest(wanted, taken, figures, made_with) | _kept(gathered)
        beside = {
            archive.MANIFEST: json.dumps(manifest, indent=2).encode() + b"\n",
            "report.html": report.as_html(figures, made_with).encode(),
            "report.txt": report.as_text(figures, made_with).encode(),
        }
        with contextlib.suppress(FileExistsError):  # another run was quicker: then its work is what counts
            archive.seal(target, beside, records)
    return _finished(wanted, target, "Archived")


def _finished(wanted: Wanted, target: Path, word: str) -> dict[str, Any]:
    """Verify what lies there, and only then let go of what is older than is to be kept."""
    manifest = archive.verify(target)
    found = _result(target, manifest, word)
    if wanted.is_lasting and (taken_at := manifest.get("takenAt")):
        moment = dt.datetime.fromisoformat(taken_at)
        snapshot.note_sealed(wanted.database_url, wanted.accounts, wanted.date, moment, found["sha256"])
    if wanted.keep_days:
        found["removed"] = archive.remove_before(wanted.root, wanted.session, wanted.date, wanted.keep_days)
    return found


def _snapshot(wanted: Wanted, scratch: Path) -> Contents:
    """Take it, with patience, and prove it."""
    file = scratch / archive.SNAPSHOT
    for attempt in range(1, ATTEMPTS + 1):
        try:
            taken = snapshot.take(wanted.database_url, wanted.accounts, file)
            break
        except SnapshotError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(attempt)  # a database that restarts is back in seconds
    try:
        snapshot.prove(file, taken, scratch / "restored.db")
    except SnapshotError as error:
        raise SnapshotMismatchError(str(error)) from error
    return taken


def _figures(wanted: Wanted, file: Path) -> day.Day:
    """Of the account; of its trading on paper on a day that had no other."""
    real, paper = (day.of_date(snapshot.facts(file, account), wanted.date) for account in wanted.accounts)
    return replace(paper, is_on_paper=True) if paper.is_opened and not real.is_opened else real


def _manifest(wanted: Wanted, taken: Contents, figures: day.Day, made: report.Provenance) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "session": wanted.session,
        "account": wanted.account,
        "date": wanted.date,
        "configHash": wanted.config_hash,
        "files": {each.name: archive.sha256_of(each) for each in wanted.files},
        "gitSha": wanted.git_sha,
        "images": list(wanted.images),
        "trader": version("trading-session-trader"),
        "takenAt": taken.taken_at.isoformat() if taken.taken_at is not None else None,
        "snapshot": {"rows": taken.rows, "digests": taken.digests},
        "token": made.token,
        "tokenFingerprint": _fingerprint(wanted.credentials),
        "day": {
            "orders": figures.orders,
            "fills": figures.fills,
            "rejected": figures.rejected,
            "profitPaise": figures.profit,
            "chargesPaise": figures.charges,
            "denials": sum(figures.denials.values()),
            "leaderChanges": figures.leader_changes,
            "kills": len(figures.kills),
            "riskKills": figures.risk_kills,
            "incidents": len(figures.incidents),
            "unplanned": figures.unplanned,
            "openPositions": figures.open_positions,
            "onPaper": figures.is_on_paper,
        },
        "denials": dict(figures.denials),
    }


def _kept(gathered: Gathered) -> dict[str, Any]:
    return {
        "records": {name: archive.sha256_of(path) for name, path in sorted(gathered.records.items())},
        "logsMissing": list(gathered.logs_missing),
        "metricsMissing": gathered.metrics_missing,
        "redactions": gathered.redactions,
        "drills": list(gathered.drills),
    }


def _result(target: Path, manifest: dict[str, Any], word: str) -> dict[str, Any]:
    return {
        "result": word,
        "archive": f"{manifest['session']}/{manifest['date']}",
        "sha256": archive.sha256_of(target / archive.SUMS),
        "bytes": archive.size_of(target),
        "configHash": manifest["configHash"],
        "snapshot": {"rows": sum(manifest["snapshot"]["rows"].values()), "restored": True},
        "token": manifest["token"],
        "day": manifest["day"],
    }


def _token(wanted: Wanted) -> str:
    """Whether the broker's token is another one than on the day sealed before: Kite's end each morning at six."""
    fingerprint = _fingerprint(wanted.credentials)
    if not fingerprint:
        return "Own: the trader logs itself in"
    earlier = [each for each in archive.sealed_days(wanted.root, wanted.session) if each.name < wanted.date]
    if not earlier:
        return "First: no day was sealed before"
    before = json.loads((earlier[-1] / archive.MANIFEST).read_text(encoding="utf-8"))["tokenFingerprint"]
    return f"Rotated since {earlier[-1].name}" if before != fingerprint else f"NOT ROTATED since {earlier[-1].name}"


def _fingerprint(credentials: Path) -> str:
    """Enough of a hash to tell two tokens apart, too little to look one up."""
    try:
        return hashlib.sha256(read_credential(credentials / "access_token").encode()).hexdigest()[:12]
    except CredentialsMissing:
        return ""
