"""The first process of a trader's container: it starts the engine, passes signals on, and when the engine is dead it gives
the engine's Lease back.

Why: a process that crashed cannot release. The standby would wait for the Lease to expire, and the kubelet restarts a
container that crashes once more only after a growing pause. Whoever waited for a child knows for certain that it is
dead: nothing of it can still be sent but what was already under way, and every successor waits that out (`SEND_LIMIT`).

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


def supervise(release: Callable[[], str]) -> None:
    """Return in a child that is to become the engine; in this process never return, but end as the child ended.

    `release` gives back the Lease of a child that died, and says in words what came of it; it must not raise.
    """
    # What arrives before the handlers stand waits: the first process of a container would ignore it.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        return
    for each in FORWARDED:
        signal.signal(each, _pass_on_to(child))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    code = _await_end(child)
    if code not in ORDERLY_EXITS:
        line = {"event": "engine_died", "level": "error", "exit_code": code, "lease": release()}
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if code >= 0 else 128 - code)  # as shells say it


def _pass_on_to(child: int) -> Callable[[int, FrameType | None], None]:
    def pass_on(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    return pass_on


def _await_end(child: int) -> int:
    """The child's exit code, negative for a signal; orphans that it left are reaped on the way."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status)
