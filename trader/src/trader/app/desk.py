"""Who speaks for the desk: the TradingSession in the cluster, this object when a person runs the trader by hand."""

import getpass
import os
import socket
import threading
from collections.abc import Callable

from trader.engine.ports import KillSwitch, Permission, Wishes


class LocalDesk:
    """The engine's `SessionWatch` without Kubernetes: wants to trade until it is told to wind down."""

    def __init__(self, release: str = "") -> None:
        """`release`: the id of a standing kill that this run may release."""
        self._release = release
        self._changed = threading.Event()
        self._winding_down = False
        self._who = _person()
        self._closed = False

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """Say what is wanted, and again when it changes; blocks in the engine's thread."""
        while not (stopped() or self._closed):
            heard(self._wishes())
            self._changed.wait()
            self._changed.clear()

    def wind_down(self) -> None:
        """Want no new risk, and every position closed."""
        self._winding_down = True
        self._changed.set()

    def close(self) -> None:
        """Make `watch` return."""
        self._closed = True
        self._changed.set()

    def _wishes(self) -> Wishes:
        switch = KillSwitch("local", 1, engaged=False, reason="", release=self._release)
        return Wishes(
            live=True,
            suspended=self._winding_down,
            kill_switch=switch,
            permission=Permission(self._who, "trader run, by hand"),
        )


def _person() -> str:
    """Who runs this process, as the machine knows it."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user id without an entry
        return f"uid {os.getuid()}@{socket.gethostname()}"
