"""Ask the traders that run but are not ready what they wait for: the kubelet knows only that they wait.

A session whose traders are ready costs nothing here.
"""

import asyncio
from collections.abc import Callable

from session_operator.engine.ports import Complaints
from session_operator.engine.worlds import Key, World

ASK_SECONDS = 3.0


class Asker:
    """Keeps the world's complaints true."""

    def __init__(self, world: World, complaints: Complaints, wake: Callable[[Key], None]) -> None:
        self._world = world
        self._complaints = complaints
        self._wake = wake

    async def keep_asking(self, seconds: float = ASK_SECONDS) -> None:
        """Ask at that pace, for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.ask_all()

    async def ask_all(self) -> None:
        """Ask each once, side by side."""
        waiting = self._world.waiting_traders()
        answers = await asyncio.gather(*(self._complaints.why_not_ready(address) for address in waiting.values()))
        for reference, answer in zip(waiting, answers, strict=True):
            if answer is not None:
                for key in self._world.note_complaint(reference, answer):
                    self._wake(key)
