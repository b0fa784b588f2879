"""The exchange's day."""

import datetime as dt

import pytest

from trader.domain.calendars import DAY, MINUTE, AlwaysOpen, NfoCalendar, Phase, date_of, midnight_of
from trader.domain.values import MarketTime

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
    assert NfoCalendar(HOLIDAYS).session_at(at(moment)).phase is phase


def test_a_session_is_valid_exactly_as_long_as_its_phase() -> None:
    """At each boundary, and nowhere else, the calendar says something new."""
    for calendar in (NfoCalendar(HOLIDAYS), AlwaysOpen(30, 2), AlwaysOpen(45, 5)):
        moment = at("2026-11-20T00:00:00")
        for _ in range(400):
            session = calendar.session_at(moment)
            assert session.valid_from <= moment < session.valid_until
            assert calendar.session_at(MarketTime(session.valid_until - 1)) == session
            later = calendar.session_at(session.valid_until)
            assert (later.phase, later.start, later.trading_date) != (
                session.phase,
                session.start,
                session.trading_date,
            )
            moment = session.valid_until


def test_always_open_never_closes() -> None:
    """Sessions follow each other without a gap, and none ends the day."""
    calendar = AlwaysOpen(30, 2)
    first = calendar.session_at(at("2026-11-22T03:00:00"))
    assert (first.phase, first.ends_day, first.end - first.start) == (Phase.OPEN, False, 30 * MINUTE)
    assert calendar.session_at(MarketTime(first.square_off)).phase is Phase.CLOSING
    assert calendar.session_at(first.end).start == first.end


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
        NfoCalendar(frozenset({"24.11.2026"}))
    with pytest.raises(ValueError, match="square_off_lead_minutes"):
        NfoCalendar(HOLIDAYS, 0)
