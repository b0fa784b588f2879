"""The simulated market begins just before a session, and never before it once stopped."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trader.app.simulation import LEAD_SECONDS, SESSION_MINUTES, Memory, first_moment, remember, remembered
from trader.domain.calendars import DAY, IST_OFFSET, MINUTE, AlwaysOpen
from trader.domain.values import SECOND, MarketTime

moments = st.integers(min_value=1_700_000_000, max_value=1_900_000_000).map(
    lambda seconds: MarketTime(seconds * SECOND)
)


@given(moments, st.none() | st.integers(min_value=-DAY, max_value=3 * DAY), st.sampled_from([1.0, 30.0, 60.0, 300.0]))
def test_a_run_begins_just_before_a_session(now: MarketTime, ago: int | None, speed: float) -> None:
    """After the lead a session starts, whole, and market time never runs backwards from run to run."""
    resume_after = None if ago is None else MarketTime(now + ago)
    begins = first_moment(now, resume_after, speed)
    opening = begins + int(LEAD_SECONDS * speed * SECOND)
    session = AlwaysOpen(session_minutes=SESSION_MINUTES).session_at(MarketTime(opening))
    assert session.start == opening
    assert session.end - session.start == SESSION_MINUTES * MINUTE
    assert resume_after is None or begins >= resume_after
    assert (begins + IST_OFFSET) // DAY >= (now + IST_OFFSET) // DAY


def test_memory_survives_and_a_torn_one_is_none(tmp_path: Path) -> None:
    """A crash in the middle of a write loses the memory, not the run."""
    file = tmp_path / "simulation.json"
    assert remembered(file) is None
    remember(file, Memory(MarketTime(5), ended_in_order=True))
    assert remembered(file) == Memory(MarketTime(5), ended_in_order=True)
    file.write_text('{"market_time_ns": ')
    assert remembered(file) is None
