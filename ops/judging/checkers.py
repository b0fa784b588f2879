"""The checkers themselves. Each returns the violations it found, in words; an empty list means that the promise held.

Sources: the architecture's rules 1, 2, 3 and 7; the invariants I1, I2, I4 and I6.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.judging.history import TERMINAL, Change, changes, ours
from trader.domain.values import Leg

SECOND_NS = 1_000_000_000
UNPROTECTED_LIMIT_SECONDS = 5.0
"""Rule 2: an in-doubt stop counts as protection for at most 5 s; nothing is unprotected for longer."""

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of machine time, in nanoseconds on the exchange's clock."""

    begin_ns: int
    end_ns: int


def duplicate_orders(entries: Entries) -> list[str]:
    """No two accepted orders carry the same intent, leg and attempt, whatever their epoch (I1)."""
    seen: dict[tuple[str, str, int], str] = {}
    found = []
    for order in ours(entries):
        key = (order.parts.intent, order.parts.leg.value, order.parts.attempt)
        if key in seen:
            found.append(f"{order.tag} (order {order.order_id}) repeats {seen[key]}: same intent, leg and attempt")
        seen.setdefault(key, order.tag)
    return found


def repeated_entries(entries: Entries) -> list[str]:
    """Per signal at most one entry is ever accepted."""
    count: dict[str, list[str]] = defaultdict(list)
    for order in ours(entries):
        if order.parts.leg is Leg.ENTRY:
            count[order.parts.intent].append(order.order_id)
    return [
        f"intent {intent} had {len(ids)} entries: {', '.join(ids)}" for intent, ids in count.items() if len(ids) > 1
    ]


def stale_epoch_risk(entries: Entries) -> list[str]:
    """No entry is accepted under an older epoch once a newer epoch's first order was (I2)."""
    newest = -1
    found = []
    for order in ours(entries):
        if order.parts.leg is Leg.ENTRY and order.parts.epoch < newest:
            found.append(
                f"entry {order.tag} of epoch {order.parts.epoch} was accepted after an order of epoch {newest}"
            )
        newest = max(newest, order.parts.epoch)
    return found


def reversals(entries: Entries, leaderless: Iterable[Interval] = ()) -> list[str]:
    """Exits never fill more than the entry did (I4), and what did is taken back.

    While nobody could lead (`leaderless`) stop and target both stand at the exchange and nobody can cancel the other: when both
    fill then, the successor closes the reversal; that it arose is no fault of anybody, that it stays is one.
    """
    gaps = tuple(leaderless)
    found = []
    for intent, course in changes(entries).items():
        arose = [
            after
            for before, after in itertools.pairwise((Change(0), *course))
            if after.filled_exit > after.filled_entry and after.filled_exit > before.filled_exit
        ]
        faults = [each for each in arose if not any(gap.begin_ns <= each.at_ns <= gap.end_ns for gap in gaps)]
        if faults or course[-1].filled_exit > course[-1].filled_entry:
            worst = max((*faults, course[-1]), key=lambda each: each.filled_exit - each.filled_entry)
            found.append(f"intent {intent}: {worst.filled_exit} exited of {worst.filled_entry} entered")
    return found


def unprotected(entries: Entries, until_ns: int, leaderless: Iterable[Interval] = ()) -> list[str]:
    """No filled quantity stands without a stop or exit at work for longer than rule 2 allows (I6).

    Time in which nobody could lead (`leaderless`) is counted apart: nothing can be sent then, by rule 1.
    """
    gaps = tuple(leaderless)
    found = []
    for intent, course in changes(entries).items():
        for interval in _naked(course, until_ns):
            led = interval.end_ns - interval.begin_ns - sum(_overlap(interval, gap) for gap in gaps)
            if led > UNPROTECTED_LIMIT_SECONDS * SECOND_NS:
                found.append(f"intent {intent} stood without a stop for {led / SECOND_NS:.1f} s")
    return found


def longest_unprotected_seconds(entries: Entries, until_ns: int) -> float:
    """The longest time that a filled quantity stood without its stop, in seconds; 0 when it never did."""
    spans = [each.end_ns - each.begin_ns for course in changes(entries).values() for each in _naked(course, until_ns)]
    return max(spans, default=0) / SECOND_NS


def _naked(course: Sequence[Any], until_ns: int) -> list[Interval]:
    """The intervals in which open quantity exceeded what stops and exits at work would close."""
    found: list[Interval] = []
    begin: int | None = None
    for change in course:
        is_naked = change.filled_entry - change.filled_exit > sum(change.working_exits.values())
        if is_naked and begin is None:
            begin = change.at_ns
        elif not is_naked and begin is not None:
            found.append(Interval(begin, change.at_ns))
            begin = None
    if begin is not None:
        found.append(Interval(begin, max(begin, until_ns)))
    return found


def _overlap(one: Interval, other: Interval) -> int:
    return max(0, min(one.end_ns, other.end_ns) - max(one.begin_ns, other.begin_ns))


def judge(entries: Entries, until_ns: int, leaderless: Iterable[Interval] = ()) -> dict[str, list[str]]:
    """All promises at once: promise -> violations."""
    leaderless = tuple(leaderless)
    return {
        "no order twice": duplicate_orders(entries),
        "one entry per signal": repeated_entries(entries),
        "no risk under an older epoch": stale_epoch_risk(entries),
        "no reversal": reversals(entries, leaderless),
        "no position without its stop": unprotected(entries, until_ns, leaderless),
    }


def flat_since(entries: Entries, since_ns: int) -> int | None:
    """When the account became flat after `since_ns`: our quantity zero, none of our orders at work. None: not flat yet.

    Rule 5, by the exchange's log: the moment is that of the last fill or the last order that ended.
    """
    moment = since_ns
    alive: dict[str, bool] = {}
    for entry in entries:
        for order in ours([entry]):
            alive[order.order_id] = True
        if str(entry.get("order_id")) not in alive:
            continue
        if entry["kind"] == "order_cancelled" or (entry["kind"] == "order_update" and entry["status"] in TERMINAL):
            alive[str(entry["order_id"])] = False
        if entry["kind"] in {"trade", "order_cancelled", "order_update"}:
            moment = max(moment, int(entry["machine_time_ns"]))
    open_quantity = sum(course[-1].filled_entry - course[-1].filled_exit for course in changes(entries).values())
    return moment if open_quantity == 0 and not any(alive.values()) else None
