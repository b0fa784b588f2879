"""The clock tick: quick while something is under way, slow while nothing is, and quick again at once."""

import asyncio

import pytest

from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.values import SECOND, MachineTime
from trader.engine.ticking import QUIET_SECONDS, TICK_SECONDS, Ticker


class Bell:
    """Notes when it rang, and asks for the next ring after a pause of its own."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.begin = clock.machine_time()
        self.rings: list[float] = []
        self.late: list[float] = []
        self.pause = TICK_SECONDS
        self.ticker = Ticker(clock.machine_time, self.ring)

    def ring(self, due: MachineTime) -> float:
        now = self.clock.machine_time()
        self.rings.append(round((now - self.begin) / SECOND, 3))
        self.late.append((now - due) / SECOND)
        return self.pause


def test_it_rings_at_its_pace_and_tells_when_it_was_due() -> None:
    """At once, and then every tenth of a second, without adding up its delays."""

    async def main(clock: VirtualClock) -> None:
        bell = Bell(clock)
        ringing = asyncio.ensure_future(bell.ticker.run())
        await asyncio.sleep(1.05)
        assert bell.rings == [round(each * TICK_SECONDS, 3) for each in range(11)]
        assert max(map(abs, bell.late)) < 0.001
        ringing.cancel()

    run_virtually(main)


def test_the_quiet_ends_within_a_tick() -> None:
    """Whoever ends it need not wait for the next slow ring; a quick ticker is not hurried."""

    async def main(clock: VirtualClock) -> None:
        bell = Bell(clock)
        bell.pause = QUIET_SECONDS
        ringing = asyncio.ensure_future(bell.ticker.run())
        await asyncio.sleep(0.65)
        assert bell.ticker.is_slow
        bell.pause = TICK_SECONDS
        bell.ticker.hasten()
        assert not bell.ticker.is_slow
        await asyncio.sleep(0.05)
        bell.ticker.hasten()
        await asyncio.sleep(0.2)
        assert bell.rings == [0.0, 0.5, 0.75, 0.85]
        ringing.cancel()

    run_virtually(main)


def test_a_ring_that_fails_ends_it_with_the_reason() -> None:
    """An engine without its clock must not go on trading."""

    async def main(clock: VirtualClock) -> None:
        bell = Bell(clock)

        def ring(due: MachineTime) -> float:
            if len(bell.rings) == 3:
                raise RuntimeError("broken")
            return bell.ring(due)

        with pytest.raises(RuntimeError, match="broken"):
            await Ticker(clock.machine_time, ring).run()
        await asyncio.sleep(1)
        assert len(bell.rings) == 3

    run_virtually(main)


def test_nothing_rings_after_it_was_cancelled() -> None:
    """The timer goes with the task."""

    async def main(clock: VirtualClock) -> None:
        bell = Bell(clock)
        ringing = asyncio.ensure_future(bell.ticker.run())
        await asyncio.sleep(0.25)
        ringing.cancel()
        await asyncio.sleep(1)
        assert len(bell.rings) == 3

    run_virtually(main)
