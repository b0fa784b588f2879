"""Which sessions to look at, each at most once at a time.

A session that is woken while it is looked at is looked at once more; one that is woken ten times in a row is looked at
once. This is the work queue of every Kubernetes controller, on asyncio.
"""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

KeyType = TypeVar("KeyType", bound=Hashable)


class WorkQueue(Generic[KeyType]):
    """Keys to be worked on; belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[KeyType, float] = {}
        self._running: set[KeyType] = set()
        self._again: set[KeyType] = set()
        self._timers: dict[KeyType, asyncio.TimerHandle] = {}
        self._arrived: asyncio.Queue[KeyType] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def add(self, key: KeyType) -> None:
        """Have the key looked at now."""
        self._cancel_timer(key)
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._loop.time()
            self._arrived.put_nowait(key)

    def add_after(self, key: KeyType, seconds: float) -> None:
        """Have the key looked at in so many seconds, or sooner if that is due already."""
        due = self._loop.time() + seconds
        standing = self._timers.get(key)
        if standing is not None and standing.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = self._loop.call_at(due, self.add, key)

    def forget(self, key: KeyType) -> None:
        """Drop the key's timer: it does not exist any more."""
        self._cancel_timer(key)

    async def get(self) -> KeyType:
        """Wait for a key; `done` must follow."""
        key = await self._arrived.get()
        del self._waiting[key]
        self._running.add(key)
        return key

    def done(self, key: KeyType) -> None:
        """Say that the key was looked at."""
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def longest_wait_seconds(self) -> float:
        """Tell how long the oldest key waits for a worker."""
        return self._loop.time() - min(self._waiting.values()) if self._waiting else 0.0

    def _cancel_timer(self, key: KeyType) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
