"""How the demo speaks: chapters, steps with their times, verdicts. It keeps count of what held and what did not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
if not console.is_terminal:  # a log file has no edge to wrap at
    console = Console(highlight=False, width=120)


class Story:
    """The teller. `broken` lists every promise that did not hold."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._begin = time.monotonic()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Open a chapter."""
        self._chapter += 1
        console.print(f"\n[bold]{self._chapter}. {title}[/bold]")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Do one thing and say how long it took. An exception is shown as a failed step and goes on up."""
        begin = time.monotonic()
        status = console.status(f"  {what}") if console.is_terminal else None
        if status:
            status.start()
        try:
            yield
        except BaseException:
            if status:
                status.stop()
            console.print(f"   [red]✗[/red] {what} [dim]{time.monotonic() - begin:.1f} s[/dim]")
            raise
        if status:
            status.stop()
        console.print(f"   [green]✓[/green] {what} [dim]{time.monotonic() - begin:.1f} s[/dim]")

    def tell(self, text: str) -> None:
        """A line of the story."""
        console.print(f"     {text}")

    def show(self, table: Table) -> None:
        """A table."""
        console.print(table)

    def verdict(self, promise: str, violations: list[str], held: str) -> None:
        """Say whether a promise held, and remember it if it did not."""
        if violations:
            self.broken.append(promise)
            console.print(f"   [red]✗ {promise}[/red]")
            for each in violations[:5]:
                console.print(f"       {each}")
        else:
            console.print(f"   [green]✓[/green] {promise}" + (f": [dim]{held}[/dim]" if held else ""))

    def within(self, what: str, seconds: float, limit: float) -> None:
        """A time against its limit."""
        ok = seconds <= limit
        if not ok:
            self.broken.append(f"{what} within {limit:g} s")
        mark = "[green]✓[/green]" if ok else "[red]✗[/red]"
        console.print(f"   {mark} {what}: [bold]{seconds:.2f} s[/bold] [dim](limit {limit:g} s)[/dim]")

    def end(self) -> int:
        """The last line, and the exit code."""
        took = time.monotonic() - self._begin
        if self.broken:
            console.print(f"\n[bold red]Not all of it held[/bold red] ({took:.0f} s): {'; '.join(self.broken)}")
            return 1
        console.print(f"\n[bold green]All of it held.[/bold green] [dim]{took:.0f} s[/dim]")
        return 0
