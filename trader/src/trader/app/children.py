"""The children of a supervising process: none outlives it, each end is waited for, signals are passed on. Linux only.

SIGTERM, SIGINT and SIGCHLD stay blocked in the parent and are taken one by one: nothing happens between two lines, and what arrives
before the first child stands waits (the first process of a container would ignore it).
"""

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from typing import Final, NoReturn

FORWARDED: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_TAKEN: Final = FORWARDED | {signal.SIGCHLD}
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)
_GO: Final = b"g"


@dataclass(frozen=True, slots=True)
class Child:
    """A process of ours; `word` is the end of a pipe that one who waits for its word reads from."""

    number: int
    word: int | None = None


class Children:
    """What this process has forked. Make one, before any thread is started."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
        self._parent = os.getpid()
        self._ended: dict[int, int] = {}
        self._here: set[int] = set()

    def start(self) -> Child | None:
        """Fork; None in the child, whose signals are its own."""
        number = os.fork()
        if number == 0:
            self._begin_as_child()
            return None
        self._here.add(number)
        return Child(number)

    def start_waiting(self) -> Child | int:
        """Fork; in the child the number to give `await_word`."""
        ours, theirs = os.pipe()
        number = os.fork()
        if number == 0:
            os.close(theirs)
            self._begin_as_child()
            return ours
        os.close(ours)
        self._here.add(number)
        return Child(number, theirs)

    def tell_to_go(self, child: Child) -> Child | None:
        """End a child's waiting; None when it is dead."""
        assert child.word is not None, "only a child that waits can be told to go"
        try:
            if self.code_of(child) is None:
                os.write(child.word, _GO)
                return Child(child.number)
        except BrokenPipeError:  # dead, but not waited for yet
            pass
        finally:
            os.close(child.word)
        return None

    def pass_on(self, number: int, child: Child) -> None:
        """Signal a child, unless its end was seen."""
        if child.number in self._here:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.number, number)

    def next(self, seconds: float | None = None) -> int | None:
        """The next SIGTERM or SIGINT; None when a child has ended, or nothing came for so long."""
        found = signal.sigwaitinfo(_TAKEN) if seconds is None else signal.sigtimedwait(_TAKEN, max(0.0, seconds))
        self._reap()
        return found.si_signo if found is not None and found.si_signo != signal.SIGCHLD else None

    def code_of(self, child: Child) -> int | None:
        """A child's exit code, negative for a signal; None while it lives."""
        return self._ended.get(child.number)

    def leave(self, code: int) -> NoReturn:
        """End this process as a child ended that had this code, and whatever still waits with it."""
        for number in self._here:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if code >= 0 else 128 - code)  # as shells say it

    def _reap(self) -> None:
        """Wait for all that have ended; orphans that a child left to the first process of a container, too."""
        with contextlib.suppress(ChildProcessError):
            while True:
                number, status = os.waitpid(-1, os.WNOHANG)
                if number == 0:
                    return
                self._ended[number] = os.waitstatus_to_exitcode(status)
                self._here.discard(number)

    def _begin_as_child(self) -> None:
        _control_process(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:  # it died before the kernel knew what that means to us
            os._exit(128 + signal.SIGKILL)
        for each in FORWARDED:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)


def await_word(number: int) -> None:
    """Block until this process is told to go; the end of who would tell is its own end."""
    if os.read(number, 1) != _GO:
        os._exit(0)
    os.close(number)


def call_process(name: str) -> None:
    """What `ps -o comm` and `top` show of this process; fifteen characters."""
    text = ctypes.create_string_buffer(name.encode())
    _control_process(_PR_SET_NAME, ctypes.addressof(text))


def _control_process(option: int, value: int) -> None:
    control = ctypes.CDLL(None, use_errno=True).prctl
    control.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if control(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")
