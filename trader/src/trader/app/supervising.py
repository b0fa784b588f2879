"""The first process of a trader's container: it starts the engine, passes signals on, and when the engine is dead it gives
the engine's Lease back.

Why: a process that crashed cannot release. The standby would wait for the Lease to expire, and the kubelet restarts a
container that crashes once more only after a growing pause. Whoever waited for a child knows for certain that it is
dead: nothing of it can still be sent but what was already under way, and every successor waits that out (`SEND_LIMIT`).

An engine that lost its Lease has cut itself, touched nothing more and ended: it is started anew right here, to stand by.
The kubelet would let it wait longer each time, and a pair without a warm standby is half a pair.

Forked before the engine's libraries are loaded, so that it stays small, starts in milliseconds, and shares none of what
may go wrong there. Nothing here is about orders.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

FORWARDED = (signal.SIGTERM, signal.SIGINT)
ORDERLY_EXITS = frozenset({0, 2})
"""Stopped, and bad input: an engine that ends so has released its Lease, or never had it."""
LEADERSHIP_LOST = 75
"""What an engine ends with that was fenced (`Ending.LOST`); it takes a leader to lose, so this cannot spin."""


def supervise(release: Callable[[], str]) -> None:
    """Return in a child that is to become the engine; in this process never return, but end as the last child ended.

    `release` gives back the Lease of a child that died, and says in words what came of it; it must not raise.
    """
    # What arrives before the handlers stand waits: the first process of a container would ignore it.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    wanted = _Wanted()
    while True:
        child = os.fork()
        if child == 0:
            for each in FORWARDED:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
            return
        wanted.pass_on_to(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        code = _await_end(child)
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        if code == LEADERSHIP_LOST and not wanted.is_end:
            _say(event="engine_fenced", level="warning", next="started anew, to stand by")
            continue
        if code not in ORDERLY_EXITS:
            _say(event="engine_died", level="error", exit_code=code, lease=release())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if code >= 0 else 128 - code)  # as shells say it


class _Wanted:
    """What signals have asked for."""

    def __init__(self) -> None:
        self.is_end = False

    def pass_on_to(self, child: int) -> None:
        """Signals are the child's from now on."""

        def heard(number: int, _: FrameType | None) -> None:
            self.is_end = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

        for each in FORWARDED:
            signal.signal(each, heard)


def _say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _await_end(child: int) -> int:
    """The child's exit code, negative for a signal; orphans that it left are reaped on the way."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status)
