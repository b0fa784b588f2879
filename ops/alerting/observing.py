"""Watches what fires, from a thread of its own, and remembers when."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ops.clients.kubectl import KubectlError
from ops.monitoring.prometheus import Prometheus

LOOK_SECONDS = 1.0
Pair = tuple[str, str]
"""A session (empty for alerts that concern none) and an alert."""


class Observer:
    """The history of firing alerts, looked at once a second."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._looks: list[tuple[float, frozenset[Pair]]] = []
        self._summaries: dict[Pair, str] = {}
        self._over = threading.Event()

    @contextmanager
    def watching(self) -> Iterator["Observer"]:
        """Look on for the time of the block."""
        thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(30)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                found = self._prometheus.alerts()
            except (KubectlError, ValueError, KeyError):
                continue  # no look is no news
            firing = {(each.session, each.name): each for each in found if each.state == "firing"}
            self._summaries |= {pair: str(each.annotations.get("summary", "")) for pair, each in firing.items()}
            self._looks.append((time.monotonic(), frozenset(firing)))

    def fired_at(self, pair: Pair, since: float, seconds: float) -> float | None:
        """Wait until it fires at or after a moment; when that was first seen, None if it was not in time."""
        return self._await(lambda firing: pair in firing, since, seconds)

    def cleared_at(self, pair: Pair, since: float, seconds: float) -> float | None:
        """Wait until it fires no more."""
        return self._await(lambda firing: pair not in firing, since, seconds)

    def summary(self, pair: Pair) -> str:
        """What it said when it was last seen firing; empty when it never was."""
        return self._summaries.get(pair, "")

    def fired_since(self, moment: float) -> set[Pair]:
        """All that fired at or after a moment."""
        return {pair for at, firing in tuple(self._looks) if at >= moment for pair in firing}

    def firing(self) -> frozenset[Pair]:
        """What the newest look saw."""
        return self._looks[-1][1] if self._looks else frozenset()

    @property
    def looks(self) -> int:
        """How often Prometheus answered."""
        return len(self._looks)

    def _await(self, is_so: Callable[[frozenset[Pair]], bool], since: float, seconds: float) -> float | None:
        while True:
            for at, firing in tuple(self._looks):
                if at >= since and is_so(firing):
                    return at
            if time.monotonic() > since + seconds:
                return None
            time.sleep(LOOK_SECONDS / 4)
