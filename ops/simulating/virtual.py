"""Virtual time: one scheduler for the whole world, and for each simulated process an asyncio loop of its own on top of it.

Waiting costs nothing: when nothing is ready, the clock moves to the next timer. Everything that is ready runs in the order in
which it was made ready, so that one seed gives one course. A process can be killed between any two of its callbacks (each
resumption of a task after an `await` is one) or be stopped and resumed as by SIGSTOP and SIGCONT; its callbacks then wait.

The loop is our own because asyncio's asks the operating system for the time and a selector in each turn: a third of all cost.
"""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

SECOND = 1_000_000_000


class ProcessExit(SystemExit):
    """`os._exit` of a simulated process: nothing of it runs after this line."""


class Handle:
    """A callback that waits, of a process or (`loop` None) of the world itself."""

    __slots__ = ("_when", "args", "callback", "context", "is_cancelled", "loop")

    def __init__(
        self, loop: "ProcessLoop | None", callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None
    ) -> None:
        self.loop, self.callback, self.args, self.context = loop, callback, args, context
        self.is_cancelled = False
        self._when = 0.0

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self._when


class Scheduler:
    """The clock of the world, what is ready, and what waits."""

    def __init__(self) -> None:
        self.now = 0
        """True time in nanoseconds since the world began."""
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[int, int, Handle]] = []
        self._made = 0

    def ready(self, handle: Handle) -> None:
        """Run this after all that is ready already."""
        self._ready.append(handle)

    def at(self, when: int, handle: Handle) -> None:
        """Run this at a time; ties run in the order in which they were asked for."""
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, handle))

    def after(self, nanoseconds: int, callback: Callable[..., Any], *args: Any) -> Handle:
        """The world's own timer."""
        handle = Handle(None, callback, args, None)
        self.at(self.now + nanoseconds, handle)
        return handle

    def run_until(self, end: int) -> None:
        """Let the world go on until this moment."""
        ready, timers = self._ready, self._timers
        while True:
            while ready:
                handle = ready.popleft()
                if handle.is_cancelled:
                    continue
                loop = handle.loop
                if loop is None:
                    handle.callback(*handle.args)
                else:
                    loop.turn(handle)
            if not timers or timers[0][0] > end:
                self.now = end
                return
            when, _, handle = heapq.heappop(timers)
            self.now = when
            if not handle.is_cancelled:
                ready.append(handle)


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process: all that the engine asks of asyncio, nothing else."""

    def __init__(self, scheduler: Scheduler, *, died: Callable[[], None] | None = None) -> None:
        self._scheduler = scheduler
        self._died = died
        self._stalled: deque[Handle] | None = None
        self.is_dead = False
        self.turns = 0
        """How many callbacks have run: the crash points of this process."""
        self.crash_at = -1
        self.crashed: Callable[[], None] | None = None
        self.errors: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []
        """All that were ever made here."""

    # --- what can happen to a process ---

    def turn(self, handle: Handle) -> None:
        """Run one callback, unless the process is stopped or gone."""
        if self.is_dead:
            return
        if self._stalled is not None:
            self._stalled.append(handle)
            return
        self.turns += 1
        if self.turns == self.crash_at and self.crashed is not None:
            self.crashed()
            return
        events._set_running_loop(self)
        try:
            if handle.context is None:
                handle.callback(*handle.args)
            else:
                handle.context.run(handle.callback, *handle.args)
        except ProcessExit:
            self.kill()
            if self._died is not None:
                self._died()
        finally:
            events._set_running_loop(None)

    def kill(self) -> None:
        """SIGKILL: what waits never runs."""
        self.is_dead = True
        self._stalled = None

    def stop_running(self) -> None:
        """SIGSTOP."""
        if self._stalled is None:
            self._stalled = deque()

    def go_on(self) -> None:
        """SIGCONT: everything that became due meanwhile runs now, in its order."""
        stalled, self._stalled = self._stalled, None
        for handle in stalled or ():
            self._scheduler.ready(handle)

    @property
    def is_stopped(self) -> bool:
        """Whether it hangs between SIGSTOP and SIGCONT."""
        return self._stalled is not None

    # --- what asyncio asks for ---

    def time(self) -> float:
        return self._scheduler.now / SECOND

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = Handle(self, callback, args, context)
        self._scheduler.ready(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = Handle(self, callback, args, context)
        handle._when = when
        # Never before its time, whatever the float was rounded to.
        self._scheduler.at(max(self._scheduler.now, -int(-when * SECOND // 1)), handle)
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """At once and here: a thread would live in another time."""
        future = self.create_future()
        future.set_result(func(*args))
        return future

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return self.is_dead

    def is_running(self) -> bool:
        return not self.is_dead

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that no task took: the simulation fails on it, but for tasks that died with their process."""
        if not self.is_dead:
            self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")
