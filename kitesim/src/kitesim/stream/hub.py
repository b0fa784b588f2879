"""All stream connections, and what goes out to them.

One slice of the market is encoded once per mode, however many connections want it. A connection that does not read
loses old ticks, never order updates, and never holds up anybody else.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from kitesim.clocks import timestamp
from kitesim.exchange.orders import Order
from kitesim.market.quotes import Quote
from kitesim.stream.connections import Connection
from kitesim.stream.packets import Mode, frame, packet
from kitesim.users import User

Delivery = Literal["once", "lost", "doubled", "held", "replayed"]
"""`held`: the update comes after the user's next one. `replayed`: the user's last updates come again after it."""
_REPLAYED = 5


class Hub:
    """Who listens, and to what."""

    def __init__(self, quotes: Mapping[int, Quote]) -> None:
        self._quotes = quotes
        self.connections: list[Connection] = []
        self.on_update: Callable[[str, Order], Delivery] = lambda user_id, order: "once"
        """How an update goes out; faults lose, double, hold back or replay it."""
        self._held: dict[str, list[str]] = {}
        self._sent: dict[str, deque[str]] = {}
        self.before_frames: Callable[[Connection], None] = lambda connection: None
        """Called for each connection at each step of the market; faults silence or cut it here."""

    def of_user(self, user_id: str) -> list[Connection]:
        """Return the connections of one user."""
        return [connection for connection in self.connections if connection.user.user_id == user_id]

    def publish(self, tokens: Sequence[int]) -> None:
        """Send these instruments, which have just ticked, to everybody who subscribed to them."""
        if not self.connections:
            return
        encoded: dict[Mode, dict[int, bytes]] = {"ltp": {}, "quote": {}, "full": {}}
        for connection in self.connections:
            self.before_frames(connection)
            subscriptions = connection.subscriptions
            if not subscriptions or connection.tickless:
                continue
            packets: list[bytes] = []
            for token in tokens:
                mode = subscriptions.get(token)
                if mode is None:
                    continue
                known = encoded[mode]
                body = known.get(token)
                if body is None:
                    body = known[token] = packet(self._quotes[token], mode)
                packets.append(body)
            if packets:
                connection.send_ticks(frame(packets))

    def snapshot(self, connection: Connection, tokens: Sequence[int]) -> None:
        """Send the present state of some subscribed instruments to one connection."""
        if connection.tickless:
            return
        packets = [
            packet(self._quotes[token], mode)
            for token in tokens
            if (mode := connection.subscriptions.get(token)) is not None
        ]
        if packets:
            connection.send_ticks(frame(packets))

    def order_update(self, user: User, order: Order, status: str) -> None:
        """Send an order update to every connection of its user."""
        delivery = self.on_update(user.user_id, order)
        if delivery == "lost":
            return
        text = json.dumps({"type": "order", "data": payload(user, order, status)}, separators=(",", ":"))
        held = self._held.setdefault(user.user_id, [])
        if delivery == "held":
            held.append(text)
            return
        sent = self._sent.setdefault(user.user_id, deque(maxlen=_REPLAYED))
        match delivery:
            case "doubled":
                texts = [text, text]
            case "replayed":
                texts = [text, *sent]
            case _:
                texts = [text]
        sent.append(text)
        texts += held
        held.clear()
        for connection in self.of_user(user.user_id):
            for each in texts:
                connection.send_text(each)


def payload(user: User, order: Order, status: str) -> dict[str, object]:
    """Return the body of an order update and of a postback: postback.json of zerodha/kiteconnect-mocks."""
    row = order.row()
    for name in ("tags", "modified", "account_id", "validity_ttl"):
        row.pop(name, None)
    stamp = timestamp(order.order_ns)
    return row | {
        "status": status,
        "user_id": user.user_id,
        "app_id": user.app_id,
        "unfilled_quantity": order.pending if status == "UPDATE" else 0,
        # https://kite.trade/docs/connect/v3/postbacks/#checksum
        "checksum": hashlib.sha256(f"{order.order_id}{stamp}{user.api_secret}".encode()).hexdigest(),
    }
