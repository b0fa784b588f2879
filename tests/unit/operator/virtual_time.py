"""An event loop whose clock jumps to the next timer instead of waiting for it. For code without sockets and threads."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    """Never waits: what it was asked to wait for is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise AssertionError("nothing is left that could ever happen")
            self.elapsed += max(0.0, timeout)
        return found


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed


def run_virtually(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end on virtual time."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        runner.run(main)
