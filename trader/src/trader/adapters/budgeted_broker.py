"""A broker that keeps within the account's order budget: entries ask before they leave, everything else is counted as it leaves."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from trader.adapters.order_budget import BudgetSpent, OrderBudget
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.values import BrokerOrderId, Paise
from trader.engine.ports import Broker, GateClosed, Permit, RateLimited

T = TypeVar("T")


class BudgetedBroker:
    """The engine's `Broker` around another one."""

    def __init__(self, broker: Broker, budget: OrderBudget) -> None:
        self._broker = broker
        self._budget = budget

    async def place(self, order: PlaceOrder, permit: Permit) -> BrokerOrderId:
        """As the broker's; an entry for which there is no room is `GateClosed`: no byte of it left.

        Raises:
            Outcome: see `Broker`.
        """
        if permit.adds_risk:
            try:
                await self._budget.take()
            except BudgetSpent as spent:
                raise GateClosed(str(spent)) from spent
        else:
            self._budget.note(is_placement=True)
        return await self._watched(self._broker.place(order, permit))

    async def modify(self, change: ModifyOrder, permit: Permit) -> None:
        """As the broker's; counted."""
        self._budget.note(is_placement=False)
        await self._watched(self._broker.modify(change, permit))

    async def cancel(self, order: CancelOrder, permit: Permit) -> None:
        """As the broker's; counted."""
        self._budget.note(is_placement=False)
        await self._watched(self._broker.cancel(order, permit))

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
