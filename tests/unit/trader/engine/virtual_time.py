"""An event loop in which waiting costs nothing: its selector never waits, but moves the clock."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from trader.domain.values import MachineTime, MarketTime

Result = TypeVar("Result")
START = 1_000_000_000_000


class _VirtualSelector(selectors.SelectSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: nothing is scheduled")
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual; everything else is asyncio's own."""

    def __init__(self) -> None:
        selector = _VirtualSelector()
        super().__init__(selector)
        self._clock_resolution = 1e-9
        self.now = 0.0
        selector.loop = self

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """At once and here: a thread would live in another time."""
        future = self.create_future()
        future.set_result(func(*args))
        return future

    def time(self) -> float:
        return getattr(self, "now", 0.0)  # the base class asks before `now` exists


class VirtualClock:
    """`Clock` of a virtual loop; market time runs beside machine time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def machine_time(self) -> MachineTime:
        return MachineTime(START + round(self._loop.time() * 1e9))

    def market_time(self) -> MarketTime:
        return MarketTime(1_795_400_000_000_000_000 + round(self._loop.time() * 1e9))

    def wall_time(self, at: MarketTime) -> int:
        return at


def run_virtually(main: Callable[[VirtualClock], Coroutine[Any, Any, Result]], limit: float = 600.0) -> Result:
    """Run `main(clock)` to its end in virtual time; stuck longer than `limit` virtual seconds is a failure."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(main(VirtualClock(loop)), limit))
    finally:
        loop.run_until_complete(_end_the_rest())
        loop.close()


async def _end_the_rest() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
