"""What happens by the clock: after-market orders go out, TTL orders end, intraday positions are squared off.

Everything here is market time. The square-off follows the exchange's own hours; a market that is always open has none.
"""

import heapq
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from kitesim.calendars import Calendar
from kitesim.clocks import MINUTE, at, day_of
from kitesim.config import SimulatorConfig
from kitesim.exchange.accounts import Account
from kitesim.exchange.lives import Lives
from kitesim.exchange.orders import Order, OrderRequest, Place, Status, Terms
from kitesim.truth import TruthLog

_GST = Decimal("1.18")
_STEP = 5 * MINUTE
_MOST_STEPS = 36


class Schedule:
    """The desk's appointments."""

    def __init__(self, config: SimulatorConfig, calendar: Calendar, lives: Lives, log: TruthLog) -> None:
        self._config = config
        self._calendar = calendar
        self._lives = lives
        self._log = log
        self._after_market: dict[str, Order] = {}
        self._mortals: list[tuple[int, str, Order]] = []
        self._moments: dict[tuple[date, str], int] = {}
        self._done: set[tuple[date, str]] = set()

    def hold(self, order: Order) -> None:
        """Keep an after-market order until its exchange opens."""
        self._after_market[order.order_id] = order

    def forget(self, user_id: str) -> None:
        """Drop what waits for a user."""
        self._after_market = {key: order for key, order in self._after_market.items() if order.user_id != user_id}

    def square_off_ns(self, exchange: str, now_ns: int) -> int | None:
        """Return when the day's intraday positions are closed; None where there is no such moment today.

        When the exchange does not trade at the configured time any more, it is the last five minutes that it does.
        """
        configured = self._config.rules.square_off.get(exchange)
        if self._calendar.mode != "nse" or configured is None:
            return None
        day = day_of(now_ns)
        key = (day, exchange)
        if key not in self._moments:
            moment = at(day, configured)
            for _ in range(_MOST_STEPS):
                if self._calendar.is_open(exchange, moment):
                    break
                moment -= _STEP
            else:
                moment = 0
            self._moments[key] = moment
        return self._moments[key] or None

    def is_squared_off(self, exchange: str, now_ns: int) -> bool:
        """Tell whether intraday trading of this exchange is over for today."""
        moment = self.square_off_ns(exchange, now_ns)
        return moment is not None and now_ns >= moment

    def on_time(self, now_ns: int) -> None:
        """Do what has become due."""
        for mortal in self._lives.mortals:
            heapq.heappush(self._mortals, mortal)
        self._lives.mortals.clear()
        while self._mortals and self._mortals[0][0] <= now_ns:
            _, _, order = heapq.heappop(self._mortals)
            if order.place is not Place.DONE and order.terms.validity == "TTL":
                self._lives.finish_cancelled(self._lives.accounts[order.user_id], order, None)
        if self._after_market:
            self._release()
        if self._calendar.mode == "nse":
            for exchange in self._config.rules.square_off:
                key = (day_of(now_ns), exchange)
                if key not in self._done and self.is_squared_off(exchange, now_ns):
                    self._done.add(key)
                    if self._calendar.is_open(exchange, now_ns):
                        self._square_off(exchange)

    def _release(self) -> None:
        for order in list(self._after_market.values()):
            if order.status is not Status.AMO_RECEIVED:
                del self._after_market[order.order_id]
            elif self._lives.venue.is_open(order.instrument.exchange):
                del self._after_market[order.order_id]
                self._lives.begin(self._lives.accounts[order.user_id], order)

    def _square_off(self, exchange: str) -> None:
        """Cancel the exchange's intraday orders and close its intraday positions at the market."""
        self._log.write("squared_off", exchange=exchange)
        for order in self._lives.venue.live(exchange):
            if order.request.product == "MIS":
                account = self._lives.accounts[order.user_id]
                self._lives.finish_cancelled(account, order, "The order was cancelled by the intraday square-off.")
        for account in list(self._lives.accounts.values()):
            for position in list(account.positions.values()):
                if position.product == "MIS" and position.instrument.exchange == exchange and position.quantity:
                    self._close(account, position.instrument.token)

    def _close(self, account: Account, token: int) -> None:
        position = account.positions[token, "MIS"]
        instrument, left = position.instrument, abs(position.quantity)
        each = instrument.freeze // instrument.lot * instrument.lot or left
        side = "SELL" if position.quantity > 0 else "BUY"
        while left:
            quantity = min(each, left)
            left -= quantity
            terms = Terms(quantity, "MARKET", 0, 0, "DAY", market_protection=100.0)
            request = OrderRequest(instrument, "regular", side, "MIS", terms)
            # Rs 50 and GST for each order: support.zerodha.com, intraday-auto-square-off-timings
            fee = Decimal(str(self._config.charges.square_off_fee)) * 100 * _GST
            account.take_fee(int(fee.quantize(Decimal(1), rounding=ROUND_HALF_UP)))
            self._lives.accept(account, self._lives.new_order(account, request))

    def new_day(self, today: date) -> None:
        """Forget the moments of days long gone."""
        kept = today - timedelta(days=2)
        self._moments = {key: moment for key, moment in self._moments.items() if key[0] >= kept}
        self._done = {key for key in self._done if key[0] >= kept}
