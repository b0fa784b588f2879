"""Start and stop a simulator: in process, or as a program.

simulator = await start(SimulatorConfig(port=0))
...
await simulator.stop()
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiohttp import web

from kitesim.config import SimulatorConfig, control_token
from kitesim.errors import ConfigInvalid
from kitesim.simulator import Simulator
from kitesim.web.application import build

logger = logging.getLogger(__name__)
# Instruments that tick together: enough to make frames worth sending, few enough to keep each step short.
_SLICE = 150
_MOST_SLICES = 10


class LoopTimers:
    """Timers on the running event loop."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run the action after this many seconds; a delay of 0 runs it at once."""
        if seconds <= 0:
            action()
        else:
            asyncio.get_running_loop().call_later(seconds, action)


class RunningSimulator:
    """A simulator that accepts connections."""

    def __init__(self, simulator: Simulator, runner: web.AppRunner, host: str, port: int) -> None:
        self.simulator = simulator
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{port}"
        self.stream_url = f"ws://{shown}:{port}"
        self._runner = runner
        self._pulse = asyncio.create_task(beat(simulator), name="kitesim-pulse")

    async def stop(self) -> None:
        """Close every stream and the port; a second call does nothing."""
        self._pulse.cancel()
        await asyncio.wait([self._pulse])
        farewells = [connection.close(1001, "going away") for connection in list(self.simulator.hub.connections)]
        await asyncio.gather(*farewells)
        await self._runner.cleanup()

    async def broken(self) -> None:
        """Return when the market stopped by an error, which its log tells."""
        await asyncio.wait([self._pulse])


def _slices(tokens: Sequence[int], count: int | None = None) -> list[Sequence[int]]:
    count = count or min(max(len(tokens) // _SLICE, 1), _MOST_SLICES)
    return [tokens[len(tokens) * number // count : len(tokens) * (number + 1) // count] for number in range(count)]


async def beat(simulator: Simulator) -> None:
    """Let every instrument tick once per interval, spread over it in slices.

    Ticks stand on a fixed grid of machine time, so that a late wake-up shifts no later tick; what is later than a
    whole interval is left out, the paths walk over the gap.
    """
    master = simulator.master
    parts = _slices(simulator.instruments())
    slices = len(parts)
    interval = int(simulator.config.stream.tick_interval_ms * 1_000_000)
    step = interval // slices
    due = time.monotonic_ns()
    number = 0
    while True:
        late = time.monotonic_ns() - due
        if late > interval:
            due += late // step * step
        elif late < 0:
            await asyncio.sleep(-late / 1e9)
        if simulator.master is not master:
            master = simulator.master
            parts = _slices(simulator.instruments(), slices)
        try:
            # A stopped clock moves by steps only: what nobody asked for would make no two runs alike.
            stands = simulator.clock.speed == 0
            simulator.pulse([] if stands else parts[number % slices], simulator.clock.at_machine(due))
        except Exception:
            # The top frame of the market: a market that lost its way stands still, it does not go on guessing.
            logger.exception("market_stopped")
            raise
        number += 1
        due += step
        # Even a machine that is too slow for the ticks answers its requests.
        await asyncio.sleep(0)


async def start(config: SimulatorConfig) -> RunningSimulator:
    """Start a simulator and return it when it accepts connections; port 0 takes a free one.

    Raises:
        ConfigInvalid: a file of the configuration cannot be used, or the port is taken.
    """
    simulator = Simulator(config, LoopTimers())
    application = build(simulator, control_token(config))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, config.host, config.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigInvalid(f"port: cannot listen on {config.host}:{config.port}: {error.strerror}") from error
    port = next(iter(runner.addresses))[1]
    return RunningSimulator(simulator, runner, config.host, port)
