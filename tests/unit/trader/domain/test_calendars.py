"""The exchange's day."""

import datetime as dt
from collections.abc import Callable

import pytest

from trader.app.tables import calendar
from trader.domain.calendars import (
    DAY,
    MINUTE,
    AlwaysOpen,
    ExchangeCalendar,
    Hours,
    Phase,
    SpecialSession,
    date_of,
    midnight_of,
)
from trader.domain.values import MarketTime

# NSE circular FAOP71777, and 15 January, which was added three days before.
HOLIDAYS_OF_2026 = (
    *("2026-01-15", "2026-01-26", "2026-03-03", "2026-03-26", "2026-03-31", "2026-04-03", "2026-04-14", "2026-05-01"),
    *("2026-05-28", "2026-06-26", "2026-09-14", "2026-10-02", "2026-10-20", "2026-11-10", "2026-11-24", "2026-12-25"),
)
HOLIDAYS = frozenset({"2026-11-24", "2026-12-25"})


def at(text: str) -> MarketTime:
    """A moment in India."""
    moment = dt.datetime.fromisoformat(text)
    midnight = midnight_of(moment.date())
    return MarketTime(midnight + (moment.hour * 60 + moment.minute) * MINUTE + moment.second * MINUTE // 60)


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2026-11-23T09:14:59", Phase.BEFORE),
        ("2026-11-23T09:15:00", Phase.OPEN),
        ("2026-11-23T15:24:59", Phase.OPEN),
        ("2026-11-23T15:25:00", Phase.CLOSING),
        ("2026-11-23T15:39:59", Phase.CLOSING),
        ("2026-11-23T15:40:00", Phase.CLOSED),
        ("2026-11-22T11:00:00", Phase.CLOSED),
        ("2026-11-24T11:00:00", Phase.CLOSED),
        ("2026-07-31T15:29:59", Phase.CLOSING),
        ("2026-07-31T15:30:00", Phase.CLOSED),
    ],
)
def test_nfo_follows_the_circulars(moment: str, phase: Phase) -> None:
    """9:15 to 15:40 (to 15:30 before August 2026), weekdays, less holidays; square-off 15 minutes before the end."""
    assert ExchangeCalendar(HOLIDAYS).session_at(at(moment)).phase is phase


NSE = (
    Hours("2000-01-01", 9 * 60 + 15, 15 * 60 + 30, pre_open=9 * 60),
    Hours("2026-08-03", 9 * 60 + 15, 15 * 60 + 15, pre_open=9 * 60, auction_until=15 * 60 + 35),
)
MUHURAT = (SpecialSession("2026-11-08", 18 * 60, 19 * 60), SpecialSession("2026-12-25", 10 * 60, 12 * 60))


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2026-11-23T08:59:59", Phase.BEFORE),
        ("2026-11-23T09:00:00", Phase.PRE_OPEN),
        ("2026-11-23T09:15:00", Phase.OPEN),
        ("2026-11-23T15:00:00", Phase.CLOSING),
        ("2026-11-23T15:15:00", Phase.AUCTION),
        ("2026-11-23T15:34:59", Phase.AUCTION),
        ("2026-11-23T15:35:00", Phase.CLOSED),
        ("2026-07-31T15:16:00", Phase.CLOSING),
        ("2026-07-31T15:30:00", Phase.CLOSED),
    ],
)
def test_cash_has_a_pre_open_and_since_august_an_auction(moment: str, phase: Phase) -> None:
    """Neither is continuous trading: nothing of ours is sent there, and positions are closed before."""
    session = ExchangeCalendar(HOLIDAYS, hours=NSE).session_at(at(moment))
    assert session.phase is phase
    assert phase.is_continuous is (phase in (Phase.OPEN, Phase.CLOSING))
    assert session.end <= at(moment[:11] + "15:30:00")


