"""After the storm: look until everything is well, or its time is over."""

from itertools import islice
from typing import Any

from ops.judging.courses import Moment, Views, left_over
from ops.judging.liveness import ABSENT_SECONDS, LEADER_SECONDS, SETTLED_SECONDS
from ops.simulating.exchange import RECEIVED, BookOrder
from ops.simulating.happening import kill
from ops.simulating.process import Process
from ops.simulating.world import World
from trader.domain.positions import our_positions
from trader.domain.state import Durable, Order
from trader.domain.tags import decode_tag
from trader.domain.values import Leg, OrderStatus, TradingState

LOOK_SECONDS = 0.25
_WANTING = ("unknown", "absent", "orphans", "naked", "differences", "foreign", "waiting")
_UNKNOWN = (OrderStatus.IN_DOUBT, OrderStatus.SENT, OrderStatus.UNSENT)
_RESTING = (TradingState.LIVE, TradingState.HALTED, TradingState.CLOSED)


def converge(world: World) -> None:
    """Let time pass and look, until two looks in a row find nothing to wait for."""
    limit = LEADER_SECONDS + SETTLED_SECONDS + 2.0
    healed, well = world.scheduler.now, 0
    watch = Watch(world)
    while True:
        world.run(LOOK_SECONDS)
        seen = look(world, watch)
        world.note("checked", **seen)
        well = 0 if _is_wanting(seen) else well + 1
        if well == 2:
            return
        if seen["absent"]:
            limit = LEADER_SECONDS + ABSENT_SECONDS + 2.0
        if world.scheduler.now - healed > limit * 1e9:
            return


def _is_wanting(seen: dict[str, Any]) -> bool:
    return not seen["leader"] or any(seen[what] for what in _WANTING)


def look(world: World, watch: "Watch") -> dict[str, Any]:
    """What an observer who knows everything sees now."""
    leader = world.leader
    last = watch.intents()
    seen: dict[str, Any] = {
        "leader": leader.name if leader else "",
        "orphans": [intent for intent, (net, cover, others) in last.items() if not net and cover + others],
        "naked": [intent for intent, (net, cover, _) in last.items() if cover < abs(net)],
        "unknown": [],
        "absent": [],
        "differences": [],
        "foreign": [],
        "settled": [],
        "waiting": [],
    }
    if leader is not None:
        _compare(world, leader, seen)
    return seen


Sums = tuple[int, int, int]
"""Net quantity of an intent, what stops and exits at work would close of it, and what other exits work."""


