"""What each intent held and had at work, moment by moment, by the exchange's log alone: one pass, signed as the exchange signs.

`history.changes` counts legs; this counts sides, so that a reversal and its correction are told apart.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ops.judging.history import TERMINAL
from trader.domain.tags import TagParts, decode_tag
from trader.domain.values import Leg

Entries = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of machine time, in nanoseconds on the exchange's clock."""

    begin_ns: int
    end_ns: int

    @property
    def length(self) -> int:
        """Nanoseconds."""
        return max(0, self.end_ns - self.begin_ns)


@dataclass(slots=True)
class Working:
    """One order of ours at the exchange."""

    order_id: str
    tag: str
    parts: TagParts
    sign: int
    pending: int
    accepted_ns: int


@dataclass(slots=True)
class Moment:
    """An intent right after something happened to it."""

    at_ns: int
    net: int = 0
    """Signed quantity."""
    side: int = 0
    """+1 for an intent that buys first."""
    working: dict[str, Working] = field(default_factory=dict)

    @property
    def cover(self) -> int:
        """What stops and exits at work would close of it."""
        return sum(
            each.pending
            for each in self.working.values()
            if each.parts.leg in (Leg.STOP, Leg.EXIT) and each.sign * self.net < 0
        )

    @property
    def is_naked(self) -> bool:
        """Something is held that no stop or exit would close."""
        return self.net != 0 and self.cover < abs(self.net)

    @property
    def is_orphaned(self) -> bool:
        """Nothing is held, no entry works, and an exit does."""
        if self.net or not self.working:
            return False
        return not any(each.parts.leg is Leg.ENTRY for each in self.working.values())

    @property
    def is_reversed(self) -> bool:
        """More was closed than was held."""
        return self.net * self.side < 0


class Courses:
    """Intent -> its moments, oldest first; grows with each entry of the log, so that a watcher need not read it twice."""

    def __init__(self, *, counts_outside: bool = False, most: Mapping[str, int] | None = None) -> None:
        """`most`: intent -> what trades by hand closed of it at most; None for as much as they can."""
        self.of: dict[str, list[Moment]] = {}
        self._counts_outside = counts_outside
        self._most = None if most is None else dict(most)
        self._orders: dict[str, Working] = {}
        self._instruments: dict[str, str] = {}
        self._outside: dict[str, int] = {}

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry."""
        kind = entry["kind"]
        change = _CHANGES.get(kind)
        if change is None:
            return
        order_id = str(entry.get("order_id"))
        if kind == "order_accepted":
            parts = decode_tag(entry.get("tag"))
            if parts is None:
                return
            sign = 1 if entry["transaction_type"] == "BUY" else -1
            order = Working(order_id, entry["tag"], parts, sign, int(entry["quantity"]), entry["machine_time_ns"])
            self._orders[order_id] = order
            self._instruments[parts.intent] = entry["instrument"]
        elif order_id in self._orders:
            order = self._orders[order_id]
        else:
            if kind == "trade" and self._counts_outside:
                self._traded_outside(entry)
            return
        course = self.of.setdefault(order.parts.intent, [])
        moment = _next(course, order, entry["machine_time_ns"])
        change(moment, order, entry)
        course.append(moment)
        if self._outside and kind == "trade":
            self._close(order.parts.intent, entry)

    def before_more_trades_by_hand(self) -> "Courses":
        """A copy that counts none of those to come."""
        copy = Courses(most=self._most)
        # Moments are never changed once they stand in a course; an order's quantity still is.
        copy.of = {intent: list(course) for intent, course in self.of.items()}
        copy._orders = {order_id: replace(order) for order_id, order in self._orders.items()}
        copy._instruments, copy._outside = dict(self._instruments), dict(self._outside)
        return copy

    def _traded_outside(self, entry: Mapping[str, Any]) -> None:
        """Somebody else traded in the account: what closes a position of ours closes it, now or as soon as there is one."""
        key, outside = entry["instrument"], self._outside
        outside[key] = outside.get(key, 0) + int(entry["quantity"]) * (1 if entry["transaction_type"] == "BUY" else -1)
        for intent in self.of:
            if self._instruments[intent] == key:
                self._close(intent, entry)

    def _close(self, intent: str, entry: Mapping[str, Any]) -> None:
        course, left = self.of[intent], self._outside.get(entry["instrument"], 0)
        last = course[-1]
        most = abs(last.net) if self._most is None else min(abs(last.net), self._most.get(intent, 0))
        if last.net * left < 0 and most:
            part = min(abs(left), most)
            if self._most is not None:
                self._most[intent] -= part
            signed = part if left > 0 else -part
            self._outside[entry["instrument"]] = left - signed
            course.append(Moment(entry["machine_time_ns"], last.net + signed, last.side, dict(last.working)))


class Views:
    """The courses, in each view of what trades by hand did.

    Whether one closed our position or opened another is a matter of view where it crosses an order of ours: none of them closed,
    or the first did, or the first two, and so on, and those after it are the human's own. Or they closed just what our own
    orders leave over in the end (`left_over`). Judges take the mildest view.
    """

    def __init__(self) -> None:
        self.all: list[Courses] = [Courses(counts_outside=True)]
        """First the one in which none closed anything; last the one in which all did."""

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry."""
        if entry["kind"] == "trade" and decode_tag(entry.get("tag")) is None:
            self.all.insert(-1, self.all[-1].before_more_trades_by_hand())
        for each in self.all:
            each.add(entry)


