"""A session to test with: the first half hour after nine on 23 November 2026."""

from tests.unit.trader.domain.world import MORNING
from trader.domain.calendars import AlwaysOpen

SESSION = AlwaysOpen(30, 2).session_at(MORNING)
