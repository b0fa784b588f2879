"""Turns the entries of `GET /sim/log` into the history of each intent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trader.domain.tags import TagParts, decode_tag
from trader.domain.values import Leg

TERMINAL = frozenset({"COMPLETE", "CANCELLED", "REJECTED"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that the exchange took, with what its tag says."""

    at_ns: int
    order_id: str
    tag: str
    parts: TagParts
    instrument: str
    transaction_type: str
    quantity: int


@dataclass(slots=True)
class Change:
    """A moment at which something of an intent changed: a fill, a stop that began or ceased to work."""

    at_ns: int
    filled_entry: int = 0
    filled_exit: int = 0
    working_exits: dict[str, int] = field(default_factory=dict)
    """Order id -> pending quantity of stops and exits at work, as of this moment."""


def ours(entries: Iterable[Mapping[str, Any]]) -> list[Accepted]:
    """The accepted orders whose tag is one of ours, oldest first."""
    found = []
    for entry in entries:
        if entry["kind"] != "order_accepted" or (parts := decode_tag(entry.get("tag"))) is None:
            continue
        found.append(
            Accepted(
                at_ns=entry["machine_time_ns"],
                order_id=str(entry["order_id"]),
                tag=entry["tag"],
                parts=parts,
                instrument=entry["instrument"],
                transaction_type=entry["transaction_type"],
                quantity=int(entry["quantity"]),
            )
        )
    return found


def changes(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[Change]]:
    """The course of each intent: cumulative entry and exit fills, and the protective orders at work after each event."""
    orders: dict[str, Accepted] = {}
    pending: dict[str, int] = {}
    course: dict[str, list[Change]] = {}
    for entry in entries:
        if entry["kind"] == "order_accepted" and (found := ours([entry])):
            order = found[0]
            orders[order.order_id] = order
            pending[order.order_id] = order.quantity
        elif str(entry.get("order_id")) not in orders:
            continue
        order = orders[str(entry["order_id"])]
        _note(course.setdefault(order.parts.intent, []), order, entry, orders, pending)
    return course


def _note(
    course: list[Change],
    order: Accepted,
    entry: Mapping[str, Any],
    orders: Mapping[str, Accepted],
    pending: dict[str, int],
) -> None:
    """Append the state of the intent after this entry."""
    last = course[-1] if course else Change(0)
    filled_entry, filled_exit = last.filled_entry, last.filled_exit
    match entry["kind"]:
        case "trade":
            quantity = int(entry["quantity"])
            pending[order.order_id] = max(0, pending[order.order_id] - quantity)
            if order.parts.leg is Leg.ENTRY:
                filled_entry += quantity
            else:
                # An exit on the entry's own side takes a reversal back.
                takes_back = order.parts.leg is Leg.EXIT and order.transaction_type == _entry_side(order, orders)
                filled_exit += -quantity if takes_back else quantity
        case "order_update" if entry["status"] in TERMINAL:
            pending[order.order_id] = 0
        case "order_cancelled":
            pending[order.order_id] = 0
        case "order_modified" if "quantity" in entry:
            pending[order.order_id] = int(entry["quantity"]) - int(entry.get("filled_quantity", 0))
        case _:
            pass
    working = {
        order_id: quantity
        for order_id, quantity in pending.items()
        if quantity > 0
        and orders[order_id].parts.intent == order.parts.intent
        and orders[order_id].parts.leg in {Leg.STOP, Leg.EXIT}
    }
    course.append(Change(entry["machine_time_ns"], filled_entry, filled_exit, working))


def _entry_side(order: Accepted, orders: Mapping[str, Accepted]) -> str:
    """The side of the intent's entry; empty when it was accepted before this log begins."""
    return next(
        (
            each.transaction_type
            for each in orders.values()
            if each.parts.leg is Leg.ENTRY and each.parts.intent == order.parts.intent
        ),
        "",
    )


def of_account(entries: Iterable[Mapping[str, Any]], user_id: str) -> list[Mapping[str, Any]]:
    """The entries about the orders of one account: a simulator serves many."""
    orders: set[str] = set()
    found = []
    for entry in entries:
        if entry["kind"] == "order_accepted" and entry.get("user_id") == user_id:
            orders.add(str(entry["order_id"]))
        if str(entry.get("order_id")) in orders:
            found.append(entry)
    return found
