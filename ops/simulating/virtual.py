"""Virtual time: one scheduler for the whole world, and for each simulated process an asyncio loop of its own on top of it.

Waiting costs nothing: when nothing is ready, the clock moves to the next timer. Everything that is ready runs in the order in
which it was made ready, so that one seed gives one course. A process can be killed between any two of its callbacks (each
resumption of a task after an `await` is one) or be stopped and resumed as by SIGSTOP and SIGCONT; its callbacks then wait.

The loop is our own because asyncio's asks the operating system for the time and a selector in each turn: a third of all cost.
"""

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from heapq import heappop, heappush
from typing import Any

SECOND = 1_000_000_000


class ProcessExit(SystemExit):
    """`os._exit` of a simulated process: nothing of it runs after this line."""


class Handle(list[Any]):
    """A callback of a process that waits: its loop, the callback, the arguments; empty when it is cancelled.

    A list because nothing else is made as fast. It runs in no context of its own: nothing that the engine does here looks at
    context variables, and entering one costs as much as the scheduler's own work.
    """

    __slots__ = ()

    cancel = list.clear
    """Every timer of a sleep is cancelled once it has rung: without a call of Python's."""

    def cancelled(self) -> bool:
        return not self


class Scheduler:
    """The clock of the world, what is ready, and what waits."""

    def __init__(self) -> None:
        self.now = 0
        """True time in nanoseconds since the world began."""
        self._ready: deque[Handle] = deque()
        # When, a number that settles ties, and a process's handle, or else what the world itself does then.
        self._timers: list[tuple[int, int, Handle | None, Any, tuple[Any, ...]]] = []
        self._made = 0
        self.ready: Callable[[Handle], None] = self._ready.append
        """Run this after all that is ready already."""

    def at(self, when: int, handle: Handle) -> None:
        """Run this at a time; ties run in the order in which they were asked for."""
        self._made = made = self._made + 1
        heappush(self._timers, (when, made, handle, None, ()))

    def after(self, nanoseconds: int, callback: Callable[..., Any], *args: Any) -> None:
        """The world's own timer."""
        self._made = made = self._made + 1
        heappush(self._timers, (self.now + nanoseconds, made, None, callback, args))

    def run_until(self, end: int) -> None:
        """Let the world go on until this moment."""
        ready, timers = self._ready, self._timers
        next_ready, set_running = ready.popleft, events._set_running_loop
        running: ProcessLoop | None = None
        try:
            while True:
                if ready:
                    handle: Handle | None = next_ready()
                elif timers and timers[0][0] <= end:
                    self.now, _, handle, callback, args = heappop(timers)
                    if handle is None:
                        callback(*args)
                        continue
                else:
                    self.now = end
                    return
                if not handle:
                    continue
                loop, callback, args = handle
                if loop.is_odd and not loop.may_run(handle):
                    continue
                loop.turns += 1
                if loop is not running:
                    running = loop
                    set_running(loop)
                try:
                    callback(*args)
                except ProcessExit:
                    loop.exit()
        finally:
            set_running(None)


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process: all that the engine asks of asyncio, nothing else."""

    def __init__(self, scheduler: Scheduler, *, died: Callable[[], None] | None = None) -> None:
        self._scheduler = scheduler
        self._ready = scheduler.ready
        self._died = died
        self._stalled: deque[Handle] | None = None
        self.is_dead = False
        self.turns = 0
        """How many callbacks have run: the crash points of this process."""
        self.crash_at = 0
        self.is_odd = False
        """Whether each callback must be looked at before it runs."""
        self.crashed: Callable[[], None] | None = None
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]
        self.errors: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []
        """All that were ever made here."""

    # --- what can happen to a process ---

    def may_run(self, handle: Handle) -> bool:
        """Whether this callback may run now: not when the process is gone, stopped, or crashes at this very turn."""
        if self.is_dead:
            return False
        if self._stalled is not None:
            self._stalled.append(handle)
            return False
        if self.turns >= self.crash_at > 0 and self.crashed is not None:
            self.crashed()
            return False
        return True

    def crash_after(self, turns: int) -> None:
        """SIGKILL after so many more callbacks; 0: not at all."""
        self.crash_at = self.turns + turns if turns else 0
        self._judge()

    def _judge(self) -> None:
        self.is_odd = self.is_dead or self._stalled is not None or self.crash_at > 0

    def exit(self) -> None:
        """The process ended itself."""
        self.kill()
        if self._died is not None:
            self._died()

    def kill(self) -> None:
        """SIGKILL: what waits never runs."""
        self.is_dead = True
        self._stalled = None
        self._judge()

    def stop_running(self) -> None:
        """SIGSTOP."""
        if self._stalled is None:
            self._stalled = deque()
            self._judge()

    def go_on(self) -> None:
        """SIGCONT: everything that became due meanwhile runs now, in its order."""
        stalled, self._stalled = self._stalled, None
        self._judge()
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
        handle = Handle((self, callback, args))
        self._ready(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = Handle((self, callback, args))
        scheduler = self._scheduler
        scheduler.at(scheduler.now + (int(delay * SECOND + 0.5) if delay > 0 else 0), handle)
        return handle

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = Handle((self, callback, args))
        # Never before its time, whatever the float was rounded to.
        self._scheduler.at(max(self._scheduler.now, -int(-when * SECOND // 1)), handle)
        return handle

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """At once and here: a thread would live in another time."""
        future = self.create_future()
        future.set_result(func(*args))
        return future

    get_debug = bool
    """False. Every future asks, and a type answers without a Python call."""

    def is_closed(self) -> bool:
        return self.is_dead

    def is_running(self) -> bool:
        return not self.is_dead

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that no task took: the simulation fails on it, but for tasks that died with their process."""
        if not self.is_dead:
            self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")
