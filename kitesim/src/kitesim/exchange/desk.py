"""The broker's desk: checks what clients ask and hands it to the life of the order; keeps triggers and appointments.

It is synchronous and deterministic: it is called (place, modify, cancel, a tick) and calls timers for what takes time.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from kitesim.calendars import Calendar, Phase
from kitesim.clocks import day_of
from kitesim.config import SimulatorConfig
from kitesim.errors import HoldingRefused, InputRefused, KiteError, MarginRefused, OrderUnknown, RateLimited
from kitesim.exchange import checks, covers
from kitesim.exchange.accounts import Account
from kitesim.exchange.charges import load_charges
from kitesim.exchange.conversions import convert
from kitesim.exchange.entries import asked_fields
from kitesim.exchange.gtts import Gtts
from kitesim.exchange.lives import Listener, Lives
from kitesim.exchange.orders import Order, OrderRequest, Origin, Place, Status
from kitesim.exchange.positions import Position
from kitesim.exchange.risk import margin_refusal, unauthorised
from kitesim.exchange.schedules import Schedule
from kitesim.exchange.timers import Timers
from kitesim.market.instruments import Instrument
from kitesim.market.market import Market
from kitesim.truth import TruthLog

_BUSY = "Order cannot be {} as it is being processed. Try later."
_CHANGEABLE = (Status.OPEN, Status.TRIGGER_PENDING, Status.AMO_RECEIVED)


class Desk:
    """Every order of every account."""

    def __init__(
        self,
        *,
        config: SimulatorConfig,
        market: Market,
        calendar: Calendar,
        timers: Timers,
        log: TruthLog,
        now_ns: Callable[[], int],
        first_order_id: int,
    ) -> None:
        self._config = config
        self._market = market
        self._log = log
        self._now_ns = now_ns
        self._lives = Lives(
            config=config,
            market=market,
            calendar=calendar,
            timers=timers,
            log=log,
            now_ns=now_ns,
            first_order_id=first_order_id,
        )
        self._schedule = Schedule(config, calendar, self._lives, log)
        self.gtts = Gtts(market, config.rules, log, now_ns, self._fire)
        self.charges = load_charges(config.charges.file)
        self.admit_to_day: Callable[[str], None] = lambda user_id: None
        """Counts an order that comes by no route in the day of its user, or refuses it: a GTT that fires is one."""

    @property
    def listeners(self) -> list[Listener]:
        """Who is told of updates that go out to clients."""
        return self._lives.listeners

    @property
    def at_trigger(self) -> Callable[[Order], str | None]:
        """Asked when a stop triggers; a text cancels it, as faults do."""
        return self._lives.at_trigger

    @at_trigger.setter
    def at_trigger(self, asked: Callable[[Order], str | None]) -> None:
        self._lives.at_trigger = asked

    def open_account(self, account: Account) -> None:
        """Serve this account from now on; an account with the same user id takes the place of the older."""
        self._lives.accounts[account.user_id] = account
        if self._config.charges.taken == "trade":
            account.charge_of = self._charged
            account.exercise_charge_of = self._exercised

    def _charged(self, order: Order) -> int:
        request, day = order.request, day_of(self._now_ns())
        charges = self.charges.of(order.instrument, request.product, request.transaction_type, order.filled_value, day)
        return charges.taken()

    def _exercised(self, position: Position, final: int) -> int:
        """Return the tax on a bought option that ends in the money; a seller and a future pay none."""
        if not position.instrument.is_option or position.quantity <= 0:
            return 0
        charges = self.charges.of_exercise(position.instrument, position.quantity * final, self._market.day)
        return charges.taken()

    # What clients ask.

    def place(
        self,
        account: Account,
        variety: str,
        form: checks.Form,
        parent_order_id: str | None = None,
        origin: Origin = "app",
    ) -> Order:
        """Accept an order and return it, of an iceberg the first leg; its way to the exchange goes on behind the reply.

        Raises:
            InputRefused: the form is wrong, or the market is closed.
            HoldingRefused: shares that the client has not authorised, when `rules.holdings_authorisation` asks for it.
            MarginRefused: too little money, when `margins.refusal` is `exception`.
        """
        try:
            own_terms = covers.first_leg if variety == "co" else None
            request = checks.placed(variety, form, self._market, self._config.rules, own_terms)
            self._require_time(request)
            self._require_quote(request)
            order = self._lives.new_order(account, replace(request, parent_order_id=parent_order_id, origin=origin))
            missing = unauthorised(account, order) if self._config.rules.holdings_authorisation else 0
            if missing:
                raise HoldingRefused(missing)
            if self._config.margins.refusal == "exception" and (
                refusal := margin_refusal(account, order, order.pending, order.limit)
            ):
                raise MarginRefused(refusal)
        except KiteError as error:
            self._log.write(
                "order_rejected",
                user_id=account.user_id,
                order_id=None,
                reason=error.message,
                **asked_fields(form, variety),
            )
            raise
        self._lives.accept(account, order)
        if order.status is Status.AMO_RECEIVED:
            self._schedule.hold(order)
        return order

    def place_sliced(self, account: Account, variety: str, form: checks.Form) -> list[Order | KiteError]:
        """Place an order in slices that the freeze quantity allows; a slice may be refused where another is not.

        Raises:
            KiteError: the first slice was refused, and so nothing was placed.
        """
        quantities = checks.slices_of(form, self._market, self._config.rules.autoslice_most)
        first = self.place(account, variety, {**form, "quantity": str(quantities[0])})
        placed: list[Order | KiteError] = [first]
        for quantity in quantities[1:]:
            try:
                placed.append(self.place(account, variety, {**form, "quantity": str(quantity)}, first.order_id))
            except KiteError as error:
                placed.append(error)
        return placed

    def modify(self, account: Account, order_id: str, form: checks.Form) -> Order:
        """Accept a modification of a live order; it takes effect when it reaches the exchange.

        Raises:
            OrderUnknown: no such order of this account.
            InputRefused: the order is finished or on its way, the exchange takes nothing now, or the new terms are wrong.
            RateLimited: the order was modified as often as is allowed.
        """
        order = self._order(account, order_id)
        if order.status not in _CHANGEABLE:
            raise InputRefused(_BUSY.format("modified"))
        self._require_hour(order)
        most = self._config.limits.modifications_per_order
        if self._config.limits.enabled and most and order.modifications >= most:
            raise RateLimited("Maximum allowed order modifications exceeded.")
        quote = self._market.quotes[order.instrument.token]
        if order.request.variety == "co":
            terms = covers.changed(order, form, quote)
        else:
            terms = checks.changed(order, form, quote, self._config.rules)
        if order.status is not Status.AMO_RECEIVED:
            checks.check_phase(terms, order.request.variety, self._lives.venue.phase(order.instrument))
        self._lives.begin_change(account, order, terms)
        return order

    def cancel(self, account: Account, order_id: str) -> Order:
        """Accept a cancellation of a live order; it can still fill until that reaches the exchange.

        The stop of a cover order is exited instead: it goes to the market.

        Raises:
            OrderUnknown: no such order of this account.
            InputRefused: the order is finished or on its way.
        """
        order = self._order(account, order_id)
        if order.status not in _CHANGEABLE:
            raise InputRefused(_BUSY.format("cancelled"))
        self._require_hour(order)
        if order.request.is_cover_stop and order.status is Status.TRIGGER_PENDING:
            self._lives.begin_change(account, order, covers.exit_terms(order))
        else:
            self._lives.begin_cancel(account, order)
        return order

    def convert(self, account: Account, form: checks.Form) -> None:
        """Move a part of a position to another product.

        Raises:
            InputRefused: the form is wrong, or there is no such position.
            MarginRefused: too little money for the other product.
        """
        converted = convert(account, form, self._market)
        if form.get("new_product") == "MIS" and self._schedule.is_squared_off(
            converted.instrument.session, self._now_ns()
        ):
            raise InputRefused("Intraday positions of this exchange are squared off already.")
        converted.apply()
        self._log.write("position_converted", user_id=account.user_id, **converted.fields())

    def _order(self, account: Account, order_id: str) -> Order:
        order = account.orders.get(order_id)
        if order is None:
            raise OrderUnknown
        return order

    def _require_hour(self, order: Order) -> None:
        """Refuse to touch an order at the exchange while it takes nothing; a halt refuses at the exchange itself."""
        if order.status is not Status.AMO_RECEIVED and not self._lives.venue.phase(order.instrument).takes_orders:
            raise InputRefused("The exchange takes no changes between the collection of an auction and its end.")

    def _require_time(self, request: OrderRequest) -> None:
        venue, instrument = self._lives.venue, request.instrument
        phase = venue.phase(instrument)
        if request.variety == "amo":
            if venue.takes_orders(instrument) and phase is not Phase.POST_CLOSE:
                raise InputRefused(
                    "After market orders are accepted while the market is closed. Place a regular order."
                )
            return
        if not venue.takes_orders(instrument):
            # Public logs show this text, code and hint for a regular order outside the session.
            raise InputRefused(
                "Your order could not be converted to a After Market Order (AMO).", data={"hints": ["switch_to_amo"]}
            )
        if request.product == "MIS" and self._schedule.is_squared_off(instrument.session, self._now_ns()):
            raise InputRefused("Intraday (MIS) orders are not accepted after the square-off. Use another product.")
        checks.check_phase(request.terms, request.variety, phase)

    def _require_quote(self, request: OrderRequest) -> None:
        """Refuse to trade in a mirror what nobody has shown to it: its price would be made up."""
        if self._config.mirror and request.instrument.token not in self._market.fed:
            raise InputRefused(f"No quote of {request.instrument.key} was pushed to this mirror yet.")

    def _fire(self, user_id: str, form: checks.Form) -> Order:
        self.admit_to_day(user_id)
        return self.place(self._lives.accounts[user_id], "regular", form, origin="gtt")

    # What the market and the calendar bring.

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Let the market's move reach the orders, the triggers, and what waits for a moment."""
        ticked = list(tokens)
        self._lives.venue.on_ticks(ticked)
        self.gtts.on_ticks(ticked)
        self._schedule.on_time(self._now_ns())

    def begin_phase(self, session: str, before: Phase, phase: Phase) -> None:
        """Do to the orders of a session what the beginning of a phase does.

        The close cancels what is left. The end of continuous trading before a closing auction cancels stops and
        disclosed quantities; limit orders go into the auction (BSE notice 20260610-41, the same in CMTR74466).
        """
        if phase is Phase.MATCHING:
            opening = self._market.tick_session(session, self._now_ns())
            self._market.put_prices(self._lives.venue.match_auction(session), opening, self._now_ns())
        elif phase is Phase.CLOSED:
            self._cancel(session, lambda order: True, "The order was cancelled by the exchange at the close.")
        elif phase is Phase.PAUSE and before is Phase.CONTINUOUS:
            self._cancel(
                session,
                lambda order: order.place is Place.TRIGGER or order.terms.disclosed_quantity > 0,
                "The order was cancelled by the exchange before the closing auction.",
            )
            self._market.set_auction_bands(session, self._now_ns())
            self._cancel(
                session, self._is_outside, "The order was cancelled by the exchange outside the auction's band."
            )

    def _is_outside(self, order: Order) -> bool:
        quote = self._market.quotes[order.instrument.token]
        return not quote.lower_circuit <= order.limit <= quote.upper_circuit

    def _cancel(self, session: str, chosen: Callable[[Order], bool], reason: str) -> None:
        for order in self._lives.venue.live(session):
            if chosen(order):
                self._lives.finish_cancelled(self._lives.accounts[order.user_id], order, reason)

    def close_day(self) -> None:
        """Settle all accounts; the order book of the new day holds only after-market orders."""
        for account in self._lives.accounts.values():
            for position in account.positions.values():
                final = self._settlement(position.instrument)
                if final is not None and position.quantity:
                    self._log.write(
                        "position_settled",
                        user_id=account.user_id,
                        instrument=position.instrument.key,
                        product=position.product,
                        quantity=position.quantity,
                        price=final / 100,
                        charges=account.exercise_charge_of(position, final) / 100,
                    )
            account.close_day(self._settlement)
        self._schedule.new_day(day_of(self._now_ns()))

    def _settlement(self, instrument: Instrument) -> int | None:
        """Return the final price of a contract that expires today: its index's last price, of an option its worth."""
        if instrument.expiry is None or instrument.expiry > self._market.day:
            return None
        prices = [
            quote.last
            for quote in self._market.quotes.values()
            if quote.instrument.path == instrument.path and not quote.instrument.is_derivative
        ]
        spot = prices[0] if prices else self._market.quotes[instrument.token].last
        if instrument.instrument_type not in ("CE", "PE"):
            return spot
        return max(spot - instrument.strike if instrument.instrument_type == "CE" else instrument.strike - spot, 0)

    def empty_book(self, account: Account) -> None:
        """Forget every order and trigger of an account without a word to its client."""
        for order in account.orders.values():
            self._lives.venue.enter(order, Place.DONE)
        self._schedule.forget(account.user_id)
        self.gtts.forget(account.user_id)
