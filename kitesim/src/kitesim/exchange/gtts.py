"""Good-till-triggered orders, single and two-leg: https://kite.trade/docs/connect/v3/gtt/

A trigger fires once, when the last price reaches or crosses it, also over a gap. `triggered` says that the order was
sent, not that it was accepted or filled: that stands in `orders[i].result`. Of two legs the first that fires ends the
other. Rules: support.zerodha.com, "What is GTT": LIMIT only, one year, buying with two legs in F&O only.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from kitesim.clocks import DAY, day_of, timestamp
from kitesim.config import Rules
from kitesim.errors import GttUnknown, InputRefused, KiteError
from kitesim.exchange import checks
from kitesim.exchange.orders import Order
from kitesim.market.instruments import Instrument
from kitesim.market.market import Market
from kitesim.truth import TruthLog

Fire = Callable[[str, checks.Form], Order]
STATUSES = ("active", "triggered", "disabled", "expired", "cancelled", "rejected", "deleted")
_YEAR = 365 * DAY
_SHOWN = 7 * DAY
_PRODUCTS = {"NSE": ("CNC",), "BSE": ("CNC",), "NFO": ("NRML",), "BFO": ("NRML",)}


@dataclass(slots=True)
class Gtt:
    """One trigger, or two of which one fires."""

    trigger_id: int
    user_id: str
    kind: str
    instrument: Instrument
    trigger_values: tuple[int, ...]
    rises: tuple[bool, ...]
    """Which triggers fire from below: those above the last price when they were set."""
    last_price: int
    orders: list[dict[str, object]]
    created_ns: int
    updated_ns: int
    status: str = "active"
    reason: str = ""
    """Why the broker ended or disabled it."""
    results: dict[int, dict[str, object]] = field(default_factory=dict)

    def fired(self, last: int) -> int | None:
        """Return the index of the trigger that this price reaches, or None."""
        for number, (value, rising) in enumerate(zip(self.trigger_values, self.rises, strict=True)):
            if last >= value if rising else last <= value:
                return number
        return None

    def row(self) -> dict[str, object]:
        """Return the object of gtt_get_order.json in zerodha/kiteconnect-mocks."""
        return {
            "id": self.trigger_id,
            "user_id": self.user_id,
            "parent_trigger": None,
            "type": self.kind,
            "created_at": timestamp(self.created_ns),
            "updated_at": timestamp(self.updated_ns),
            "expires_at": timestamp(self.created_ns + _YEAR),
            "status": self.status,
            "condition": {
                "exchange": self.instrument.exchange,
                "last_price": self.last_price / 100,
                "tradingsymbol": self.instrument.symbol,
                "trigger_values": [value / 100 for value in self.trigger_values],
                "instrument_token": self.instrument.token,
            },
            "orders": [order | {"result": self.results.get(number)} for number, order in enumerate(self.orders)],
            "meta": {"rejection_reason": self.reason} if self.reason else {},
        }


class Gtts:
    """The triggers of all users."""

    def __init__(self, market: Market, rules: Rules, log: TruthLog, now_ns: Callable[[], int], fire: Fire) -> None:
        self._market = market
        self._rules = rules
        self._log = log
        self._now_ns = now_ns
        self._fire = fire
        self._ids = count(100_001)
        self._by_user: dict[str, dict[int, Gtt]] = {}
        self._active: dict[int, dict[int, Gtt]] = {}
        self._day = day_of(now_ns())

    def place(self, user_id: str, form: checks.Form) -> Gtt:
        """Set a trigger.

        Raises:
            InputRefused: the form is wrong, or the user has as many active triggers as he may.
        """
        mine = self._by_user.setdefault(user_id, {})
        if sum(gtt.status == "active" for gtt in mine.values()) >= self._rules.most_gtts:
            raise InputRefused(f"Maximum allowed triggers ({self._rules.most_gtts}) exceeded.")
        gtt = self._read(next(self._ids), user_id, form)
        mine[gtt.trigger_id] = gtt
        self._active.setdefault(gtt.instrument.token, {})[gtt.trigger_id] = gtt
        self._write("gtt_placed", gtt)
        return gtt

    def modify(self, user_id: str, trigger_id: str, form: checks.Form) -> Gtt:
        """Replace an active or disabled trigger as a whole; it keeps its id and its year, and is active then.

        Raises:
            GttUnknown: no such trigger.
            InputRefused: it is not active, or the form is wrong.
        """
        old = self._require(user_id, trigger_id, ("active", "disabled"))
        gtt = self._read(old.trigger_id, user_id, form)
        gtt.created_ns = old.created_ns
        self._active[old.instrument.token].pop(old.trigger_id, None)
        self._by_user[user_id][gtt.trigger_id] = gtt
        self._active.setdefault(gtt.instrument.token, {})[gtt.trigger_id] = gtt
        self._write("gtt_modified", gtt)
        return gtt

    def delete(self, user_id: str, trigger_id: str) -> Gtt:
        """Delete an active trigger.

        Raises:
            GttUnknown: no such trigger.
            InputRefused: it is not active.
        """
        gtt = self._require(user_id, trigger_id, ("active", "disabled"))
        self.end(gtt, "deleted")
        return gtt

    def get(self, user_id: str, trigger_id: str) -> Gtt:
        """Return a trigger, however old.

        Raises:
            GttUnknown: no such trigger of this user.
        """
        mine = self._by_user.get(user_id, {})
        gtt = (
            mine.get(int(trigger_id))
            if trigger_id.isascii() and trigger_id.isdigit() and len(trigger_id) < 19
            else None
        )
        if gtt is None:
            raise GttUnknown
        return gtt

    def rows(self, user_id: str) -> list[dict[str, object]]:
        """Return the active triggers, and those that ended in the last seven days."""
        since = self._now_ns() - _SHOWN
        mine = self._by_user.get(user_id, {}).values()
        return [gtt.row() for gtt in mine if gtt.status == "active" or gtt.updated_ns >= since]

    def forget(self, user_id: str) -> None:
        """Drop every trigger of a user."""
        for gtt in self._by_user.pop(user_id, {}).values():
            self._active.get(gtt.instrument.token, {}).pop(gtt.trigger_id, None)

    def end(self, gtt: Gtt, status: str) -> None:
        """Take a trigger out of the active ones with this status; a disabled one waits for its user."""
        assert status in STATUSES, f"a status of a GTT, was {status!r}"
        gtt.status, gtt.updated_ns = status, self._now_ns()
        self._active[gtt.instrument.token].pop(gtt.trigger_id, None)
        self._write(f"gtt_{status}", gtt)

    def on_ticks(self, tokens: Iterable[int]) -> None:
        """Fire what the last prices reach; at the first tick of a day also end what is too old."""
        if not any(self._active.values()):
            return
        if day_of(self._now_ns()) != self._day:
            self._start_day()
        for token in tokens:
            active = self._active.get(token)
            if not active:
                continue
            last = self._market.quotes[token].last
            for gtt in list(active.values()):
                number = gtt.fired(last)
                if number is not None:
                    self._trigger(gtt, number, last)

    def _start_day(self) -> None:
        self._day = day_of(self._now_ns())
        for gtt in [gtt for active in self._active.values() for gtt in active.values()]:
            if self._now_ns() >= gtt.created_ns + _YEAR:
                self.end(gtt, "expired")
            elif gtt.instrument.expiry is not None and gtt.instrument.expiry < self._day:
                self.end(gtt, "cancelled")

    def _trigger(self, gtt: Gtt, number: int, last: int) -> None:
        self.end(gtt, "triggered")
        order = gtt.orders[number]
        form = {name: str(value) for name, value in order.items()}
        try:
            placed = self._fire(gtt.user_id, form | {"validity": "DAY"})
        except KiteError as error:
            outcome = {"status": "failed", "order_id": "", "rejection_reason": error.message}
        else:
            outcome = {"status": "success", "order_id": placed.order_id, "rejection_reason": ""}
        gtt.results[number] = {
            "account_id": gtt.user_id,
            **order,
            "validity": "DAY",
            "meta": json.dumps({"gtt": gtt.trigger_id}),
            "timestamp": timestamp(self._now_ns()),
            "triggered_at": last / 100,
            "order_result": outcome,
        }

    def _require(self, user_id: str, trigger_id: str, statuses: tuple[str, ...]) -> Gtt:
        gtt = self.get(user_id, trigger_id)
        if gtt.status not in statuses:
            raise InputRefused(f"Trigger is not active, was {gtt.status}.")
        return gtt

    def by_broker(self, user_id: str, trigger_id: str, status: str, reason: str) -> Gtt:
        """Disable, cancel or reject an active trigger, as the broker does it: after a corporate action, for instance.

        Raises:
            GttUnknown: no such trigger.
            InputRefused: it is not active.
        """
        gtt = self._require(user_id, trigger_id, ("active",))
        gtt.reason = reason
        self.end(gtt, status)
        return gtt

    def _write(self, kind: str, gtt: Gtt) -> None:
        self._log.write(
            kind,
            user_id=gtt.user_id,
            trigger_id=gtt.trigger_id,
            instrument=gtt.instrument.key,
            trigger_values=[value / 100 for value in gtt.trigger_values],
        )

    def _read(self, trigger_id: int, user_id: str, form: checks.Form) -> Gtt:
        kind = checks.chosen(form, "type", ("single", "two-leg"))
        condition, orders = _json(form, "condition"), _json(form, "orders")
        values = condition.get("trigger_values") if isinstance(condition, dict) else None
        legs = 1 if kind == "single" else 2
        if not isinstance(condition, dict) or not isinstance(values, list) or len(values) != legs:
            raise InputRefused(f"Invalid `condition`. Expected an object with {legs} in `trigger_values`.")
        if not isinstance(orders, list) or len(orders) != legs or not all(isinstance(each, dict) for each in orders):
            raise InputRefused(f"Invalid `orders`. Expected a list of {legs} orders.")
        texts = _texts(condition)
        quote = self._market.find(f"{checks.required(texts, 'exchange')}:{checks.required(texts, 'tradingsymbol')}")
        if quote is None or quote.instrument.is_index:
            raise InputRefused("The instrument you are placing an order for has either expired or does not exist.")
        instrument, last = quote.instrument, quote.last
        triggers = tuple(
            checks.paise({"trigger_values": str(value)}, "trigger_values", instrument, "trigger price")
            for value in values
        )
        if last in triggers:
            raise InputRefused("Trigger already met with the current price.")
        if legs == 2 and not triggers[0] < last < triggers[1]:
            raise InputRefused(
                "Trigger values of a two-leg GTT should be below and above the last price, in this order."
            )
        return Gtt(
            trigger_id=trigger_id,
            user_id=user_id,
            kind=kind,
            instrument=instrument,
            trigger_values=triggers,
            rises=tuple(value > last for value in triggers),
            last_price=last,
            orders=[_leg(_texts(order), instrument, legs) for order in orders],
            created_ns=self._now_ns(),
            updated_ns=self._now_ns(),
        )


def _leg(form: Mapping[str, str], instrument: Instrument, legs: int) -> dict[str, object]:
    side = checks.chosen(form, "transaction_type", checks.TRANSACTION_TYPES)
    product = checks.chosen(form, "product", _PRODUCTS[instrument.exchange])
    checks.chosen(form, "order_type", ("LIMIT",))
    quantity = checks.whole(form, "quantity")
    checks.check_quantity(instrument, quantity)
    price = checks.paise(form, "price", instrument, "price")
    if legs == 2 and side == "BUY" and not instrument.is_derivative:
        raise InputRefused("Invalid `transaction_type`. Two-leg triggers to buy are for F&O only.")
    return {
        "exchange": instrument.exchange,
        "tradingsymbol": instrument.symbol,
        "product": product,
        "order_type": "LIMIT",
        "transaction_type": side,
        "quantity": quantity,
        "price": price / 100,
    }


def _json(form: checks.Form, name: str) -> object:
    text = checks.required(form, name)
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise InputRefused(f"Invalid `{name}`. Expected JSON, was {text[:40]!r}.") from None
    return value


def _texts(item: Mapping[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in item.items()}
