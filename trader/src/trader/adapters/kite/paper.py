"""A live market and a paper exchange, composed into what the engine asks for: prices from the one, orders to the other.

No object here that takes orders knows the live market's address. What reads the live market has a gate that never opens, so that
an order which came there by any mistake would die before its first byte.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from trader.adapters.kite.mirror import QuoteMirror
from trader.adapters.kite.rest import KiteRest
from trader.adapters.kite.stream import KiteStream
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import BrokerOrderId, Paise
from trader.engine.ports import FeedAlive, FeedDown, FeedItem, FeedUp, GateClosed, Grant, Permit


class ShutGate:
    """The order gate of a connection that is there to read."""

    def check(self, permit: Permit) -> None:
        """Raises `GateClosed`, always."""
        raise GateClosed("on paper nothing is ordered at the live broker")


class PaperBroker:
    """The engine's `Broker` on paper."""

    def __init__(self, exchange: KiteRest, market: KiteRest) -> None:
        """`exchange` takes the orders, `market` (behind a `ShutGate`) tells of instruments and limits."""
        self._exchange = exchange
        self._market = market

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        """At the paper exchange."""
        return await self._exchange.place(order, grant)

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        """At the paper exchange."""
        await self._exchange.modify(change, grant)

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        """At the paper exchange."""
        await self._exchange.cancel(order, grant)

    async def orders(self) -> tuple[BrokerOrder, ...]:
        """The paper account's book."""
        return await self._exchange.orders()

    async def positions(self) -> tuple[BrokerPosition, ...]:
        """The paper account's."""
        return await self._exchange.positions()

    async def net_liquidation(self) -> Paise:
        """Of the paper account: no money."""
        return await self._exchange.net_liquidation()

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
        """The live market's."""
        return await self._market.instruments(underlyings, kinds)

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """The live market's."""
        return await self._market.with_limits(instruments)

    @property
    def instruments_on(self) -> dt.date | None:
        """The trading date whose instruments were loaded last."""
        return self._market.instruments_on

    def clock_skew(self) -> float | None:
        """Against the live broker's clock."""
        return self._market.clock_skew()

    async def whose(self) -> str:
        """Whose account the orders are of, as the paper exchange says."""
        return await self._exchange.whose()

    async def warm(self) -> None:
        """Prove both tokens."""
        await self._market.warm()
        await self._exchange.warm()

    def let_go(self) -> None:
        """Close the connections that nobody uses."""
        self._market.let_go()
        self._exchange.let_go()


class PaperFeed:
    """The engine's `Feed` on paper: the live market's quotes and the paper exchange's order updates.

    It is up while both are and the mirror follows: an exchange with old prices is as bad as none.
    """

    def __init__(self, market: KiteStream, exchange: KiteStream, mirror: QuoteMirror) -> None:
        self._market = market
        self._exchange = exchange
        self._mirror = mirror

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        """Both, for ever. The account's own order updates come with the live stream, and end here."""
        merged = _Merged(("the live market", "the paper exchange", "the mirror"))
        self._mirror.changed = lambda problem: merged.say(2, problem)
        sources = {
            asyncio.create_task(merged.guard(work), name=name)
            for name, work in (
                ("paper-market", _follow(merged, 0, self._market.items(instruments), Quote)),
                ("paper-exchange", _follow(merged, 1, self._exchange.items(()), (BrokerOrder, FeedAlive))),
                ("paper-mirror", self._mirror.run(instruments)),
            )
        }
        try:
            while True:
                item = await merged.queue.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            for each in sources:
                each.cancel()
            await asyncio.wait(sources)


async def _follow(
    merged: "_Merged", number: int, items: AsyncIterator[FeedItem], ours: type | tuple[type, ...]
) -> None:
    """Pass on what is ours of one stream, and whether it stands."""
    async with aclosing(items) as stream:  # type: ignore[type-var]
        async for item in stream:
            match item:
                case FeedUp():
                    merged.say(number, "")
                case FeedDown(message):
                    merged.say(number, message)
                case _ if isinstance(item, ours):
                    merged.queue.put_nowait(item)


class _Merged:
    """Several sources as one: up when all are, and what the first that is not says."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._problems = ["not connected yet"] * len(names)
        self._told: str | None = None
        self.queue: asyncio.Queue[FeedItem | BaseException] = asyncio.Queue()
        """Never long: who takes from it only passes on, and quotes are conflated there."""

    async def guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a source; what breaks it breaks the whole feed, as it would break the engine's own."""
        try:
            await work
        except Exception as error:  # raised again where the feed is read
            self.queue.put_nowait(error)

    def say(self, number: int, problem: str) -> None:
        """One of them is up (empty), or down because of that."""
        self._problems[number] = problem
        found = [f"{name}: {text}" for name, text in zip(self._names, self._problems, strict=True) if text]
        now = found[0] if found else ""
        if now == self._told or (self._told is None and now.endswith("not connected yet")):
            return
        self._told = now
        self.queue.put_nowait(FeedDown(now) if now else FeedUp())
