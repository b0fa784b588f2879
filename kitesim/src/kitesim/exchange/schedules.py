"""What happens by the clock: after-market orders go out, TTL orders end, intraday positions are squared off.

Everything here is market time. The square-off follows the exchange's own hours; a market that is always open has none.
"""

import heapq
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from kitesim.calendars import Calendar, exchange_of
from kitesim.clocks import MINUTE, at, day_of
from kitesim.config import SimulatorConfig
from kitesim.exchange.accounts import Account
from kitesim.exchange.lives import Lives
from kitesim.exchange.orders import Order, OrderRequest, Place, Status, Terms
from kitesim.truth import TruthLog

_GST = Decimal("1.18")
_BEFORE_THE_END = 5 * MINUTE


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

    def square_off_ns(self, session: str, now_ns: int) -> int | None:
        """Return when the day's intraday positions are closed; None where there is no such moment today.

        When the session does not trade at the configured time, it is five minutes before its continuous end.
        """
        configured = self._config.rules.square_off.get(exchange_of(session))
        if self._calendar.mode != "nse" or configured is None:
            return None
        day = day_of(now_ns)
        key = (day, session)
        if key not in self._moments:
            begin, end = self._calendar.continuous(session, day)
            moment = at(day, configured)
            self._moments[key] = moment if begin < moment < end else end and end - _BEFORE_THE_END
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
            for session in self._calendar.sessions:
                key = (day_of(now_ns), session)
                if key not in self._done and self.is_squared_off(session, now_ns):
                    self._done.add(key)
                    if self._calendar.is_open(session, now_ns):
                        self._square_off(session)

    def _release(self) -> None:
        for order in list(self._after_market.values()):
            if order.status is not Status.AMO_RECEIVED:
                del self._after_market[order.order_id]
            elif self._lives.venue.is_open(order.instrument):
                del self._after_market[order.order_id]
                self._lives.begin(self._lives.accounts[order.user_id], order)

    def _square_off(self, session: str) -> None:
        """Cancel the session's intraday orders and close its intraday positions at the market."""
        self._log.write("squared_off", exchange=exchange_of(session), session=session)
        for order in self._lives.venue.live(session):
            if order.request.product == "MIS":
                account = self._lives.accounts[order.user_id]
                self._lives.finish_cancelled(account, order, "The order was cancelled by the intraday square-off.")
        for account in list(self._lives.accounts.values()):
            for position in list(account.positions.values()):
                if position.product == "MIS" and position.instrument.session == session and position.quantity:
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
            request = OrderRequest(instrument, "regular", side, "MIS", terms, origin="broker")
            # Rs 50 and GST for each order: support.zerodha.com, intraday-auto-square-off-timings
            fee = Decimal(str(self._config.charges.square_off_fee)) * 100 * _GST
            account.take_fee(int(fee.quantize(Decimal(1), rounding=ROUND_HALF_UP)))
            self._lives.accept(account, self._lives.new_order(account, request))

    def new_day(self, today: date) -> None:
        """Forget the moments of days long gone."""
        kept = today - timedelta(days=2)
        self._moments = {key: moment for key, moment in self._moments.items() if key[0] >= kept}
        self._done = {key for key in self._done if key[0] >= kept}
