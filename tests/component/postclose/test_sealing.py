"""A day is sealed from a real database, proved by restoring it, and never touched again."""

import asyncio
import hashlib
import itertools
import json
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, insert, select, text

from ops.postclose.cli import main
from ops.postclose.snapshot import Contents, prove
from tests.component.trader.postgres_server import running_server
from tests.component.trader.test_desk_messages import webhook
from tests.unit.postclose.facts import DATE, INTENT, KILL, OPENED, RELEASED, won
from trader.adapters.sql.connecting import normalise
from trader.adapters.sql.migrating import upgrade
from trader.adapters.sql.tables import audit, journal, kills, leader_epoch, sealed_days
from trader.app.paper import paper_account
from trader.engine.records import encode

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]
ACCOUNT = "AB1234"


@pytest.fixture(scope="module")
def new_postgresql() -> Iterator[Callable[[], str]]:
    """Makes an empty PostgreSQL database; returns its URL."""
    numbers = itertools.count(1)
    with running_server() as address:

        def make() -> str:
            name = f"day{next(numbers)}"
            root = f"postgresql+psycopg://postgres@{address}/postgres"
            engine = create_engine(root, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            engine.dispose()
            return f"postgresql://postgres@{address}/{name}"

        yield make


def fill(url: str, accounts: tuple[str, ...] = (ACCOUNT, "ZZ9999")) -> None:
    """A day of two accounts: ours, and one that must not be in the archive."""
    upgrade(url)
    engine = create_engine(normalise(url))
    with engine.begin() as connection:
        for account in accounts:
            connection.execute(insert(leader_epoch).values(account=account, epoch=1, holder="pod_uid_nonce"))
            for batch, fact in enumerate([OPENED, *won(INTENT, 1), KILL, RELEASED], 1):
                kind, payload = encode(fact)
                row = {"account": account, "epoch": 1, "batch": batch, "position": 1, "kind": kind, "payload": payload}
                connection.execute(insert(journal).values(row))
            kill = {"kill_id": "kill-1a2b", "reason": "manual", "note": "ü", "engaged_by": "api", "market_time": 1}
            connection.execute(insert(kills).values(account=account, **kill))
            asked = {"who": "desk", "action": "kill", "outcome": "taken", "detail": "", "address": "", "pod": "p"}
            connection.execute(insert(audit).values(account=account, **asked))
    engine.dispose()


@dataclass
class Desk:
    """A desk that seals its days."""

    folder: Path
    url: str
    options: list[str] = field(default_factory=list)

    @property
    def day(self) -> Path:
        """The sealed day."""
        return self.folder / "archive" / "index-intraday" / DATE

    def run(self, *arguments: str, date: str = DATE) -> tuple[int, dict[str, Any], str]:
        """Exit code, result and what was said."""
        command = ["run", "--profile", "configs/paper.yaml", "--name", "index-intraday", "--account", ACCOUNT]
        command += ["--date", date, "--archive", str(self.folder / "archive"), "--database", self.url]
        command += ["--credentials", str(self.folder / "credentials"), *self.options, *arguments]
        code, out, said = ask(*command)
        return code, json.loads(out), said


def ask(*command: str) -> tuple[int, str, str]:
    """Run a command in this process: loading its libraries anew each time would take longer than the work."""
    ran = CliRunner().invoke(main, command)
    return ran.exit_code, ran.stdout, ran.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """On SQLite, with a log and a token."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    fill(url)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "trader.log").write_text("a line\n")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "access_token").write_text("monday")
    return Desk(tmp_path, url, ["--logs", str(tmp_path / "logs")])


def test_a_day_of_postgresql_is_restored_into_another_postgresql(
    tmp_path: Path, new_postgresql: Callable[[], str]
) -> None:
    """Row by row the same; what follows goes on counting where the day stopped; a used target is refused."""
    desk = Desk(tmp_path, new_postgresql())
    fill(desk.url)
    code, result, said = desk.run()
    assert (code, result["result"], result["snapshot"]["restored"]) == (0, "Archived", True), said
    assert result["day"] == {
        "orders": 2,
        "fills": 2,
        "rejected": 0,
        "profitPaise": 1_290_000,
        "chargesPaise": 10_000,
        "denials": 0,
        "leaderChanges": 0,
        "kills": 1,
        "riskKills": 0,
        "incidents": 2,
        "unplanned": 0,
        "openPositions": 0,
        "onPaper": False,
    }
    target = new_postgresql()
    assert ask("restore", str(desk.day), "--database", target)[0] == 0
    engine = create_engine(normalise(target))
    with engine.begin() as connection:
        assert set(connection.execute(select(journal.c.account)).scalars()) == {ACCOUNT}
        values = {"who": "x", "action": "kill", "outcome": "taken", "detail": "", "address": "", "pod": "p"}
        connection.execute(insert(audit).values(account=ACCOUNT, **values))  # its number is free
    engine.dispose()
    code, _, said = ask("restore", str(desk.day), "--database", target)
    assert (code, "is not empty" in said) == (2, True)


def test_a_second_run_verifies_and_changes_nothing(desk: Desk) -> None:
    """Idempotent by name: the same bytes at the same time, even when the database went on."""
    assert desk.run()[1]["result"] == "Archived"
    before = {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in desk.day.iterdir()}
    with sqlite3.connect(desk.folder / "journal.db") as connection:
        connection.execute("delete from journal")
    connection.close()
    code, result, _ = desk.run()
    assert (code, result["result"]) == (0, "Verified")
    assert {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in desk.day.iterdir()} == before


def test_everything_is_in_it_and_sha256sum_agrees(desk: Desk) -> None:
    """Snapshot, logs and configuration in the archive; report and manifest beside it."""
    desk.run("--image", "tradeops/trader@sha256:00", "--git-sha", "a1b2")
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=desk.day, check=True, capture_output=True)
    with tarfile.open(desk.day / "records.tar.gz") as tar:
        assert tar.getnames() == ["config/paper.yaml", "logs/01-trader.log", "snapshot.db"]
    manifest = json.loads((desk.day / "manifest.json").read_text())
    assert (manifest["gitSha"], manifest["images"]) == ("a1b2", ["tradeops/trader@sha256:00"])
    assert "monday" not in (desk.day / "manifest.json").read_text()
    assert "+₹12,900.00" in (desk.day / "report.txt").read_text()


def test_what_the_operator_hands_over_is_in_it(desk: Desk) -> None:
    """Verdicts as its Job's file has them, and what of the pods' logs is missing: in archive, manifest and report."""
    (desk.folder / "logs" / "missing.txt").write_text('trader-1: 404 pods "trader-1" not found\n')
    shown = {"name": "dual-runner", "verdict": "Passed", "endedAt": "2026-11-23T03:00:00Z", "tradingDate": DATE}
    older = {
        "name": "exchange-band-jump",
        "verdict": "Failed",
        "tradingDate": "2026-11-20",
        "reason": "a stop was late",
    }
    (desk.folder / "drills.json").write_text(json.dumps([shown, shown | {"configHash": "5a"}, older]))
    desk.run("--drills", str(desk.folder / "drills.json"))
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=desk.day, check=True, capture_output=True)
    manifest = json.loads((desk.day / "manifest.json").read_text())
    assert [each["verdict"] for each in manifest["drills"]] == ["Passed", "Passed", "Failed"]
    assert manifest["logsMissing"] == ['trader-1: 404 pods "trader-1" not found']
    with tarfile.open(desk.day / "records.tar.gz") as tar:
        assert "drills/01-drills.json" in tar.getnames()
        for name, digest in manifest["records"].items():
            member = tar.extractfile(name)
            assert member is not None
            assert hashlib.sha256(member.read()).hexdigest() == digest, name
    report = (desk.day / "report.txt").read_text()
    assert "dual-runner passed (2 configurations), exchange-band-jump failed on 2026-11-20" in report
    assert '1 log file; missing: trader-1: 404 pods "trader-1" not found' in report


def test_a_secret_in_a_log_is_not_archived_and_is_told(desk: Desk) -> None:
    """The traders write none; whatever did, the archive does not keep it, and the desk hears that it must be rotated."""
    (desk.folder / "credentials" / "access_token").write_text("s3cr3t0123456789")
    (desk.folder / "logs" / "trader.log").write_text("a line\nTraceback: token s3cr3t0123456789 refused\n")
    desk.run()
    with tarfile.open(desk.day / "records.tar.gz") as tar:
        member = tar.extractfile("logs/01-trader.log")
        assert member is not None
        assert member.read() == b"a line\nTraceback: token [redacted] refused\n"
    assert json.loads((desk.day / "manifest.json").read_text())["redactions"] == 1
    assert "A SECRET STOOD IN THEM, 1 TIMES" in (desk.day / "report.txt").read_text()


@pytest.mark.parametrize("name", ["report.html", "records.tar.gz", "manifest.json", "SHA256SUMS"])
def test_what_was_changed_afterwards_is_noticed(desk: Desk, name: str) -> None:
    """Exit code 1, by name, from `run` and from `verify`; and it is not repaired in silence."""
    desk.run()
    file = desk.day / name
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    code, result, _ = desk.run()
    assert (code, result["result"], result["passed"]) == (1, "Failed", False)
    assert ask("verify", str(desk.day))[0] == 1


def test_a_database_that_is_away_is_tried_again_later(desk: Desk) -> None:
    """Exit code 2, nothing sealed, no password said; the next run seals the day."""
    url, desk.url = desk.url, "postgresql://trader:secret@127.0.0.1:1/trading"
    file = desk.folder / "termination"
    code, result, said = desk.run("--termination-log", str(file))
    assert (code, result["passed"], desk.day.exists()) == (2, False, False)
    assert "secret" not in said + json.dumps(result) + file.read_text()
    assert json.loads(file.read_text())["result"] == "Failed"
    desk.url = url
    assert desk.run()[0] == 0


def test_a_token_that_was_not_rotated_is_named(desk: Desk) -> None:
    """Kite's end every morning: the same one twice means that nobody logged in."""
    assert desk.run(date="2026-11-20")[1]["token"].startswith("First")
    assert desk.run()[1]["token"] == "NOT ROTATED since 2026-11-20"
    (desk.folder / "credentials" / "access_token").write_text("tuesday")
    assert desk.run(date="2026-11-24")[1]["token"] == f"Rotated since {DATE}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--date", "yesterday"], "yesterday"), (["--logs", "/nowhere"], "/nowhere does not exist")],
)
def test_bad_input_is_one_message_and_2(desk: Desk, arguments: list[str], message: str) -> None:
    """Nothing is sealed."""
    code, _, said = desk.run(*arguments)
    assert code == 2
    assert message in said
    assert "Traceback" not in said
    assert not desk.day.exists()


