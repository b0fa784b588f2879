"""Machine time as the engine means it: never scaled, never set, and counting while the machine sleeps."""

import time

from trader.domain.values import MachineTime, MarketTime


def machine_time() -> MachineTime:
    """CLOCK_BOOTTIME where there is one: `time.monotonic` stops in a suspend, and a Lease does not."""
    return MachineTime(time.clock_gettime_ns(_CLOCK))


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Both clocks of a trader on a live market: market time is the wall clock's."""

    def machine_time(self) -> MachineTime:
        """Nanoseconds since boot."""
        return machine_time()

    def market_time(self) -> MarketTime:
        """Nanoseconds since the Unix epoch, UTC."""
        return MarketTime(time.time_ns())

    def wall_time(self, at: MarketTime) -> int:
        """The same: market time is the wall clock's."""
        return at
