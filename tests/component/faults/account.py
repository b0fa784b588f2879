"""The account of one test at the exchange: what the log says of it, what its owner does beside us, and what goes wrong for it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.clients.exchange import Exchange
from ops.drills.processes import awaited
from ops.judging import checkers
from ops.judging.checkers import Interval
from ops.judging.history import TERMINAL, Accepted, of_account, ours
from trader.domain.values import Leg

SOON: Final = 15.0
"""Until what carries no promise of its own: generous, for a slow machine makes a test longer, not red."""
UNDERLYING: Final = "NIFTY"
FUNDS_RUPEES: Final = 60_000_000
TICK_PAISE: Final = 10
LOT: Final = 65
"""Of NIFTY on the day of the simulation."""


class Account:
    """Seen from the exchange: nothing here asks a trader."""

    def __init__(self, url: str, account: str) -> None:
        """The user is made, with funds for four lots at risk, and another one who trades against him; the price stands still."""
        self.account = account
        self.exchange = Exchange(url, "")
        self._leaderless: list[Interval] = []
        self._maker = f"MK{account}"
        for user, funds in ((account, FUNDS_RUPEES), (self._maker, 100 * FUNDS_RUPEES)):
            self.exchange.post("/sim/user", {"user_id": user, "funds": funds})
        prices = self.exchange.get("/sim/state")["last_prices"]
        self.instrument = str(
            next(each for each in prices if each.startswith(f"NFO:{UNDERLYING}2") and each.endswith("FUT"))
        )
        self.price = round(prices[self.instrument] * 10) * TICK_PAISE
        """In paise; held."""
        self.lot = LOT
        self.move(0)

    def log(self) -> list[Mapping[str, Any]]:
        """The entries about this account's orders, oldest first."""
        return of_account(self.exchange.read_log(), self.account)

    def of_leg(self, leg: Leg) -> list[Accepted]:
        """Accepted orders of one leg, oldest first."""
        return [each for each in ours(self.log()) if each.parts.leg is leg]

    def accepted(self, leg: Leg, count: int = 1, seconds: float = SOON) -> Accepted:
        """The newest order of a leg, once there are so many."""
        awaited(lambda: len(self.of_leg(leg)) >= count, seconds, f"{count} {leg.name} accepted")
        return self.of_leg(leg)[count - 1]

    def accepted_orders(self) -> list[Accepted]:
        """All of ours, oldest first."""
        return ours(self.log())

    def is_entry_working(self) -> bool:
        """Whether an entry of ours is at work, by the exchange."""
        entries = {each.order_id for each in self.of_leg(Leg.ENTRY)}
        return any(str(each["order_id"]) in entries and each["status"] not in TERMINAL for each in self._rows())

    def order_status(self, order_id: str) -> str:
        """Of any order of the account."""
        return next(str(each["status"]) for each in self._rows() if str(each["order_id"]) == order_id)

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.exchange.get(f"/sim/state?user_id={self.account}")["orders"]
        return rows

    def streams(self) -> int:
        """How many streams of this account were opened so far."""
        return sum(1 for each in self._of_user() if each["kind"] == "stream_opened")

    def requests_since_stream(self, path: str) -> int:
        """How many requests reached a route since the newest stream was opened."""
        entries = self._of_user()
        newest = max(index for index, each in enumerate(entries) if each["kind"] == "stream_opened")
        return sum(1 for each in entries[newest:] if each["kind"] == "request" and each["path"] == path)

    def _of_user(self) -> list[dict[str, Any]]:
        return [each for each in self.exchange.read_log() if each.get("user_id") == self.account]

    def filled(self, leg: Leg) -> int:
        """Units that orders of a leg traded."""
        orders = {each.order_id for each in self.of_leg(leg)}
        trades = [each for each in self.log() if each["kind"] == "trade" and str(each["order_id"]) in orders]
        return sum(int(each["quantity"]) for each in trades)

    def requests(self, path: str, method: str = "") -> int:
        """How many requests of this account reached a route."""
        asked = [each for each in self._of_user() if each["kind"] == "request" and each["path"] == path]
        return sum(1 for each in asked if method in ("", each["method"]))

    def trade_by_hand(self, side: str, quantity: int, ticks: int | None = None) -> str:
        """The account's owner trades on Kite's own screens: at once, or with a limit so many ticks above the last price."""
        return self._order(self.account, side, quantity, 60 * (1 if side == "BUY" else -1) if ticks is None else ticks)

    def sell_into(self, lots: int, ticks: int = -3) -> None:
        """Another trader of the market sells so much to our resting entry, and to nobody else."""
        wanted = self.filled(Leg.ENTRY) + lots * self.lot

        def is_done() -> bool:
            # In every other tick the market itself bids more than we do, and takes what is sold.
            left = wanted - self.filled(Leg.ENTRY)
            if left > 0:
                self._order(self._maker, "SELL", left, ticks)
            return self.filled(Leg.ENTRY) >= wanted

        awaited(is_done, SOON, f"{lots} lots are sold into our entry")

    def _order(self, user: str, side: str, quantity: int, ticks: int) -> str:
        exchange, symbol = self.instrument.split(":")
        order = {
            "exchange": exchange,
            "tradingsymbol": symbol,
            "transaction_type": side,
            "quantity": quantity,
            "product": "NRML",
            "order_type": "LIMIT",
            "price": (self.price + ticks * TICK_PAISE) / 100,
            "validity": "DAY",
        }
        made = self.exchange.post("/sim/order", {"user_id": user, "variety": "regular", "order": order})
        return str(made["order_id"])

    def move(self, permille: float) -> None:
        """Put the price so much above where it was."""
        price = round(self.price * (1 + permille / 1000) / TICK_PAISE) * TICK_PAISE / 100
        self.exchange.post("/sim/price", {"instrument": self.instrument, "price": price, "hold_seconds": 900})

    def position(self) -> int:
        """The account's net quantity, by the exchange."""
        rows = self.exchange.get(f"/sim/state?user_id={self.account}")["positions"]["net"]
        return sum(int(each["quantity"]) for each in rows)

    def working(self) -> int:
        """The account's orders at work, by the exchange."""
        return sum(1 for each in self._rows() if each["status"] not in TERMINAL)

    def is_flat(self) -> bool:
        """Nothing held, nothing at work, by the exchange."""
        return self.position() == 0 and self.working() == 0

    def fault(self, kind: str, **fields: Any) -> str:
        """Put a fault to work on this account's requests; its id."""
        made = self.exchange.post("/sim/faults", {"kind": kind, "user_id": self.account, **fields})
        return str(made["id"])

    def strikes(self, kind: str) -> int:
        """How often faults of a kind struck this account."""
        return sum(1 for each in self._of_user() if each["kind"] == "fault" and each["fault"] == kind)

    def struck(self, kind: str, count: int = 1) -> None:
        """Until a fault struck so often."""
        awaited(lambda: self.strikes(kind) >= count, SOON, f"{kind} strikes {count} times")

    def end_fault(self, fault: str) -> None:
        """End one that is at work."""
        self.exchange.delete(f"/sim/faults/{fault}")

    def clear_faults(self) -> None:
        """End every fault."""
        for each in self.exchange.get("/sim/faults")["faults"]:
            self.exchange.delete(f"/sim/faults/{each['id']}")

    # --- verdicts ---

    def nobody_leads(self) -> Callable[[], None]:
        """Note a stretch in which nobody could lead, from now until the answer is called: rule 1 sends nothing then."""
        began = self.exchange.now_ns()

        def ended() -> None:
            self._leaderless.append(Interval(began, self.exchange.now_ns()))

        return ended

    def judge(self, apart_from: str = "") -> None:
        """The shared checkers over the exchange's log of this account: no promise is broken, apart from one that a test judges."""
        broken = {
            promise: violations
            for promise, violations in checkers.judge(self.log(), self.exchange.now_ns(), self._leaderless).items()
            if violations and promise != apart_from
        }
        assert not broken, broken
        assert ours(self.log()), "a test without an order of ours has shown nothing"

    def flat_seconds(self, since_ns: int, limit: float) -> float:
        """Seconds of the exchange's clock until it was flat for good; waits so long at most.

        Raises:
            NotSteadyError: it was not.
        """
        awaited(lambda: self.is_flat() and checkers.flat_since(self.log(), since_ns) is not None, limit, "flat")
        moment = checkers.flat_since(self.log(), since_ns)
        assert moment is not None
        return (moment - since_ns) / 1e9

    def flat_seconds_of_ours(self, since_ns: int) -> float:
        """The same of our own orders alone, in an account that holds something else."""
        moment = checkers.flat_since(self.log(), since_ns)
        assert moment is not None
        return (moment - since_ns) / 1e9