def test_days_that_are_older_than_is_kept_are_removed_once_the_day_is_sealed(desk: Desk) -> None:
    """By the calendar; what is no sealed day is not touched, and without a number nothing is."""
    sessions = desk.folder / "archive" / "index-intraday"
    for name in ("2026-10-23", "2026-10-24"):
        assert desk.run(date=name)[0] == 0
    (sessions / "2026-01-01").mkdir()  # not sealed by us
    code, result, _ = desk.run("--keep-days", "30", date="2026-11-23")
    assert (code, result["result"], result["removed"]) == (0, "Archived", ["2026-10-23"])
    assert sorted(each.name for each in sessions.iterdir()) == ["2026-01-01", "2026-10-24", "2026-11-23"]


def sealed(url: str) -> list[tuple[str, str]]:
    """What the traders may forget in time, by account and day."""
    engine = create_engine(normalise(url))
    with engine.connect() as connection:
        rows = connection.execute(select(sealed_days).order_by(sealed_days.c.account)).all()
    engine.dispose()
    return [(row.account, row.trading_date) for row in rows]


def test_traders_forget_only_for_an_archive_that_lasts(desk: Desk) -> None:
    """A note of the day, under both names of the account, once its archive is proved; a second run mends a note that failed."""
    assert desk.run()[0] == 0
    assert sealed(desk.url) == []
    for _ in range(2):
        assert desk.run("--lasting")[:1] == (0,)
        assert sealed(desk.url) == [(ACCOUNT, DATE), (paper_account(ACCOUNT), DATE)]


