"""One red line and nothing arms; a session that is LIVE bears a lost reply, and no more than that."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trader.app import checks, preflight
from trader.app.preflight import FAILURES_THAT_COUNT, Check, Finding, Line, ListedPreflight

GOOD = Finding(passed=True, detail="fine")


@dataclass
class World:
    """Findings by name, changed by a test."""

    found: dict[str, Finding] = field(default_factory=lambda: {"token": GOOD, "Redis": GOOD})
    asked: list[str] = field(default_factory=list)

    def check(self, name: str, *, arming_only: bool = False) -> Check:
        async def ask() -> Finding:
            self.asked.append(name)
            return self.found[name]

        return Check(name, ask, arming_only)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def listed(world: World) -> ListedPreflight:
    return ListedPreflight([world.check("token"), world.check("Redis", arming_only=True)])


@pytest.mark.parametrize("name", ["token", "Redis"])
async def test_one_red_line_does_not_arm(world: World, listed: ListedPreflight, name: str) -> None:
    """Whichever it is; the message names it, the list shows all."""
    world.found[name] = Finding(passed=False, detail="does not answer", is_certain=False)
    assert await listed.judge() == (False, f"{name}: does not answer")
    assert [line.passed for line in listed.lines] == [name != "token", name != "Redis"]


async def test_what_only_arms_is_not_asked_again_while_live(world: World, listed: ListedPreflight) -> None:
    """Redis may go away from a LIVE session; once it is not LIVE any more, it counts again."""
    assert await listed.judge() == (True, "")
    world.found["Redis"] = Finding(passed=False, detail="does not answer")
    assert await listed.judge() == (True, "")
    assert world.asked.count("Redis") == 1
    world.found["token"] = Finding(passed=False, detail="not accepted")
    assert await listed.judge() == (False, "token: not accepted")
    world.found["token"] = GOOD
    assert await listed.judge() == (False, "Redis: does not answer")


async def test_a_lost_reply_is_borne_three_in_a_row_are_not(world: World, listed: ListedPreflight) -> None:
    """But only by a session that had passed."""
    await listed.judge()
    world.found["token"] = Finding(passed=False, detail="no answer", is_certain=False)
    verdicts = [(await listed.judge())[0] for _ in range(FAILURES_THAT_COUNT)]
    assert verdicts == [True] * (FAILURES_THAT_COUNT - 1) + [False]
    assert listed.lines[0] == Line("token", passed=False, detail="no answer"), "the list shows it from the first one on"


async def test_a_check_that_hangs_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a deadline; the others are not kept."""
    monkeypatch.setattr(preflight, "CHECK_SECONDS", 0.05)

    async def hang() -> Finding:
        await asyncio.Event().wait()
        return GOOD

    listed = ListedPreflight([Check("database", hang)])
    assert await listed.judge() == (False, "database: no answer within 0.05 s")


Freeze = Callable[[dt.date, bool], Finding]


def test_a_freeze_table_older_than_the_day_denies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At Kite; a desk that has checked today's circulars says so in its own copy."""
    today = dt.date(2026, 11, 23)
    freeze: Freeze = checks._freeze
    stale = freeze(today, True)
    assert (stale.passed, stale.is_certain) == (False, True)
    assert "checked: 2026-11-23" in stale.detail
    assert freeze(today, False).passed
    (tmp_path / "freeze_quantities.yaml").write_text("checked: 2026-11-23\nrows: []\n")
    monkeypatch.setenv("TRADER_TABLES", str(tmp_path))
    assert freeze(today, True).passed


@pytest.mark.parametrize(("day", "passed"), [(dt.date(2026, 11, 23), True), (dt.date(2027, 1, 4), False)])
def test_a_year_without_holidays_is_unknown(day: dt.date, passed: bool) -> None:
    """Nobody trades into a year whose holidays the table does not have."""
    assert checks._calendar("NFO", day).passed is passed
    assert checks._calendar("AlwaysOpen", day).passed


def test_the_code_digest_names_what_runs() -> None:
    """The same for the same files, and not empty."""
    assert checks.code_digest() == checks.code_digest()
    assert len(checks.code_digest()) == 16


async def test_whom_to_tell_can_be_told_before_anything_arms(tmp_path: Path) -> None:
    """A session that names nobody trades unheard; one that names a Secret must be able to use it."""
    folder = tmp_path / "notifications"
    assert (await checks.notifications_finding(folder)).passed
    folder.mkdir()
    empty = await checks.notifications_finding(folder)
    assert (empty.passed, empty.detail) == (
        False,
        "the Secret of notifications.secretRef has no URL in its key urls",
    )
    (folder / "urls").write_text("pigeon://loft/hunter2\n")
    useless = await checks.notifications_finding(folder)
    assert (useless.passed, useless.detail) == (False, "cannot be used: pigeon")
    (folder / "urls").write_text("json://desk.example/hunter2\n")
    assert await checks.notifications_finding(folder) == Finding(passed=True, detail="1 to be told")
