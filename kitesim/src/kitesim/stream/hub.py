"""All stream connections, and what goes out to them.

One slice of the market is encoded once per mode, however many connections want it. A connection that does not read
loses old ticks, never order updates, and never holds up anybody else.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

from kitesim.clocks import timestamp
from kitesim.exchange.orders import Order
from kitesim.market.quotes import Quote
from kitesim.stream.connections import Connection
from kitesim.stream.packets import Mode, frame, packet
from kitesim.users import User


class Hub:
    """Who listens, and to what."""

    def __init__(self, quotes: Mapping[int, Quote]) -> None:
        self._quotes = quotes
        self.connections: list[Connection] = []
        self.on_update: Callable[[str, Order], int] = lambda user_id, order: 1
        """How often an update goes out; faults set it to 0 or 2."""
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
            if not subscriptions:
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
        packets = [
            packet(self._quotes[token], mode)
            for token in tokens
            if (mode := connection.subscriptions.get(token)) is not None
        ]
        if packets:
            connection.send_ticks(frame(packets))

    def order_update(self, user: User, order: Order, status: str) -> None:
        """Send an order update to every connection of its user."""
        copies = self.on_update(user.user_id, order)
        if not copies:
            return
        text = json.dumps({"type": "order", "data": payload(user, order, status)}, separators=(",", ":"))
        for connection in self.of_user(user.user_id):
            for _ in range(copies):
                connection.send_text(text)


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