def test_a_damaged_archive_lets_nobody_forget(desk: Desk) -> None:
    """Nor one whose database does not take the note: that is tried again."""
    desk.run()
    (desk.day / "report.txt").write_text("nothing happened")
    assert desk.run("--lasting")[0] == 1
    assert sealed(desk.url) == []


def test_a_database_that_does_not_take_the_note_is_tried_again(desk: Desk) -> None:
    """The day is sealed and stays so; the exit code says that something is left to do."""
    with sqlite3.connect(desk.folder / "journal.db") as connection:
        connection.execute(
            "create trigger full before insert on sealed_days begin select raise(abort, 'disk is full'); end"
        )
    connection.close()
    code, result, _ = desk.run("--lasting")
    assert (code, result["reason"]) == (2, f"the database does not take the note that {DATE} is sealed: disk is full")
    with sqlite3.connect(desk.folder / "journal.db") as connection:
        connection.execute("drop trigger full")
    connection.close()
    assert desk.run("--lasting")[0] == 0
    assert len(sealed(desk.url)) == 2


def test_a_day_that_was_traded_on_paper_is_reported_as_such(desk: Desk) -> None:
    """Its journal stands under another name; a burn-in day has figures too."""
    url = f"sqlite:///{desk.folder / 'paper.db'}"
    fill(url, (paper_account(ACCOUNT),))
    desk.url = url
    code, result, said = desk.run()
    assert (code, result["day"]["onPaper"], result["day"]["orders"]) == (0, True, 2), said
    assert f"account {ACCOUNT}, on paper" in (desk.day / "report.txt").read_text()
    assert "on paper" in (desk.day / "report.html").read_text()


