"""NautilusTrader's side of the step benchmark; runs in the peers' own environment, started by `ops.bench.step`.

A quote enters the DataEngine, reaches a Strategy over the message bus, which submits a limit order; it passes the RiskEngine
and the ExecutionEngine and arrives at the execution client: from the first to the last, in nanoseconds. All of it is the
published engine, wired as its own tests wire it; only the client at the end, which would talk to an exchange, notes the time
instead. The cash account makes the RiskEngine check balances (of a margin account it checks nothing), and a notional limit per
order and a submit rate are set, so that each check that it has for this order runs. Between the timed quotes, outside the
measurement, the venue accepts and cancels the order.
"""

import time

from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.config import RiskEngineConfig
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.identifiers import AccountId, ClientId, Venue, VenueOrderId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine
from nautilus_trader.test_kit.mocks.exec_clients import MockExecutionClient
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.test_kit.stubs.component import TestComponentStubs
from nautilus_trader.test_kit.stubs.events import TestEventStubs
from nautilus_trader.test_kit.stubs.identifiers import TestIdStubs
from nautilus_trader.trading.strategy import Strategy

from ops.bench.laps import INSTRUMENTS, answer, price_cents

VENUE = Venue("XNAS")
ACCOUNT = AccountId("XNAS-001")


class Client(MockExecutionClient):  # type: ignore[misc]  # the peer is not installed where types are checked
    """The end of the road: notes when a command arrives."""

    arrived_at = 0
    order = None

    def submit_order(self, command) -> None:  # type: ignore[no-untyped-def]
        self.arrived_at = time.perf_counter_ns()
        self.order = command.order


class Buyer(Strategy):  # type: ignore[misc]
    """Submits one limit order for every quote."""

    def on_start(self) -> None:
        for instrument in self.cache.instruments():
            self.subscribe_quote_ticks(instrument.id)

    def on_quote_tick(self, quote) -> None:  # type: ignore[no-untyped-def]
        self.submit_order(self.order_factory.limit(quote.instrument_id, OrderSide.BUY, QUANTITY, quote.ask_price))


QUANTITY = Quantity.from_int(10)


class Peer:
    """The whole engine, wired as its own tests wire it."""

    def __init__(self) -> None:
        self.clock = LiveClock()
        trader_id, cache = TestIdStubs.trader_id(), TestComponentStubs.cache()
        bus = MessageBus(trader_id=trader_id, clock=self.clock)
        parts = {"msgbus": bus, "cache": cache, "clock": self.clock}
        portfolio = Portfolio(**parts)
        self.instruments = [TestInstrumentProvider.equity(f"STOCK{n}", "XNAS") for n in range(INSTRUMENTS)]
        self.data, self.execution = DataEngine(**parts), ExecutionEngine(**parts)
        config = RiskEngineConfig(
            max_order_submit_rate="1000000/00:00:01",
            max_notional_per_order={str(each.id): 900_000 for each in self.instruments},
        )
        risk = RiskEngine(portfolio=portfolio, config=config, **parts)
        self.client = Client(
            client_id=ClientId("XNAS"), venue=VENUE, account_type=AccountType.CASH, base_currency=USD, **parts
        )
        portfolio.update_account(TestEventStubs.cash_account_state(account_id=ACCOUNT))
        self.execution.register_client(self.client)
        for each in self.instruments:
            cache.add_instrument(each)
        buyer = Buyer()
        buyer.register(trader_id=trader_id, portfolio=portfolio, **parts)
        for component in (self.data, risk, self.execution, buyer):
            component.start()
        assert cache.account_for_venue(VENUE) is not None, "without an account the RiskEngine would check nothing"

    def lap(self, number: int) -> int:
        """One quote until its order arrives, in nanoseconds; afterwards the order is accepted and cancelled."""
        instrument = self.instruments[number % INSTRUMENTS]
        cents, size, now = price_cents(number), Quantity.from_int(100), self.clock.timestamp_ns()
        bid, ask = instrument.make_price(cents / 100), instrument.make_price((cents + 2) / 100)
        quote = QuoteTick(instrument.id, bid, ask, size, size, now, now)
        begin = time.perf_counter_ns()
        self.data.process(quote)
        taken = self.client.arrived_at - begin
        order = self.client.order
        assert taken > 0, f"quote {number} brought no order to the client"
        venue_id = VenueOrderId(str(number))
        self.execution.process(TestEventStubs.order_submitted(order, ACCOUNT))
        self.execution.process(TestEventStubs.order_accepted(order, ACCOUNT, venue_id))
        self.execution.process(TestEventStubs.order_canceled(order))
        return taken


if __name__ == "__main__":
    answer(Peer().lap)
