"""Calls to the broker: each order in a task of its own, each read once at a time; whatever comes of them is an event.

The first orders of a batch are made ready while it is committed, and are granted once it stands: on the order path nothing is left
to do then but to ask the gate and to write.

Nothing here repeats a call: an answer that is missing is the domain's to resolve, by the book (rule 2).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import assert_never

from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder, ReadBook, ReadFunds, ReadPositions
from trader.domain.events import (
    BookRead,
    Event,
    FundsRead,
    MutationReply,
    PlaceAccepted,
    PlaceRefused,
    PlaceUnknown,
    PositionsRead,
    ReadFailed,
)
from trader.domain.values import SECOND, Epoch, MachineTime, MarketTime, Tag
from trader.engine.granting import Forthcoming
from trader.engine.pacing import Pace
from trader.engine.ports import Broker, Clock, GateClosed, Outcome, Refused, Telemetry, Unknown
from trader.engine.records import Order

ReadEffect = ReadBook | ReadPositions | ReadFunds
AHEAD = 4
"""So many orders are made ready at once: the broker's adapter has workers for more, those of earlier batches wait for none."""
_READS = {ReadBook: "book", ReadPositions: "positions", ReadFunds: "funds"}


class Sender:
    """Performs orders that are durable, and reads."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        telemetry: Telemetry,
        *,
        post: Callable[[Event], None],
        mark: Callable[[Tag, str], None],
        pace: Pace,
    ) -> None:
        """`mark` notes what became of an order's outbox row; it must not block."""
        self._broker = broker
        self._clock = clock
        self._telemetry = telemetry
        self._post = post
        self._mark = mark
        self._pace = pace
        self._reading: set[str] = set()
        self._ready: dict[int, Forthcoming] = {}
        """Of orders that are made ready and wait for their commit, by the identity of the object: two of a batch may be equal."""
        self.in_flight = 0
        """Orders on their way; reads do not count."""

    def make_ready(self, tasks: asyncio.TaskGroup, epoch: Epoch, orders: Sequence[Order]) -> None:
        """Begin with the first of these orders; not a byte of them leaves before `send`."""
        for order in orders[:AHEAD]:
            self._ready[id(order)] = self._begin(tasks, epoch, order)

    def send(
        self, tasks: asyncio.TaskGroup, epoch: Epoch, orders: Sequence[Order], epoch_checked_at: MachineTime | None
    ) -> None:
        """Send these orders at once, side by side. They are durable; `epoch_checked_at` is from before that was proved."""
        for order in orders:
            grant = self._ready.pop(id(order), None) or self._begin(tasks, epoch, order)
            grant.give(epoch_checked_at)

    def forget_ready(self) -> None:
        """What was made ready and not sent never will be: its commit ended otherwise, and the domain knows."""
        for grant in self._ready.values():
            grant.withdraw()
        self._ready.clear()

    def _begin(self, tasks: asyncio.TaskGroup, epoch: Epoch, order: Order) -> Forthcoming:
        grant = Forthcoming(order, epoch, self._pace, self._clock.machine_time)
        self.in_flight += 1
        tasks.create_task(self._send(order, grant), name=f"send-{order.tag}")
        return grant

    def read(self, tasks: asyncio.TaskGroup, effect: ReadEffect) -> None:
        """Read, unless the same read is under way: its answer will do."""
        what = _READS[type(effect)]
        if what not in self._reading:
            self._reading.add(what)
            tasks.create_task(self._read(effect, what), name=f"read-{what}")

    async def _send(self, order: Order, grant: Forthcoming) -> None:
        try:
            if isinstance(order, PlaceOrder):
                await self._place(order, grant)
            else:
                await self._change(order, grant)
        finally:
            self.in_flight -= 1
            grant.over()

    async def _place(self, order: PlaceOrder, grant: Forthcoming) -> None:
        # A refusal may come before the commit does: without a token nothing is even made ready. Nobody hears of it sooner.
        event: Event
        try:
            order_id = await self._broker.place(order, grant)
        except Refused as refusal:
            if not await grant.stands():
                return
            outcome = _name(refusal)
            event = PlaceRefused(
                *self._now(), order.tag, str(refusal), by_gate=isinstance(refusal, GateClosed), kind=outcome
            )
        except Unknown as doubt:
            outcome = "unknown"
            event = PlaceUnknown(*self._now(), order.tag, str(doubt))
        else:
            outcome = "accepted"
            event = PlaceAccepted(*self._now(), order.tag, order_id)
        self._ended("place", outcome, grant.given_at)
        self._mark(order.tag, "unknown" if outcome == "unknown" else "answered")
        self._post(event)

    async def _change(self, order: ModifyOrder | CancelOrder, grant: Forthcoming) -> None:
        operation = "modify" if isinstance(order, ModifyOrder) else "cancel"
        outcome, message, told = "accepted", "", "accepted"
        try:
            if isinstance(order, ModifyOrder):
                await self._broker.modify(order, grant)
            else:
                await self._broker.cancel(order, grant)
        except Refused as refusal:
            if not await grant.stands():
                return
            outcome, message, told = "refused", str(refusal), _name(refusal)
        except Unknown as doubt:
            outcome, message, told = "unknown", str(doubt), "unknown"
        self._ended(operation, told, grant.given_at)
        self._post(MutationReply(*self._now(), order.tag, operation, outcome, message, told))

    async def _read(self, effect: ReadEffect, what: str) -> None:
        requested_at = self._clock.machine_time()
        try:
            event = await self._ask(effect, requested_at)
            outcome = "answered"
        except Outcome as failure:
            event = ReadFailed(*self._now(), what, str(failure))
            outcome = _name(failure)
        finally:
            self._reading.discard(what)
        self._ended(what, outcome, requested_at)
        self._post(event)

    async def _ask(self, effect: ReadEffect, requested_at: MachineTime) -> Event:
        match effect:
            case ReadBook():
                orders = await self._broker.orders()
                return BookRead(*self._now(), requested_at, orders)
            case ReadPositions():
                positions = await self._broker.positions()
                return PositionsRead(*self._now(), requested_at, positions)
            case ReadFunds():
                funds = await self._broker.net_liquidation()
                return FundsRead(*self._now(), funds)
            case _:
                assert_never(effect)

    def _now(self) -> tuple[MachineTime, MarketTime]:
        return self._clock.machine_time(), self._clock.market_time()

    def _ended(self, operation: str, outcome: str, started: MachineTime) -> None:
        self._telemetry.performed(operation, outcome, (self._clock.machine_time() - started) / SECOND)


def _name(outcome: Outcome) -> str:
    """The metric's label of an outcome: `gate_closed`, `token_dead`, `rate_limited`, `refused`, `unknown`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(outcome).__name__).lstrip(
        "_"
    )
