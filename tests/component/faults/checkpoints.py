"""Where the process of a trader can stop itself, as a paused container or a stalled machine stops it: at each step of a send.

From outside a signal comes when it comes. These are put into the trader's own process, around its own functions, before it begins:
the first order of a leg that gets so far stops all of it (SIGSTOP), and SIGCONT lets it go on as if nothing had been.
"""

import enum
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from trader.adapters.kite.transport import Wire
from trader.adapters.sql.store import SqlStore
from trader.domain.effects import PlaceOrder
from trader.domain.tags import decode_tag
from trader.domain.values import Leg, Tag
from trader.engine.gate import OrderGate
from trader.engine.ports import Permit
from trader.engine.sending import Sender

VARIABLE: Final = "TEST_STOPS_AT"


class Checkpoint(enum.StrEnum):
    """How far an order got when the process stopped."""

    DECIDED = "decided"
    """Nothing of it is durable yet."""
    DURABLE = "durable"
    """It stands in the database; nobody has begun to send it."""
    BUILT = "built"
    """The request is whole, its connection stands, and it is granted; the gate was not asked."""
    PASSED = "passed"
    """The gate let it pass; not a byte is written. Whatever happens now, it leaves when the process goes on."""


def spoken(checkpoint: Checkpoint, leg: Leg) -> str:
    """The value of the environment's variable."""
    return f"{checkpoint.value} {leg.value}"


def stop_at(said: str) -> None:
    """Put it into this process; at most once it stops."""
    where, leg = said.split()
    once = threading.Lock()

    def stop(tag: Tag) -> None:
        parts = decode_tag(tag)
        if parts is not None and parts.leg is Leg(leg) and once.acquire(blocking=False):
            # To this thread: one that is sent to the process stops whoever takes it first, and this thread some steps later.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    _PUT[Checkpoint(where)](stop)


def _at_decided(stop: Callable[[Tag], None]) -> None:
    commit = SqlStore.commit

    async def stopping(self: SqlStore, *batch: Any) -> None:
        for each in batch[-1]:
            if isinstance(each, PlaceOrder):
                stop(each.tag)
        await commit(self, *batch)

    SqlStore.commit = stopping  # type: ignore[assignment, method-assign]


def _at_durable(stop: Callable[[Tag], None]) -> None:
    send = Sender.send

    def stopping(self: Sender, tasks: Any, epoch: Any, orders: Any, epoch_checked_at: Any) -> None:
        for each in orders:
            if isinstance(each, PlaceOrder):
                stop(each.tag)
        send(self, tasks, epoch, orders, epoch_checked_at)

    Sender.send = stopping  # type: ignore[method-assign]


def _at_built(stop: Callable[[Tag], None]) -> None:
    check = OrderGate.check

    def stopping(self: OrderGate, permit: Permit) -> None:
        stop(permit.tag)
        check(self, permit)

    OrderGate.check = stopping  # type: ignore[method-assign]


def _at_passed(stop: Callable[[Tag], None]) -> None:
    passes = Wire.pass_gate

    def stopping(self: Wire, connected: Any) -> None:
        passes(self, connected)
        if self._permit is not None:
            stop(self._permit.tag)

    Wire.pass_gate = stopping  # type: ignore[method-assign]


_PUT: Final[dict[Checkpoint, Callable[[Callable[[Tag], None]], None]]] = {
    Checkpoint.DECIDED: _at_decided,
    Checkpoint.DURABLE: _at_durable,
    Checkpoint.BUILT: _at_built,
    Checkpoint.PASSED: _at_passed,
}
