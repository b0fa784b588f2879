"""The official ticker in another process, and what it was called with."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

from .conftest import Exchange

CLIENT = Path(__file__).with_name("ticker_client.py")
Event = list[Any]


class Ticker:
    """An official ticker in another process, and what it was called with."""

    def __init__(
        self, exchange: Exchange, api_key: str, access_token: str, subscriptions: dict[str, list[int]], **options: Any
    ) -> None:
        command = [sys.executable, "-W", "ignore", str(CLIENT), exchange.stream_url, api_key, access_token]
        self._process = subprocess.Popen(
            [*command, json.dumps(subscriptions), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._events: Queue[Event] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the ticker; its answer comes as an event."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the ticker and return what it answered."""
        self.call(method, *arguments)
        return self.until(lambda event: event[:2] == ["answer", method])[2]

    def until(self, wanted: Callable[[Event], object], seconds: float = 12.0) -> Event:
        """Return the first event that is wanted; fail when none came in time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._events.get(timeout=max(deadline - time.monotonic(), 0))
            except Empty:
                pytest.fail("the ticker was not called as expected")
            if wanted(event):
                return event

    def drain(self, kind: str) -> list[Event]:
        """Return the events of a kind that are here already, and forget all."""
        events: list[Event] = []
        while not self._events.empty():
            events.append(self._events.get())
        return [event for event in events if event[0] == kind]

    def quiet_for(self, seconds: float, kinds: set[str], after: float) -> None:
        """Fail when an event of these kinds comes within the seconds, which begin after some others."""
        begin = time.monotonic() + after
        while (left := begin + seconds - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except Empty:
                return
            if time.monotonic() >= begin:
                assert event[0] not in kinds, f"it was not quiet: {event}"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait(5)
        self._reader.join(5)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
