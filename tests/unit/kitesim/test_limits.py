"""Requests are counted per calendar second, minute and day."""

import pytest

from kitesim.clocks import SECOND
from kitesim.config import Limits
from kitesim.errors import RateLimited
from kitesim.limits import RateLimiter, RequestClass


class Clock:
    """Machine time and market day, as a test wants them."""

    def __init__(self) -> None:
        self.now = 1_000_000 * 60 * SECOND
        self.day = 1

    def limiter(self, **limits: object) -> RateLimiter:
        return RateLimiter(Limits.model_validate(limits), lambda: self.now, lambda: self.day)


def admitted(limiter: RateLimiter, request_class: RequestClass, tries: int, user: str = "AB1234") -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.admit(user, request_class)
        except RateLimited:
            continue
        count += 1
    return count


@pytest.mark.parametrize(
    ("request_class", "most"),
    [
        (RequestClass.PLACE, 10),
        (RequestClass.CHANGE, 10),
        (RequestClass.QUOTE, 1),
        (RequestClass.HISTORICAL, 3),
        (RequestClass.OTHER, 10),
    ],
)
def test_a_second_admits_what_is_documented(request_class: RequestClass, most: int) -> None:
    """The documented number passes, the next is a 429, and the next calendar second starts anew."""
    clock = Clock()
    limiter = clock.limiter()
    clock.now += SECOND * 9 // 10
    assert admitted(limiter, request_class, 20) == most
    clock.now += SECOND // 10
    assert admitted(limiter, request_class, 20) == most
    assert admitted(limiter, request_class, 20, user="CD5678") == most


def test_a_minute_admits_400_orders() -> None:
    """Seconds within their limit still fill the minute; a refused request does not count."""
    clock = Clock()
    limiter = clock.limiter()
    total = 0
    for _ in range(60):
        total += admitted(limiter, RequestClass.PLACE, 15)
        clock.now += SECOND
    assert total == 400
    assert admitted(limiter, RequestClass.PLACE, 15) == 10


def test_a_day_admits_5000_orders_and_changes_do_not_count() -> None:
    """The day is the market's; when it is full the message says so."""
    clock = Clock()
    limiter = clock.limiter(orders_per_second=0, orders_per_minute=0)
    assert admitted(limiter, RequestClass.CHANGE, 6000) == 6000
    assert admitted(limiter, RequestClass.PLACE, 6000) == 5000
    with pytest.raises(RateLimited, match="Maximum allowed order requests exceeded"):
        limiter.admit("AB1234", RequestClass.PLACE)
    clock.day += 1
    assert admitted(limiter, RequestClass.PLACE, 10) == 10


def test_changes_share_the_orders_second_unless_told_otherwise() -> None:
    """The stricter reading is the default; switched off, changes count with the other requests."""
    clock = Clock()
    strict, lenient = clock.limiter(), clock.limiter(changes_count_as_orders=False)
    assert admitted(strict, RequestClass.PLACE, 6) + admitted(strict, RequestClass.CHANGE, 6) == 10
    assert admitted(lenient, RequestClass.PLACE, 10) + admitted(lenient, RequestClass.CHANGE, 6) == 16


def test_limits_can_be_switched_off() -> None:
    """Without limits nothing is refused."""
    assert admitted(Clock().limiter(enabled=False), RequestClass.QUOTE, 1000) == 1000
