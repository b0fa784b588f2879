"""One real fault for each of the eight alerts.

Nothing here writes a metric: the fault is at the broker, in the network, or a person.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from ops.alerting.desks import Desk
from ops.clients.session import wait_for
from ops.cluster import faults

# The alert's window: it stays until the slow one has left it.
WINDOW_SECONDS = 300


class Position(StrEnum):
    """When a fault wants a protected position."""

    NONE = "none"
    BEFORE = "before"
    """It befalls one that stands."""
    WITHIN = "within"
    """It befalls the making of one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a desk, and the alert that must tell."""

    alert: str
    words: str
    inject: Callable[[Desk], AbstractContextManager[None]]
    also: tuple[str, ...] = ()
    """Alerts that are right to fire beside it."""
    stays_seconds: float = 0
    """How long the alert stays by its own window after the fault is over."""
    position: Position = Position.NONE
    bites: Callable[[Desk], bool] = lambda _: True
    """Whether the fault has had its effect; the alert's seconds count from there."""


@contextmanager
def _slow_acknowledgements(desk: Desk) -> Iterator[None]:
    with desk.fault(kind="delay", delay_ms=700, method="POST", path="/orders/.*"):
        yield


@contextmanager
def _kill_with_slow_broker(desk: Desk) -> Iterator[None]:
    with (
        desk.fault(kind="delay", delay_ms=3000, method="PUT", path="/orders/.*"),
        desk.fault(kind="delay", delay_ms=3000, method="DELETE", path="/orders/.*"),
    ):
        desk.session.patch({"killSwitch": {"engaged": True, "reason": "proof of the alerts"}})
        yield
        wait_for("a flat account", lambda: (not desk.positions() and not desk.working()) or None, 60)


@contextmanager
def _second_use_of_a_tag(desk: Desk) -> Iterator[None]:
    client = desk.second_client()
    stop = next(order for order in desk.working() if order["status"] == "TRIGGER PENDING")
    # Below the market, so that it works and does not fill, and inside the exchange's price protection of 3 %.
    last = desk.exchange.get("/sim/state")["last_prices"][f"{stop['exchange']}:{stop['tradingsymbol']}"]
    price = round(last * 0.98)
    order_id = client.place_order(
        client.VARIETY_REGULAR,
        stop["exchange"],
        stop["tradingsymbol"],
        client.TRANSACTION_TYPE_BUY,
        stop["quantity"],
        stop["product"],
        client.ORDER_TYPE_LIMIT,
        price=price,
        tag=stop["tag"],
    )
    try:
        yield
    finally:
        client.cancel_order(client.VARIETY_REGULAR, order_id)


@contextmanager
def _closed_by_hand_while_cancels_are_refused(desk: Desk) -> Iterator[None]:
    client = desk.second_client()
    with desk.fault(kind="ip-refused", method="DELETE"):
        for held in desk.positions():
            client.place_order(
                client.VARIETY_REGULAR,
                held["exchange"],
                held["tradingsymbol"],
                client.TRANSACTION_TYPE_SELL if held["quantity"] > 0 else client.TRANSACTION_TYPE_BUY,
                abs(held["quantity"]),
                held["product"],
                client.ORDER_TYPE_MARKET,
                market_protection=-1,
            )
        yield


@contextmanager
def _funds_withdrawn(desk: Desk) -> Iterator[None]:
    heat, worth = wait_for("something at risk", lambda: _heat_and_worth(desk), 30)
    # What is left makes the same heat 4 % of it.
    amount = worth - heat / 0.04
    desk.exchange.post("/sim/funds", {"user_id": desk.account, "amount": -amount})
    try:
        yield
    finally:
        desk.exchange.post("/sim/funds", {"user_id": desk.account, "amount": amount})


def _heat_and_worth(desk: Desk) -> tuple[float, float] | None:
    """In rupees, by the leader's own word; None while there is no leader, no risk, or no knowledge of the funds."""
    leader = desk.session.leadership()
    if leader is None:
        return None
    shown = dict(line.rsplit(" ", 1) for line in desk.session.metrics(leader.pod).splitlines())
    heat, worth = (float(shown[f"trader_{name}_rupees"]) for name in ("portfolio_heat", "net_liquidation"))
    return (heat, worth) if heat > 0 and worth > 0 else None


@contextmanager
def _electors_cut_from_the_api_server(desk: Desk) -> Iterator[None]:
    with faults.pods_cut_from_api(
        desk.session.kubectl.namespace, f"tradeops.dev/session={desk.name},app.kubernetes.io/component=trader"
    ):
        yield


def _stream(kind: str) -> Callable[[Desk], AbstractContextManager[None]]:
    @contextmanager
    def inject(desk: Desk) -> Iterator[None]:
        with desk.fault(kind=kind):
            yield

    return inject


# Those of one line befall one session, one after the other; the lines run side by side. Few sessions, for each is two processes:
# so many that the machine starves would prove nothing.
LINES: dict[str, tuple[Fault, ...]] = {
    "first": (
        Fault("HeatGuardBreach", "funds withdrawn until 4 % is at risk", _funds_withdrawn, position=Position.BEFORE),
        Fault("MarketDataHeartbeatStale", "the stream brings heartbeats and no tick", _stream("heartbeats-only")),
        Fault(
            "OrderStreamHeartbeatStale",
            "a black hole: the stream stands open and brings nothing",
            _stream("black-hole"),
            also=("MarketDataHeartbeatStale",),
        ),
        Fault("LeaderLockLost", "both electors cut from the API server", _electors_cut_from_the_api_server),
        Fault(
            "KillFlattenSLOBreach",
            "a kill while modifies and cancels take 3 s",
            _kill_with_slow_broker,
            also=("OrderAckLatencySLOBreach",),
            stays_seconds=WINDOW_SECONDS,
            position=Position.BEFORE,
        ),
    ),
    "second": (
        Fault(
            "OrderAckLatencySLOBreach",
            "700 ms of latency; counted from the third order",
            _slow_acknowledgements,
            stays_seconds=WINDOW_SECONDS,
            position=Position.WITHIN,
            bites=lambda desk: desk.strikes("delay") >= 3,
        ),
        Fault("DuplicateClientIDs", "a second client uses a live tag", _second_use_of_a_tag, position=Position.BEFORE),
        Fault(
            "OrphanOCOSiblings",
            "position closed by hand while cancels are refused",
            _closed_by_hand_while_cancels_are_refused,
            position=Position.BEFORE,
        ),
    ),
    "clean": (),
}
