"""What only a leader holds open: the market clock's polls and the connections of REST. A standby has no socket at the broker."""

import asyncio
from typing import Protocol

import structlog

from trader.adapters.kite.clock import KitesimClock
from trader.engine.ports import Unknown

log = structlog.get_logger(__name__)


class Hangs(Protocol):
    """A broker, as far as it hangs up."""

    def let_go(self) -> None:
        """Close the connections that nobody uses."""
        ...


class KiteLink:
    """The engine's `BrokerLink`."""

    def __init__(self, broker: Hangs, clock: KitesimClock | None) -> None:
        """`clock` is None at Kite itself, whose market time is the wall clock's."""
        self._broker = broker
        self._clock = clock
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Hear the market's clock once, then follow it; a second call does nothing.

        Raises:
            Unknown: it does not answer, and without market time nothing can be decided.
        """
        if self._clock is None or self._following is not None:
            return
        try:
            await self._clock.start()
        except OSError as error:
            raise Unknown(str(error)) from error
        self._following = asyncio.create_task(self._clock.follow(), name="market-clock")

    async def close(self) -> None:
        """Hang up: nothing at the broker is asked any more until the next `open`."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
        self._broker.let_go()