class Watch:
    """Follows what each intent holds and has at work at the exchange; reads each order and each entry of the log once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._orders_read = self._entries_read = 0
        self._legs: dict[str, list[tuple[Leg, BookOrder]]] = {}
        self._done: set[str] = set()
        """Intents that hold nothing and whose orders are all over: only another order of theirs would change that."""
        self._views = Views()

    def intents(self) -> dict[str, Sums]:
        """Of each intent that holds something or has something at work."""
        return self._by_the_log() if self._world.exchange.has_people else self._by_the_orders()

    def _by_the_log(self) -> dict[str, Sums]:
        """Of the views of trades by hand, the mildest one."""
        for entry in islice(self._world.history, self._entries_read, None):
            self._views.add(entry)
        self._entries_read = len(self._world.history)
        every = self._views.all
        found = {intent: min((_sums(each.of[intent][-1]) for each in every), key=_badness) for intent in every[0].of}
        if len(every) > 1 and any(map(_badness, found.values())):
            courses = left_over(self._world.history, every[0].of)
            found = {intent: min(sums, _sums(courses[intent][-1]), key=_badness) for intent, sums in found.items()}
        return found

    def _by_the_orders(self) -> dict[str, Sums]:
        orders = self._world.exchange.orders
        for order in islice(orders.values(), self._orders_read, None):
            parts = decode_tag(order.tag)
            if parts is not None:
                self._legs.setdefault(parts.intent, []).append((parts.leg, order))
                self._done.discard(parts.intent)
        self._orders_read = len(orders)
        return {
            intent: sums
            for intent, legs in self._legs.items()
            if intent not in self._done and (sums := self._sums_of(intent, legs)) is not None
        }

    def _sums_of(self, intent: str, legs: list[tuple[Leg, BookOrder]]) -> Sums | None:
        net = sum(order.side.sign * order.filled for _, order in legs)
        if not net and all(order.is_over for _, order in legs):
            self._done.add(intent)
            return None
        left = [(leg, order.side.sign, order.quantity - order.filled) for leg, order in legs if order.is_open]
        if any(leg is Leg.ENTRY for leg, _, _ in left) and not net:
            return None
        cover = sum(rest for leg, sign, rest in left if leg in (Leg.STOP, Leg.EXIT) and sign * net <= 0)
        others = sum(rest for leg, sign, rest in left if leg is Leg.TARGET or (leg is not Leg.ENTRY and sign * net > 0))
        return net, cover, others


def _badness(sums: Sums) -> int:
    net, cover, others = sums
    return int(cover < abs(net)) + int(not net and cover + others > 0)


def _sums(moment: Moment) -> Sums:
    if not moment.working:
        return moment.net, 0, 0
    legs = moment.working.values()
    if not moment.net and any(each.parts.leg is Leg.ENTRY for each in legs):
        return 0, 0, 0
    rest = sum(each.pending for each in legs if each.parts.leg is not Leg.ENTRY)
    return moment.net, moment.cover, rest - moment.cover


def _compare(world: World, leader: Process, seen: dict[str, Any]) -> None:
    """The leader's books against the exchange's."""
    _compare_orders(world, leader.probe.state.durable, seen)
    _compare_positions(world, leader.probe.state.durable, seen)
    durable, control = leader.probe.state.durable, leader.probe.state.control
    if control.trading_state not in _RESTING:
        said = f"the trading state is {control.trading_state}: {control.message}"
        seen["foreign" if "positions differ" in said and world.exchange.has_people else "differences"].append(said)
    kill_row = world.database.standing_kill()
    is_proved = durable.kill is not None and durable.flat_at is not None
    if kill_row is not None and not is_proved and not seen["absent"]:
        seen["differences"].append(f"kill {kill_row.kill_id} stands and flat is not proved")
    seen["waiting"] += leader.waiting()


def _compare_orders(world: World, durable: Durable, seen: dict[str, Any]) -> None:
    at_exchange = world.exchange.by_tag
    known = set()
    for tag, order in ((tag, order) for each in durable.open.values() for tag, order in each.orders.items()):
        true = at_exchange.get(tag)
        if not order.status.is_terminal:
            known.add(tag)
            seen[_kind_of_doubt(order, true)].append(f"{tag} is {order.status} here")
        if true is not None and true.filled != order.filled_quantity:
            seen["differences"].append(f"{tag} filled {order.filled_quantity} here and {true.filled} there")
    for true in world.exchange.working():
        if decode_tag(true.tag) is not None and true.tag not in known:
            seen["differences"].append(f"{true.tag} works there and is over here")


def _kind_of_doubt(order: Order, true: BookOrder | None) -> str:
    """Under which head a live order of the engine's belongs, by what it truly is."""
    if order.status in _UNKNOWN:
        return "absent" if true is None or true.status == RECEIVED else "unknown"
    return "settled" if true is not None and (true.is_open or true.status == RECEIVED) else "differences"


def _compare_positions(world: World, durable: Durable, seen: dict[str, Any]) -> None:
    head = "foreign" if world.exchange.has_people else "differences"
    ours, account = our_positions(durable), {each.instrument: each.quantity for each in world.exchange.positions()}
    for key in sorted({*ours, *account, *durable.foreign}):
        here = ours.get(key, 0) + durable.foreign.get(key, 0)
        if here != account.get(key, 0):
            seen[head].append(f"{key}: {here} here, {account.get(key, 0)} there")


def kill_and_wait(world: World) -> int | None:
    """Ask the leader for a kill, and give it its two seconds; when it was asked. None: nobody leads."""
    leader = world.leader
    if leader is None:
        return None
    asked = world.scheduler.now
    kill(world, leader)
    world.run(2.0)
    return asked
