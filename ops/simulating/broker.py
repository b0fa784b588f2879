"""The road between one process and the broker: the engine's `Broker` port, with everything that a network and a broker may do.

As in the real transport, the gate is asked after the connection stands and right before the write; from then on nobody can call
the request back. Deadlines are the real adapter's: 2 s for orders, 3 s for reads (`trader.adapters.kite.rest`).
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ops.simulating.dice import Dice
from ops.simulating.troubles import Kind, Trouble
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.values import BrokerOrderId, Leg, Paise
from trader.engine.gate import OrderGate
from trader.engine.ports import Grant, Outcome, RateLimited, Refused, Unknown

if TYPE_CHECKING:
    from ops.simulating.process import Process

ORDER_DEADLINE = 2_000_000_000
READ_DEADLINE = 3_000_000_000
FUNDS = 5_000_000_00
Call = PlaceOrder | ModifyOrder | CancelOrder
_DOUBTFUL = (Kind.LOST, Kind.UNANSWERED)


class SimulatedBroker:
    """`Broker` of one process."""

    def __init__(self, process: "Process", gate: OrderGate, dice: Dice) -> None:
        self._process = process
        self._world = process.world
        self._gate = gate
        self._dice = dice

    # --- orders ---

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        return BrokerOrderId(await self._call("place", order, grant))

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        await self._call("modify", change, grant)

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        await self._call("cancel", order, grant)

    async def _call(self, operation: str, call: Call, grant: Grant) -> str:
        world, process = self._world, self._process
        permit = await grant.granted()
        trouble = world.calls.next()
        kind = trouble.kind if trouble else None
        if trouble and kind is Kind.SLOW_CONNECTION:
            await asyncio.sleep(trouble.seconds)
        self._gate.check(permit)
        process.note_sent(operation, call, permit)
        now = world.scheduler.now
        if process.weather.has(Kind.BROKER_AWAY, now):
            kind = Kind.LOST
        if trouble and kind not in (None, Kind.SLOW_CONNECTION):
            world.excuse(now, operation, call, trouble)
        out, back = self._dice.nanoseconds(0.004, 0.06), self._dice.nanoseconds(0.004, 0.06)
        reply: asyncio.Future[str] = process.loop.create_future()
        if trouble and kind is Kind.SLOW:
            out = int(trouble.seconds * 1e9)
        if kind is Kind.LOST:
            out = -1
        if trouble and kind is Kind.FROZEN:
            world.freeze(process, trouble.seconds, call.tag)
        is_doubtful = kind in _DOUBTFUL or kind is Kind.FROZEN or out + back > ORDER_DEADLINE
        if out >= 0:
            answer = None if is_doubtful else reply
            arrive = functools.partial(self._arrive, operation, call, trouble, back, answer)
            if kind is Kind.FROZEN:
                # Stopped between the last check and the write: that one request leaves with what comes next, if anything does.
                process.loop.call_soon(world.scheduler.after, out, arrive)
            else:
                world.scheduler.after(out, arrive)
        if is_doubtful:
            # Some failures are noticed at once (a reset), others only by the deadline.
            seconds = 0.02 + 0.2 * self._dice.chance() if self._dice.chance() < 0.4 else 2.0
            world.scheduler.after(int(seconds * 1e9), _fail, reply, Unknown("no reply"))
        if kind is Kind.CRASH_AFTER_SEND:
            world.scheduler.after(self._dice.nanoseconds(0, 0.1), world.crash, process)
        try:
            answered = await reply
        except Outcome as outcome:
            world.note(
                "replied", process=process.name, operation=operation, tag=call.tag, outcome=type(outcome).__name__
            )
            raise
        world.note("replied", process=process.name, operation=operation, tag=call.tag, outcome="accepted")
        return answered

    def _arrive(
        self, operation: str, call: Call, trouble: Trouble | None, back: int, reply: "asyncio.Future[str] | None"
    ) -> None:
        exchange, kind = self._world.exchange, trouble.kind if trouble else None
        outcome: Outcome | None = None
        order_id = ""
        if kind is Kind.LIMITED or not exchange.count_call(operation, call.tag):
            outcome = RateLimited("Too many requests")
        elif kind is Kind.REFUSED:
            outcome = Refused("RMS: refused")
        elif isinstance(call, PlaceOrder):
            hidden = int(trouble.seconds * 1e9) if trouble and kind is Kind.HIDDEN else 0
            order_id = exchange.place(call, hidden=hidden, rejected=kind is Kind.REJECTED).order_id
        else:
            problem = exchange.modify(call) if isinstance(call, ModifyOrder) else exchange.cancel(call)
            outcome = Refused(problem) if problem else None
        if reply is None:
            return
        if outcome is None:
            self._world.scheduler.after(back, _answer, reply, order_id)
        else:
            self._world.scheduler.after(back, _fail, reply, outcome)

    # --- reads ---

    async def orders(self) -> tuple[BrokerOrder, ...]:
        book: tuple[BrokerOrder, ...] = await self._read(self._world.exchange.book)
        return book

    async def positions(self) -> tuple[BrokerPosition, ...]:
        def positions() -> tuple[BrokerPosition, ...]:
            is_lagging = self._process.weather.has(Kind.POSITIONS_LAG, self._world.scheduler.now)
            return self._world.exchange.positions(self._dice.nanoseconds(0.5, 2.0) if is_lagging else 0)

        found: tuple[BrokerPosition, ...] = await self._read(positions)
        return found

    async def net_liquidation(self) -> Paise:
        found: Paise = await self._read(lambda: Paise(FUNDS + self._world.exchange.profit()))
        return found

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
        found: tuple[Instrument, ...] = await self._read(
            lambda: tuple(
                each
                for each in self._world.exchange.instruments.values()
                if each.underlying in underlyings and each.kind in kinds
            )
        )
        return found

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        exchange = self._world.exchange
        now: tuple[Instrument, ...] = await self._read(
            lambda: tuple(exchange.instruments[each.key] for each in instruments)
        )
        return now

    async def _read(self, look: Callable[[], Any]) -> Any:
        scheduler, weather = self._world.scheduler, self._process.weather
        reply: asyncio.Future[Any] = self._process.loop.create_future()
        out, back = self._dice.nanoseconds(0.004, 0.05), self._dice.nanoseconds(0.004, 0.08)
        if weather.has(Kind.READS_SLOW, scheduler.now):
            back += self._dice.nanoseconds(0.2, 2.6)
        if weather.has(Kind.READS_FAIL, scheduler.now) or weather.has(Kind.BROKER_AWAY, scheduler.now):
            seconds = 0.03 if self._dice.chance() < 0.5 else READ_DEADLINE / 1e9
            scheduler.after(int(seconds * 1e9), _fail, reply, Unknown("no reply"))
        else:
            scheduler.after(out, lambda: scheduler.after(back, _answer, reply, look()))
        return await reply


def protects(call: Call) -> bool:
    """Whether an order is there to reduce what is held."""
    return not isinstance(call, PlaceOrder) or call.leg in (Leg.STOP, Leg.EXIT)


def _answer(reply: "asyncio.Future[Any]", value: object) -> None:
    if not reply.done():
        reply.set_result(value)


def _fail(reply: "asyncio.Future[Any]", outcome: Outcome) -> None:
    if not reply.done():
        reply.set_exception(outcome)
