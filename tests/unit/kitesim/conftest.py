"""An exchange without sockets, whose time moves only when a test says so."""

from collections.abc import Callable
from datetime import date

import pytest

from kitesim.clocks import SECOND, MarketClock, at
from kitesim.config import SimulatorConfig
from kitesim.exchange.accounts import Account
from kitesim.exchange.orders import Order
from kitesim.exchange.timers import ManualTimers
from kitesim.market.quotes import Quote
from kitesim.simulator import Simulator

DAY = date(2026, 11, 23)
FUTURE = "NFO:NIFTY26DECFUT"


class Floor:
    """A simulator driven by hand, and short words for what tests do with it."""

    def __init__(self, **settings: object) -> None:
        config = SimulatorConfig.model_validate(
            {"seed": 7, "date": DAY, "funds": 10_000_000, "first_order_id": 1001, **settings}
        )
        self.machine_ns = 0
        self.timers = ManualTimers()
        clock = MarketClock(at(config.date or DAY, config.start), config.speed, lambda: self.machine_ns)
        self.simulator = Simulator(config, self.timers, clock)
        self.updates: list[tuple[str, str]] = []
        self.simulator.desk.listeners.append(lambda _, order, status: self.updates.append((order.order_id, status)))
        self.account = self.add("AB1234")

    def add(self, user_id: str) -> Account:
        """Return the account of a user, who is made when he does not exist."""
        self.simulator.add_user(user_id)
        return self.simulator.accounts[user_id]

    def quote(self, key: str = FUTURE) -> Quote:
        """Return a quote."""
        found = self.simulator.market.find(key)
        assert found is not None
        return found

    def let_pass(self, seconds: float) -> None:
        """Let time pass, with a tick of everything each half second."""
        end = self.machine_ns + int(seconds * SECOND)
        while self.machine_ns < end:
            step = min(SECOND // 2, end - self.machine_ns)
            self.machine_ns += step
            self.timers.advance(step / SECOND)
            self.simulator.pulse(self.simulator.instruments(), self.simulator.clock.now_ns())

    def settle(self) -> None:
        """Let orders reach the exchange without a tick."""
        self.timers.advance(0.1)

    def force(self, price: int, key: str = FUTURE) -> None:
        """Put an instrument at a price in paise."""
        self.simulator.force_price(key, price / 100, 0)

    def place(self, transaction_type: str, quantity: int, **fields: object) -> Order:
        """Place an order; a plain LIMIT order in the future unless the fields say otherwise. Prices are rupees."""
        return self.place_for(self.account, transaction_type, quantity, **fields)

    def place_for(self, account: Account, transaction_type: str, quantity: int, **fields: object) -> Order:
        """Place an order of another account."""
        exchange, symbol = str(fields.pop("key", FUTURE)).split(":")
        form = {
            "exchange": exchange,
            "tradingsymbol": symbol,
            "transaction_type": transaction_type,
            "quantity": quantity,
            "product": "NRML" if exchange == "NFO" else "MIS",
            "order_type": "LIMIT",
            **fields,
        }
        text = {name: str(value) for name, value in form.items()}
        return self.simulator.desk.place(account, "regular", text)

    def statuses(self, order: Order) -> list[str]:
        """Return every status that the order history shows, in order."""
        entries = self.simulator.log.entries()
        updates = [entry for entry in entries if entry["kind"] == "order_update"]
        return [str(entry["status"]) for entry in updates if entry["order_id"] == order.order_id]


@pytest.fixture
def make_floor() -> Callable[..., Floor]:
    """Return the maker of floors."""
    return Floor


@pytest.fixture
def floor() -> Floor:
    """Return a floor with everything at its default and ten million rupees a user."""
    return Floor()
