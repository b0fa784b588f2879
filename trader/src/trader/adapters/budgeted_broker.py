"""A broker that keeps within the account's order budget: entries ask before they leave, everything else is counted as it leaves."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from trader.adapters.order_budget import BudgetSpent, OrderBudget
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.values import BrokerOrderId, Paise
from trader.engine.ports import Broker, GateClosed, Grant, Permit, RateLimited

T = TypeVar("T")


class _Counted:
    """A grant that is counted when it is given: the account's second is the one in which the request leaves."""

    def __init__(self, grant: Grant, budget: OrderBudget, *, is_placement: bool) -> None:
        self._grant = grant
        self._budget = budget
        self._is_placement = is_placement

    async def granted(self) -> Permit:
        permit = await self._grant.granted()
        if permit.adds_risk:
            try:
                await self._budget.take()
            except BudgetSpent as spent:
                raise GateClosed(str(spent)) from spent
        else:
            self._budget.note(is_placement=self._is_placement)
        return permit


class BudgetedBroker:
    """The engine's `Broker` around another one."""

    def __init__(self, broker: Broker, budget: OrderBudget) -> None:
        self._broker = broker
        self._budget = budget

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        """As the broker's; an entry for which there is no room is `GateClosed`: no byte of it left.

        Raises:
            Outcome: see `Broker`.
        """
        return await self._watched(self._broker.place(order, _Counted(grant, self._budget, is_placement=True)))

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        """As the broker's; counted."""
        await self._watched(self._broker.modify(change, _Counted(grant, self._budget, is_placement=False)))

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        """As the broker's; counted."""
        await self._watched(self._broker.cancel(order, _Counted(grant, self._budget, is_placement=False)))

    async def orders(self) -> tuple[BrokerOrder, ...]:
        """As the broker's: reads have limits of their own."""
        return await self._broker.orders()

    async def positions(self) -> tuple[BrokerPosition, ...]:
        """As the broker's."""
        return await self._broker.positions()

    async def net_liquidation(self) -> Paise:
        """As the broker's."""
        return await self._broker.net_liquidation()

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
        """As the broker's."""
        return await self._broker.instruments(underlyings, kinds)

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """As the broker's."""
        return await self._broker.with_limits(instruments)

    async def _watched(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await call
        except RateLimited:
            self._budget.limited()
            raise
