"""Rate limits, counted per calendar second, minute and day of the server, as Kite counts them.

Figures: https://kite.trade/docs/connect/v3/exceptions/#api-rate-limit. Orders count per client account, the rest per
API key. A refused request still counts: a client that hammers stays refused.
"""

from collections.abc import Callable
from enum import Enum

from kitesim.clocks import SECOND
from kitesim.config import Limits
from kitesim.errors import RateLimited


class RequestClass(Enum):
    """What a request counts as."""

    PLACE = "place"
    CHANGE = "change"
    QUOTE = "quote"
    HISTORICAL = "historical"
    OTHER = "other"


class RateLimiter:
    """Counts the requests of every user. Seconds and minutes are machine time, the day is the market's."""

    def __init__(self, limits: Limits, machine_ns: Callable[[], int], market_day: Callable[[], int]) -> None:
        self.limits = limits
        self._machine_ns = machine_ns
        self._market_day = market_day
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def admit(self, user_id: str, request_class: RequestClass) -> None:
        """Count a request.

        Raises:
            RateLimited: the limit of its second, minute or day is used up.
        """
        if not self.limits.enabled:
            return
        second = self._machine_ns() // SECOND
        limits = self.limits
        if request_class is RequestClass.PLACE or (
            request_class is RequestClass.CHANGE and limits.changes_count_as_orders
        ):
            refused = self._over(user_id, "order second", second, limits.orders_per_second)
            refused |= self._over(user_id, "order minute", second // 60, limits.orders_per_minute)
            if refused:
                raise RateLimited
            if request_class is RequestClass.PLACE and self._over(
                user_id, "order day", self._market_day(), limits.orders_per_day
            ):
                raise RateLimited("Maximum allowed order requests exceeded.")
            return
        most = {
            RequestClass.QUOTE: limits.quotes_per_second,
            RequestClass.HISTORICAL: limits.historical_per_second,
        }.get(request_class, limits.others_per_second)
        if self._over(user_id, request_class.value, second, most):
            raise RateLimited

    def _over(self, user_id: str, name: str, window: int, most: int) -> bool:
        counted_window, counted = self._counts.get((user_id, name), (window, 0))
        counted = counted + 1 if counted_window == window else 1
        self._counts[user_id, name] = (window, counted)
        return 0 < most < counted
