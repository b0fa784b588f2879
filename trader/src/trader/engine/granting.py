"""The grant of one order: its request may be made ready before it is durable, and leaves only after that, in its turn.

Withdrawn grants end in `GateClosed`: whatever was made ready for them never leaves, and nobody is told, for the domain was told by
whoever withdrew them.
"""

import asyncio
from collections.abc import Callable

from trader.domain.effects import PlaceOrder
from trader.domain.values import Epoch, MachineTime
from trader.engine.pacing import Call, Pace
from trader.engine.ports import GateClosed, Permit
from trader.engine.records import Order


class Forthcoming:
    """`Grant` of one order, until it is given or withdrawn; on the loop's thread only."""

    def __init__(self, order: Order, epoch: Epoch, pace: Pace, machine_time: Callable[[], MachineTime]) -> None:
        self._order = order
        self._epoch = epoch
        self._pace = pace
        self._machine_time = machine_time
        self._decided: asyncio.Future[MachineTime | None] = asyncio.get_running_loop().create_future()
        self._call: Call | None = None
        self.is_withdrawn = False
        self.given_at = machine_time()
        """When it was durable; when it began, until then."""

    def give(self, epoch_checked_at: MachineTime | None) -> None:
        """The order is durable; with when its epoch was proved, None when only the Lease stands."""
        self.given_at = self._machine_time()
        if not self._decided.done():
            self._decided.set_result(epoch_checked_at)

    def withdraw(self) -> None:
        """The order is not to leave."""
        self.is_withdrawn = True
        if not self._decided.done():
            self._decided.set_exception(GateClosed("withdrawn before it was durable"))
            self._decided.exception()  # nobody may have come to wait for it

    async def stands(self) -> bool:
        """Wait until it is given, True, or withdrawn, False."""
        await asyncio.wait({self._decided})
        return not self.is_withdrawn

    def over(self) -> None:
        """Its call was answered or given up."""
        if self._call is not None:
            self._call.over()

    async def granted(self) -> Permit:
        """Wait for the commit, then for the order's turn.

        Raises:
            GateClosed: withdrawn.
        """
        epoch_checked_at = await self._decided
        self._call = await self._pace.turn()
        order = self._order
        place = order if isinstance(order, PlaceOrder) else None
        return Permit(
            tag=order.tag,
            adds_risk=place is not None and place.adds_risk,
            epoch=self._epoch,
            risk_generation=place.risk_generation if place is not None else 0,
            epoch_checked_at=epoch_checked_at,
            leaves=self._call.left,
        )