def test_an_archive_of_an_older_schema_is_still_whole(desk: Desk) -> None:
    """Its snapshot lacks a table that came later."""
    desk.run()
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        with tarfile.open(desk.day / "records.tar.gz") as tar:
            tar.extractall(scratch, filter="data")
        with sqlite3.connect(scratch / "snapshot.db") as connection:
            connection.execute("drop table sealed_days")
            connection.execute("update alembic_version set version_num = '0002'")
        connection.close()
        manifest = json.loads((desk.day / "manifest.json").read_text())
        kept = manifest["snapshot"]
        old = {name: {key: value for key, value in kept[name].items() if key != "sealed_days"} for name in kept}
        prove(scratch / "snapshot.db", Contents(old["rows"], old["digests"]), scratch / "restored.db")


async def test_the_report_goes_to_the_desk_once(desk: Desk) -> None:
    """The same page that lies in the archive, to everybody who is named; not again when the day is only verified."""
    async with webhook() as (port, received):
        folder = desk.folder / "notifications"
        folder.mkdir()
        (folder / "urls").write_text(f"json://127.0.0.1:{port}/hooks/secret-path\n")
        _, result, said = await asyncio.to_thread(desk.run, "--notifications", str(folder))
        again = (await asyncio.to_thread(desk.run, "--notifications", str(folder)))[1]
    (message,) = received
    assert message["title"] == f"index-intraday {DATE}: sealed"
    assert message["message"].strip() == (desk.day / "report.txt").read_text().strip()
    assert len(message["message"].splitlines()) < 60, "two minutes"
    assert (result["told"], "told" in again, "secret-path" in said + json.dumps(result)) == ("Told 1", False, False)


def test_a_desk_that_cannot_be_told_loses_no_archive(desk: Desk) -> None:
    """What came of it stands in the result; a damaged day is told of as well."""
    folder = desk.folder / "notifications"
    folder.mkdir()
    (folder / "urls").write_text("json://127.0.0.1:1/hooks/secret-path\n")
    code, result, _ = desk.run("--notifications", str(folder))
    assert (code, result["told"]) == (0, "Not told: not taken by: json")
    (desk.day / "report.txt").write_text("nothing happened")
    code, result, _ = desk.run("--notifications", str(folder))
    assert (code, result["told"]) == (1, "Not told: not taken by: json")