def test_a_special_session_opens_a_sunday_and_a_holiday() -> None:
    """Muhurat has its own hour, squared off a quarter of it before its end; the rest of the day is closed."""
    days = ExchangeCalendar(HOLIDAYS, specials=MUHURAT)
    phases = {hour: days.session_at(at(f"2026-11-08T{hour}:00")).phase for hour in ("17:59", "18:00", "18:45", "19:00")}
    assert phases == {"17:59": Phase.BEFORE, "18:00": Phase.OPEN, "18:45": Phase.CLOSING, "19:00": Phase.CLOSED}
    assert days.session_at(at("2026-12-25T11:00:00")).phase is Phase.OPEN
    assert days.session_at(at("2026-11-15T18:30:00")).phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("exchange", "moment", "phase"),
    [
        ("NFO", "2026-11-23T15:39:00", Phase.CLOSING),
        ("NSE", "2026-11-23T15:20:00", Phase.AUCTION),
        ("NSE", "2026-11-23T09:10:00", Phase.PRE_OPEN),
        ("NFO", "2026-11-08T18:30:00", Phase.CLOSED),
        *[(each, f"{day}T11:00:00", Phase.CLOSED) for each in ("NFO", "NSE") for day in HOLIDAYS_OF_2026],
    ],
)
def test_the_tables_that_come_along_say_what_the_circulars_say(exchange: str, moment: str, phase: Phase) -> None:
    """Hours since August 2026, the fifteen holidays of 2026 and the one that was added; Muhurat stays closed until entered."""
    assert calendar(exchange).session_at(at(moment)).phase is phase


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: Hours("2026-01-01", 600, 600),
        lambda: Hours("2026-01-01", 600, 700, pre_open=610),
        lambda: Hours("2026-01-01", 600, 700, auction_until=690),
        lambda: Hours("1.1.2026", 600, 700),
        lambda: SpecialSession("2026-11-08", 1_140, 1_080),
        lambda: ExchangeCalendar(HOLIDAYS, hours=()),
    ],
)
def test_impossible_hours_are_refused(impossible: Callable[[], object]) -> None:
    """Where they are read, not on the day."""
    with pytest.raises(ValueError, match=r"must|Invalid isoformat"):
        impossible()


def test_a_session_is_valid_exactly_as_long_as_its_phase() -> None:
    """At each boundary, and nowhere else, the calendar says something new."""
    for days in (ExchangeCalendar(HOLIDAYS), ExchangeCalendar(HOLIDAYS, 10, NSE, MUHURAT), AlwaysOpen(30, 2)):
        moment = at("2026-11-20T00:00:00")
        for _ in range(400):
            session = days.session_at(moment)
            assert session.valid_from <= moment < session.valid_until
            assert days.session_at(MarketTime(session.valid_until - 1)) == session
            later = days.session_at(session.valid_until)
            assert (later.phase, later.start, later.trading_date) != (
                session.phase,
                session.start,
                session.trading_date,
            )
            moment = session.valid_until


def test_always_open_never_closes() -> None:
    """Sessions follow each other without a gap, and none ends the day."""
    endless = AlwaysOpen(30, 2)
    first = endless.session_at(at("2026-11-22T03:00:00"))
    assert (first.phase, first.ends_day, first.end - first.start) == (Phase.OPEN, False, 30 * MINUTE)
    assert endless.session_at(MarketTime(first.square_off)).phase is Phase.CLOSING
    assert endless.session_at(first.end).start == first.end


def test_dates_are_indian() -> None:
    """The date changes at midnight in India, half past six in the evening in UTC."""
    midnight = midnight_of(dt.date(2026, 11, 23))
    assert date_of(midnight) == dt.date(2026, 11, 23)
    assert date_of(MarketTime(midnight - 1)) == dt.date(2026, 11, 22)
    assert midnight_of(dt.date(2026, 11, 24)) - midnight == DAY
    assert midnight == int(dt.datetime(2026, 11, 22, 18, 30, tzinfo=dt.UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(("minutes", "lead"), [(1, 1), (30, 0), (30, 30), (1441, 2)])
def test_impossible_sessions_are_refused(minutes: int, lead: int) -> None:
    """A session must be long enough for its square-off."""
    with pytest.raises(ValueError, match="must be within"):
        AlwaysOpen(minutes, lead)


def test_impossible_holidays_are_refused() -> None:
    """A date that is none fails where it is read, not on the day."""
    with pytest.raises(ValueError, match="Invalid isoformat"):
        ExchangeCalendar(frozenset({"24.11.2026"}))
    with pytest.raises(ValueError, match="square_off_lead_minutes"):
        ExchangeCalendar(HOLIDAYS, 0)
