"""One red line and nothing arms; a session that is LIVE bears a lost reply, and no more than that."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from trader.adapters.pod_images import PodImage, PodsAway
from trader.app import checks, day_checks, preflight
from trader.app.preflight import FAILURES_THAT_COUNT, Check, Finding, Line, ListedPreflight
from trader.app.profiles import InstrumentsAllowed
from trader.app.settings import Pod
from trader.app.tables import charge_table
from trader.domain.charges import ChargeTable

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
    freeze: Freeze = day_checks.freeze_finding
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
    assert day_checks.calendar_finding("NFO", day).passed is passed
    assert day_checks.calendar_finding("AlwaysOpen", day).passed


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


NIFTY_FUTURES = InstrumentsAllowed(underlyings=("NIFTY",), kinds=("FUT",))
EVERYTHING = InstrumentsAllowed(underlyings=("NIFTY", "SENSEX", "INFY"), kinds=("FUT", "CE", "EQ"))
TODAY = dt.date(2026, 11, 23)


def test_the_list_says_which_charges_count() -> None:
    """For each segment and exchange that the profile lets trade, the date of the row that holds today."""
    told = day_checks.charges_finding(charge_table(), EVERYTHING, TODAY, True)
    assert told.passed
    for words in ("equity intraday at BSE", "equity intraday at NSE", "futures at NSE since", "options at BSE since"):
        assert words in told.detail


def test_a_row_that_another_one_has_replaced_does_not_arm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process was started with the old table; its simulator has a table of its own and does not care."""
    used = charge_table()
    text = (Path("configs") / "charges.yaml").read_text()
    newer = text[text.index("  - effective") :].replace("effective: 2026-04-01", "effective: 2026-11-20")
    assert "2026-11-20" in newer
    (tmp_path / "charges.yaml").write_text(text + newer)
    monkeypatch.setenv("TRADER_TABLES", str(tmp_path))
    stale = day_checks.charges_finding(used, NIFTY_FUTURES, TODAY, True)
    assert not stale.passed
    assert "and one of 2026-11-20 is known: restart" in stale.detail
    assert day_checks.charges_finding(charge_table(), NIFTY_FUTURES, TODAY, True).passed
    assert day_checks.charges_finding(used, NIFTY_FUTURES, TODAY, False).passed
    before = day_checks.charges_finding(charge_table(), NIFTY_FUTURES, dt.date(2026, 11, 19), True)
    assert before.passed, "a row of tomorrow is not yet in force"


def test_a_day_before_every_row_has_no_charges() -> None:
    """Better no trade than one whose cost nobody knows."""
    told = day_checks.charges_finding(charge_table(), NIFTY_FUTURES, dt.date(2020, 1, 1), True)
    assert (told.passed, told.detail.startswith("no row for futures at NSE on 2020-01-01")) == (False, True)
    assert not day_checks.charges_finding(ChargeTable(), NIFTY_FUTURES, TODAY, True).passed


@dataclass
class Kubelet:
    """What the API server tells of the pods."""

    found: dict[str, PodImage]
    away: bool = False

    async def images(self) -> dict[str, PodImage]:
        if self.away:
            raise PodsAway("pod index-trader-0: 403 Forbidden")
        return self.found


ME = Pod(name="index-trader-0", uid="u0", namespace="desk", node="n")
OURS, THEIRS = PodImage("u0", "sha256:aaaaaaaaaaaaaaaaaaaa"), PodImage("u1", "sha256:bbbbbbbbbbbbbbbbbbbb")


@pytest.mark.parametrize(
    ("kubelet", "passed", "words"),
    [
        (None, True, "not in a cluster"),
        (Kubelet({"index-trader-0": OURS}), True, "sha256:aaaaaaaaaaaa on index-trader-0"),
        (
            Kubelet({"index-trader-0": OURS, "index-trader-1": replace(OURS, uid="u1")}),
            True,
            "sha256:aaaaaaaaaaaa on index-trader-0, index-trader-1",
        ),
        (Kubelet({"index-trader-0": OURS, "index-trader-1": PodImage("u1", "")}), True, "on index-trader-0"),
        (
            Kubelet({"index-trader-0": OURS, "index-trader-1": THEIRS}),
            False,
            "index-trader-0 runs sha256:aaaaaaaaaaaa; index-trader-1 runs sha256:bbbbbbbbbbbb",
        ),
        (Kubelet({"index-trader-0": PodImage("u0", "")}), False, "has not told the image"),
        (Kubelet({"index-trader-0": THEIRS}), False, "is another pod by now"),
        (Kubelet({}), False, "is another pod by now"),
        (Kubelet({}, away=True), False, "unknown: pod index-trader-0: 403 Forbidden"),
    ],
)
async def test_one_image_runs_the_session(kubelet: Kubelet | None, passed: bool, words: str) -> None:
    """By digest; what cannot be known does not arm, and a peer that has not started runs nothing yet."""
    told = await checks.image_finding(kubelet, ME)
    assert (told.passed, words in told.detail) == (passed, True), told.detail
