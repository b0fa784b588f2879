"""The exchange's day as the leader tells it, and how old something of another day is.

The operator has machine time only, and an exchange that is simulated has a time of its own: dates come from the leader's
market clock (docs/seams.md §5). While nobody leads, the day that was told last stands.
"""

from datetime import date, timedelta

from session_operator.domain.reports import TraderReport
from session_operator.model import Exchange, Spec
from session_operator.proofs import TradingDay

CLOSED = "CLOSED"
SATURDAY = 5


def told_day(previous: TradingDay | None, report: TraderReport | None) -> TradingDay | None:
    """The day by the leader's report; without one the day that stands.

    A day is one of the market as soon as any phase but CLOSED was seen on it: on a holiday none is.
    """
    if report is None or not report.trading_date:
        return previous
    same = previous if previous is not None and previous.date == report.trading_date else None
    is_shut = report.market_phase == CLOSED
    is_market_day = not is_shut or (same is not None and same.is_market_day)
    return TradingDay(
        date=report.trading_date,
        is_market_day=is_market_day,
        is_closed=is_shut and is_market_day,
    )


def is_readable(day: str) -> bool:
    """Whether it is a date; a trader of another version may say anything."""
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def trading_days_since(day: str, today: TradingDay, spec: Spec) -> int | None:
    """How many trading days have come after that one; None for a day that lies ahead, or is none.

    Weekdays in between count, holidays too, which the operator does not know: so nothing is ever believed for longer than its
    gate says. Today counts once there is trading on it, whatever weekday it is.
    """
    if not is_readable(day) or not is_readable(today.date) or day > today.date:
        return None
    if day == today.date:
        return 0
    first, last = date.fromisoformat(day) + timedelta(1), date.fromisoformat(today.date)
    between = (first + timedelta(number) for number in range((last - first).days))
    is_always_open = spec.calendar.exchange is Exchange.ALWAYS_OPEN
    return sum(is_always_open or each.weekday() < SATURDAY for each in between) + today.is_market_day
