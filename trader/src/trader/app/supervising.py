"""The first process of a trader: it starts the engine, passes signals on, and knows what to do when the engine is dead.

In a pod it gives the engine's Lease back. Why: a process that crashed cannot release. The standby would wait for the Lease to
expire, and the kubelet restarts a container that crashes once more only after a growing pause. Whoever waited for a child knows for
certain that it is dead: nothing of it can still be sent but what was already under way, and every successor waits that out
(`SEND_LIMIT`).

An engine that lost its Lease has cut itself, touched nothing more and ended: it is started anew right here, to stand by.
The kubelet would let it wait longer each time, and a pair without a warm standby is half a pair.

By hand nobody stands by: a spare, a process that has loaded the engine's libraries and touched nothing else, takes over.

Forked before the engine's libraries are loaded, so that it stays small, starts in milliseconds, and shares none of what
may go wrong there. Nothing here is about orders.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from trader.app.children import Child, Children, await_word, call_process

ORDERLY_EXITS: Final = frozenset({0, 2})
"""Stopped, and bad input: an engine that ends so has released its Lease, or never had it."""
LEADERSHIP_LOST: Final = 75
"""What an engine ends with that was fenced (`Ending.LOST`); it takes a leader to lose, so this cannot spin."""
ASKED_EXITS: Final = ORDERLY_EXITS | {130, -signal.SIGINT, -signal.SIGTERM}
"""What a person asked for who was in a hurry (`running.IMPATIENT_EXIT`), or quicker than the engine's start."""
SPARE_AFTER_SECONDS: Final = 10.0
"""An engine starts alone: loading a spare takes seconds of a processor."""
CRASHES_BORNE: Final = 3
CRASHES_WITHIN_SECONDS: Final = 60.0
ENGINE_NAME, SPARE_NAME = "trader-engine", "trader-spare"


def supervise(release: Callable[[], str]) -> None:
    """Return in a child that is to become the engine; in this process never return, but end as the last child ended.

    `release` gives back the Lease of a child that died, and says in words what came of it; it must not raise.
    """
    children = Children()
    is_wanted = True
    while (engine := children.start()) is not None:
        while (code := children.code_of(engine)) is None:
            if (number := children.next()) is not None:
                is_wanted = False
                children.pass_on(number, engine)
        if code == LEADERSHIP_LOST and is_wanted:
            _say(event="engine_fenced", level="warning", next="started anew, to stand by")
            continue
        if code not in ORDERLY_EXITS:
            _say(event="engine_died", level="error", exit_code=code, lease=release())
        children.leave(code)


def supervise_with_spare(load: Callable[[], None], spare_after_seconds: float = SPARE_AFTER_SECONDS) -> None:
    """Return in a child that is to become the engine, now or when its predecessor has crashed; here never return.

    `load` loads what an engine needs, and touches nothing that a running engine has: no file, no socket, no thread. What
    the engine reads, it reads after this has returned. A third crash within a minute is the end, with the engine's code.
    """
    children, crashes, is_wanted = Children(), _Crashes(), True
    engine, spare = children.start(), _Spare(children, load, spare_after_seconds)
    while engine is not None:
        if spare.is_due() and spare.begin():
            break
        if (number := children.next(spare.due_in())) is not None:
            is_wanted = False
            children.pass_on(number, engine)
        code = children.code_of(engine)
        if code is None:
            continue
        if code in ASKED_EXITS or not is_wanted:
            children.leave(code)
        if crashes.are_too_many():
            _tell(f"the engine crashed {CRASHES_BORNE} times within a minute, the last time {_how(code)}: giving up")
            children.leave(code)
        engine = spare.go()
        _tell(f"the engine crashed {_how(code)}: " + ("its spare takes over" if engine else "starting it anew"))
        engine = engine or children.start()
    call_process(ENGINE_NAME)


class _Spare:
    """The one process that waits to become the engine."""

    def __init__(self, children: Children, load: Callable[[], None], after_seconds: float) -> None:
        self._children = children
        self._load = load
        self._after_seconds = after_seconds
        self._due_at = time.monotonic() + after_seconds
        self._child: Child | None = None

    def is_due(self) -> bool:
        """Whether it is to be begun now. One that died is not followed by another before the next crash."""
        return self._child is None and time.monotonic() >= self._due_at

    def due_in(self) -> float | None:
        """Seconds until it is due; None when it has been begun."""
        return None if self._child is not None else self._due_at - time.monotonic()

    def begin(self) -> bool:
        """Begin it; True in the spare itself, once it is to be the engine."""
        child = self._children.start_waiting()
        if isinstance(child, Child):
            self._child = child
            return False
        with contextlib.suppress(Exception):  # what cannot be loaded now fails again, and aloud, in the engine
            self._load()
        call_process(SPARE_NAME)
        await_word(child)
        return True

    def go(self) -> Child | None:
        """Let it be the engine, also while it still loads; None when there is none."""
        child, self._child = self._child, None
        self._due_at = time.monotonic() + self._after_seconds
        return self._children.tell_to_go(child) if child is not None else None


class _Crashes:
    """When the last ones were."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=CRASHES_BORNE)

    def are_too_many(self) -> bool:
        """Note one more; whether that ends it."""
        self._at.append(time.monotonic())
        return len(self._at) == CRASHES_BORNE and self._at[-1] - self._at[0] <= CRASHES_WITHIN_SECONDS


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _tell(words: str) -> None:
    """To the person at the terminal."""
    os.write(sys.stderr.fileno(), f"trader: {words}\n".encode())


def _say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
