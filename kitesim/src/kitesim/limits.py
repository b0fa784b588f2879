"""Rate limits, counted per calendar second, minute and day of the server, as Kite counts them.

Figures: https://kite.trade/docs/connect/v3/exceptions/#api-rate-limit. Orders count per client account, the rest per
API key. A refused request does not count.
"""

from collections.abc import Callable
from enum import Enum

from kitesim.clocks import SECOND
from kitesim.config import Limits
from kitesim.errors import RateLimited

_TOO_MANY = "Too many requests"
# https://support.zerodha.com, order-rate-limits; the error class is not documented.
_DAY_IS_FULL = "Maximum allowed order requests exceeded."


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
        windows: list[tuple[str, int, int, str]]
        counts_as_order = request_class is RequestClass.PLACE or limits.changes_count_as_orders
        if request_class in (RequestClass.PLACE, RequestClass.CHANGE) and counts_as_order:
            windows = [
                ("order second", second, limits.orders_per_second, _TOO_MANY),
                ("order minute", second // 60, limits.orders_per_minute, _TOO_MANY),
            ]
            if request_class is RequestClass.PLACE:
                windows.append(("order day", self._market_day(), limits.orders_per_day, _DAY_IS_FULL))
        else:
            most = {
                RequestClass.QUOTE: limits.quotes_per_second,
                RequestClass.HISTORICAL: limits.historical_per_second,
            }.get(request_class, limits.others_per_second)
            name = request_class.value if request_class is not RequestClass.CHANGE else RequestClass.OTHER.value
            windows = [(name, second, most, _TOO_MANY)]
        for name, window, most, message in windows:
            if 0 < most <= self._counted(user_id, name, window):
                raise RateLimited(message)
        for name, window, _, _ in windows:
            self._counts[user_id, name] = (window, self._counted(user_id, name, window) + 1)

    def admit_to_day(self, user_id: str) -> None:
        """Count an order of the day that no request carries: of another platform, or of a trigger that fires.

        Raises:
            RateLimited: the day's limit is used up.
        """
        most = self.limits.orders_per_day
        if self.limits.enabled and 0 < most <= self._counted(user_id, "order day", self._market_day()):
            raise RateLimited(_DAY_IS_FULL)
        self.add_to_day(user_id, 1)

    def add_to_day(self, user_id: str, orders: int) -> None:
        """Count further orders of one request: an iceberg of five legs is five orders of the day and one of the second.

        https://support.zerodha.com, order-rate-limits
        """
        if self.limits.enabled:
            day = self._market_day()
            self._counts[user_id, "order day"] = (day, self._counted(user_id, "order day", day) + orders)

    def _counted(self, user_id: str, name: str, window: int) -> int:
        counted_window, counted = self._counts.get((user_id, name), (window, 0))
        return counted if counted_window == window else 0