def views(entries: Entries) -> list[dict[str, list[Moment]]]:
    """Intent -> its moments, in each view: without trades by hand there is one."""
    found, entries = Views(), tuple(entries)
    for entry in entries:
        found.add(entry)
    all_of = [each.of for each in found.all]
    return [*all_of, left_over(entries, all_of[0])] if len(all_of) > 1 else all_of


def left_over(entries: Entries, none_closed: Mapping[str, Sequence[Moment]]) -> dict[str, list[Moment]]:
    """The view in which trades by hand closed just what our orders neither closed nor protect in the end.

    He sells what we hold, and our target sells a part of it once more before anybody sees it; or he sells all of it, and buys a
    little for himself: whose the rest is, no log says. What he could not have closed is naked here, too.
    """
    last = {intent: course[-1] for intent, course in none_closed.items()}
    courses = Courses(
        counts_outside=True, most={intent: max(0, abs(each.net) - each.cover) for intent, each in last.items()}
    )
    for entry in entries:
        courses.add(entry)
    return courses.of


def _next(course: list[Moment], order: Working, at_ns: int) -> Moment:
    if not course:
        entry_sign = order.sign if order.parts.leg is Leg.ENTRY else -order.sign
        return Moment(at_ns, 0, entry_sign)
    last = course[-1]
    return Moment(at_ns, last.net, last.side, dict(last.working))


def _accepted(moment: Moment, order: Working, _: Mapping[str, Any]) -> None:
    _left(moment, order, order.pending)


def _traded(moment: Moment, order: Working, entry: Mapping[str, Any]) -> None:
    quantity = int(entry["quantity"])
    moment.net += order.sign * quantity
    _left(moment, order, order.pending - quantity)


def _modified(moment: Moment, order: Working, entry: Mapping[str, Any]) -> None:
    if "quantity" in entry:
        _left(moment, order, int(entry["quantity"]) - int(entry.get("filled_quantity", 0)))


def _updated(moment: Moment, order: Working, entry: Mapping[str, Any]) -> None:
    if entry["status"] in TERMINAL:
        _left(moment, order, 0)


def _cancelled(moment: Moment, order: Working, _: Mapping[str, Any]) -> None:
    _left(moment, order, 0)


def _left(moment: Moment, order: Working, pending: int) -> None:
    # A new value each time: earlier moments keep theirs.
    changed = Working(order.order_id, order.tag, order.parts, order.sign, max(0, pending), order.accepted_ns)
    order.pending = changed.pending
    if changed.pending:
        moment.working[order.order_id] = changed
    else:
        moment.working.pop(order.order_id, None)


_CHANGES: dict[str, Callable[[Moment, Working, Mapping[str, Any]], None]] = {
    "order_accepted": _accepted,
    "trade": _traded,
    "order_modified": _modified,
    "order_update": _updated,
    "order_cancelled": _cancelled,
}


def spans(course: Iterable[Moment], is_so: Callable[[Moment], bool], until_ns: int) -> list[Interval]:
    """When something was so, without interruption."""
    found: list[Interval] = []
    begin: int | None = None
    for moment in course:
        if is_so(moment):
            begin = moment.at_ns if begin is None else begin
        elif begin is not None:
            found.append(Interval(begin, moment.at_ns))
            begin = None
    if begin is not None:
        found.append(Interval(begin, max(begin, until_ns)))
    return found


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Their union, in order."""
    found: list[Interval] = []
    for each in sorted(intervals, key=lambda interval: interval.begin_ns):
        if found and each.begin_ns <= found[-1].end_ns:
            found[-1] = Interval(found[-1].begin_ns, max(found[-1].end_ns, each.end_ns))
        else:
            found.append(each)
    return found


def beyond(interval: Interval, excused: Iterable[Interval]) -> int:
    """How much of an interval no excuse covers, in nanoseconds; `excused` must not overlap among themselves."""
    covered = sum(max(0, min(interval.end_ns, each.end_ns) - max(interval.begin_ns, each.begin_ns)) for each in excused)
    return interval.length - covered
