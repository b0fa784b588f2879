"""Clock, calendar, truth log, faults and configuration."""

import random
import re
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitesim.calendars import load_calendar
from kitesim.clocks import DAY, SECOND, MarketClock, at, day_of, iso, since_midnight, timestamp
from kitesim.config import SimulatorConfig, control_token, load
from kitesim.errors import ConfigInvalid
from kitesim.faults import Faults, FaultSpec
from kitesim.truth import TruthLog

MONDAY = date(2026, 11, 23)


def test_market_time_runs_at_its_speed() -> None:
    """Market time is scaled, continuous over a change of speed, stands at speed 0, and can be moved forward."""
    now = 0
    clock = MarketClock(1000, 10.0, lambda: now)
    now = 5
    assert clock.now_ns() == 1050
    clock.set_speed(0)
    now = 50
    assert clock.now_ns() == 1050
    clock.advance(7)
    clock.set_speed(1)
    now = 60
    assert clock.now_ns() == 1067


@given(day=st.dates(date(1990, 1, 1), date(2100, 1, 1)), moment=st.times())
def test_indian_time_there_and_back(day: date, moment: time) -> None:
    """A date and a time of day become nanoseconds and the same date and time again."""
    now = at(day, moment)
    assert day_of(now) == day
    assert since_midnight(now) == (now - at(day, time(0)))
    assert timestamp(now) == f"{day.isoformat()} {moment:%H:%M:%S}"
    assert iso(now) == f"{day.isoformat()}T{moment:%H:%M:%S}.{moment.microsecond:06d}+05:30"


def test_the_exchange_keeps_its_hours() -> None:
    """F&O trades to 15:40 and cash with derivatives to 15:15; holidays are closed; always-open never is."""
    nse, always = load_calendar("nse"), load_calendar("always-open")
    assert not nse.is_open("NSE-CAS", at(MONDAY, time(9, 14, 59)))
    assert nse.is_open("NSE-CAS", at(MONDAY, time(9, 15)))
    assert not nse.is_open("NSE-CAS", at(MONDAY, time(15, 15)))
    assert nse.is_open("NSE", at(MONDAY, time(15, 29, 59)))
    assert nse.is_open("NFO", at(MONDAY, time(15, 39, 59)))
    assert not nse.is_open("NFO", at(MONDAY, time(15, 40)))
    for closed in (date(2026, 11, 22), date(2026, 11, 24)):
        assert not nse.any_open(at(closed, time(11)))
        assert always.is_open("NFO", at(closed, time(3)))


@given(since=st.integers(0, 40), limit=st.integers(0, 12), written=st.integers(0, 30))
def test_the_log_pages_without_gap_or_repeat(since: int, limit: int, written: int) -> None:
    """Reading from one `next` to the next shows every entry once, in order."""
    log = TruthLog(lambda: 1, lambda: 2)
    assert [log.write("kind", number=number) for number in range(written)] == list(range(1, written + 1))
    entries, following = log.page(since, limit)
    assert len(entries) == max(min(limit, written - since), 0)
    assert following == since + len(entries)
    seen = [entry["sequence"] for entry in log.entries(since)]
    assert seen == list(range(since + 1, written + 1))


def test_the_log_forgets_the_oldest_only() -> None:
    """At least the newest entries of its capacity stay; sequence numbers go on."""
    log = TruthLog(lambda: 1, lambda: 2, capacity=100)
    for _ in range(1000):
        log.write("kind")
    kept = [entry["sequence"] for entry in log.entries()]
    assert len(kept) >= 100
    assert kept == list(range(1001 - len(kept), 1001))
    assert log.page(0, 1)[1] == kept[0]


def test_a_fault_strikes_where_and_as_often_as_it_says() -> None:
    """Point, route, user and tag must fit; the count ends it."""
    faults = Faults(random.Random(1))
    faults.add(FaultSpec(kind="drop-after", method="POST", path="/orders/.*", user_id="AB1234", tag="T1", count=2), 0)
    fits = {"method": "POST", "path": "/orders/regular", "tag": "T1"}
    assert faults.strike("before", 0, "AB1234", **fits) is None
    for other in ({"method": "GET"}, {"path": "/orders"}, {"tag": "T2"}):
        assert faults.strike("after", 0, "AB1234", **(fits | other)) is None
    assert faults.strike("after", 0, "CD5678", **fits) is None
    struck = [faults.strike("after", 0, "AB1234", **fits) is not None for _ in range(3)]
    assert struck == [True, True, False]
    assert faults.rows() == []


def test_a_fault_ends_by_itself_or_when_told() -> None:
    """A window of machine time closes; a removed fault strikes no more; a broken pattern is an error."""
    faults = Faults(random.Random(1))
    faults.add(FaultSpec(kind="rate-limit", for_seconds=1), now_ns=0)
    assert faults.strike("before", SECOND - 1, "AB1234") is not None
    assert faults.strike("before", SECOND, "AB1234") is None
    fault = faults.add(FaultSpec(kind="rate-limit"), 0)
    assert faults.remove(fault.fault_id)
    assert not faults.remove(fault.fault_id)
    with pytest.raises(re.error):
        faults.add(FaultSpec(kind="delay", path="("), 0)


def test_a_fault_strikes_with_its_probability() -> None:
    """A third of the chances is about a third of the strikes, and the seed decides which."""

    def strikes() -> list[bool]:
        faults = Faults(random.Random(1))
        faults.add(FaultSpec(kind="rate-limit", probability=0.3), 0)
        return [faults.strike("before", 0, "AB1234") is not None for _ in range(1000)]

    assert 250 < sum(strikes()) < 350
    assert strikes() == strikes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spede: 2", ("spede", "no such field")),
        ("speed: fast", ("speed", "'fast'", "number")),
        ("latencies: {exchange_ms: -1}", ("latencies.exchange_ms", "-1", "greater than or equal to 0")),
        ("market: bse", ("market", "'bse'", "'always-open' or 'nse'")),
        ("date: tomorrow", ("date", "'tomorrow'")),
        ("users: [{user_id: 'A B'}]", ("users.0.user_id", "'A B'")),
        ("- a list", ("mapping",)),
        ("{", ("YAML",)),
    ],
)
def test_a_bad_configuration_is_explained(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    """The message names the field, the value and what would be right, on one line."""
    file = tmp_path / "kitesim.yaml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as refusal:
        load(file)
    assert "\n" not in str(refusal.value)
    for word in words:
        assert word in str(refusal.value)


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """What is given on the command line is laid over the file; what is not given is not."""
    file = tmp_path / "kitesim.yaml"
    file.write_text("seed: 5\nspeed: 2\n")
    assert load(file, seed=9, speed=None) == SimulatorConfig(seed=9, speed=2)


def test_the_control_token_comes_from_its_file(tmp_path: Path) -> None:
    """The first line without blanks; a missing or empty file is refused."""
    file = tmp_path / "token"
    with pytest.raises(ConfigInvalid, match="control_token_file"):
        control_token(load(None, control_token_file=file))
    file.write_text("\n")
    with pytest.raises(ConfigInvalid, match="empty"):
        control_token(load(None, control_token_file=file))
    file.write_text("secret\n")
    assert control_token(load(None, control_token_file=file)) == "secret"


def test_a_broken_calendar_is_refused(tmp_path: Path) -> None:
    """The message names the field and the file."""
    file = tmp_path / "calendar.yaml"
    file.write_text("holidays: [someday]")
    with pytest.raises(ConfigInvalid, match="calendar_file"):
        load_calendar("nse", file)
    assert DAY == 86_400 * SECOND
