"""Runs a process with its HTTP API and its signals until it ends, and gives the exit code.

The first Ctrl-C or SIGTERM stops in order; the second ends at once, for the person who is in a hurry.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from trader.app.access import Access
from trader.app.http import make_application, make_server
from trader.app.process import TraderProcess

IMPATIENT_EXIT = 130
"""128 + SIGINT, as shells say it."""
SAME_SIGNAL_SECONDS = 0.3
"""A terminal, or what ends a whole group, signals the supervising process and the engine, and the first passes it on: a person's
second Ctrl-C comes later than that."""


class Signals:
    """Ctrl-C and SIGTERM: once to stop, twice to be gone."""

    def __init__(self, first: Callable[[], None]) -> None:
        self._first = first
        self._heard_at: float | None = None

    def listen(self) -> None:
        """Take both signals on this loop."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._heard)

    def ignore(self) -> None:
        """Give them back."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError):
                loop.remove_signal_handler(each)

    def _heard(self) -> None:
        now = time.monotonic()
        if self._heard_at is None:
            self._heard_at = now
            self._first()
        elif now - self._heard_at > SAME_SIGNAL_SECONDS:
            os._exit(IMPATIENT_EXIT)


async def run_with_api(
    process: TraderProcess,
    listener: socket.socket,
    access: Access,
    *,
    wind_down: Callable[[], None] | None = None,
) -> int:
    """Serve and trade until the engine ends or a signal comes.

    `wind_down` is what the first signal does instead of stopping; whoever gave it stops the process afterwards.
    """
    server = make_server(make_application(process, access))

    def stop() -> None:
        server.should_exit = True

    signals = Signals(wind_down or stop)
    signals.listen()
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    ended = asyncio.create_task(process.ended.wait(), name="ended")
    try:
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        stop()
        await serving
    finally:
        ended.cancel()
        signals.ignore()
    return process.exit_code
