"""Calls to the broker: each order in a task of its own, each read once at a time; whatever comes of them is an event.

Nothing here repeats a call: an answer that is missing is the domain's to resolve, by the book (rule 2).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from trader.engine.pacing import Pace
from trader.engine.ports import Broker, Clock, GateClosed, Outcome, Permit, Refused, Telemetry, Unknown
from trader.engine.records import Order

ReadEffect = ReadBook | ReadPositions | ReadFunds
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
        self.in_flight = 0
        """Orders on their way; reads do not count."""

    def send(
        self, tasks: asyncio.TaskGroup, epoch: Epoch, orders: Sequence[Order], epoch_checked_at: MachineTime | None
    ) -> None:
        """Send these orders at once, side by side. They are durable; `epoch_checked_at` is from before that was proved."""
        for order in orders:
            place = order if isinstance(order, PlaceOrder) else None
            permit = Permit(
                tag=order.tag,
                adds_risk=place is not None and place.adds_risk,
                epoch=epoch,
                risk_generation=place.risk_generation if place is not None else 0,
                epoch_checked_at=epoch_checked_at,
            )
            self.in_flight += 1
            tasks.create_task(self._send(order, permit), name=f"send-{order.tag}")

    def read(self, tasks: asyncio.TaskGroup, effect: ReadEffect) -> None:
        """Read, unless the same read is under way: its answer will do."""
        what = _READS[type(effect)]
        if what not in self._reading:
            self._reading.add(what)
            tasks.create_task(self._read(effect, what), name=f"read-{what}")

    async def _send(self, order: Order, permit: Permit) -> None:
        call = None
        try:
            call = await self._pace.turn()
            permit = replace(permit, leaves=call.left)
            if isinstance(order, PlaceOrder):
                await self._place(order, permit)
            else:
                await self._change(order, permit)
        finally:
            self.in_flight -= 1
            if call is not None:
                call.over()

    async def _place(self, order: PlaceOrder, permit: Permit) -> None:
        started = self._clock.machine_time()
        event: Event
        try:
            order_id = await self._broker.place(order, permit)
        except Refused as refusal:
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
        self._ended("place", outcome, started)
        self._mark(order.tag, "unknown" if outcome == "unknown" else "answered")
        self._post(event)

    async def _change(self, order: ModifyOrder | CancelOrder, permit: Permit) -> None:
        started = self._clock.machine_time()
        operation = "modify" if isinstance(order, ModifyOrder) else "cancel"
        outcome, message, told = "accepted", "", "accepted"
        try:
            if isinstance(order, ModifyOrder):
                await self._broker.modify(order, permit)
            else:
                await self._broker.cancel(order, permit)
        except Refused as refusal:
            outcome, message, told = "refused", str(refusal), _name(refusal)
        except Unknown as doubt:
            outcome, message, told = "unknown", str(doubt), "unknown"
        self._ended(operation, told, started)
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
