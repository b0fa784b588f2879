"""Shows what the tool is doing: named steps with their times.

On a terminal a step spins and shows its latest note; elsewhere (CI, a log)
each step is one plain line when it ends, and a long one says every 30 s that
it is alive, so that a silent build is never mistaken for a hanging one.
All of it goes to standard error: standard output carries answers only.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

console = Console(stderr=True, highlight=False, soft_wrap=True)
_ALIVE_EVERY_SECONDS = 30

Note = Callable[[str], None]


@contextmanager
def step(name: str) -> Iterator[Note]:
    """Announce a step; yields a function that notes what it is doing just now."""
    started = time.monotonic()
    failed = True
    try:
        if console.is_terminal:
            with console.status(escape(name)) as status:
                yield lambda text: status.update(f"{escape(name)} [dim]{escape(text[:90])} ({_since(started)})[/dim]")
        else:
            yield _plain_note(name, started)
        failed = False
    finally:
        mark = "[red]failed[/red]" if failed else "[green]done[/green]"
        console.print(f"{mark:>4} {escape(name)} [dim]({_since(started)})[/dim]")


def say(text: str) -> None:
    """Print one plain line for the person who runs the tool."""
    console.print(escape(text))


def answer(text: str) -> None:
    """Print what the command was asked for, to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _since(started: float) -> str:
    seconds = time.monotonic() - started
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _plain_note(name: str, started: float) -> Note:
    last = started

    def note(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _ALIVE_EVERY_SECONDS:
            last = time.monotonic()
            console.print(f"  .. {escape(name)}: {escape(text[:90])} ({_since(started)})")

    return note
