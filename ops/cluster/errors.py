"""The errors of the cluster tool, each with the exit code a shell sees.

ClusterError            1  something failed; the message says what and what to do
|-- CommandError        1  an external program failed; carries the end of its output
`-- MissingError        2  this machine lacks something; the message says how to get it
"""

from collections.abc import Sequence


class ClusterError(Exception):
    """Something failed that one clear message can explain."""

    exit_code = 1


class MissingError(ClusterError):
    """The machine lacks something that the tool may not or cannot install."""

    exit_code = 2


class CommandError(ClusterError):
    """An external program ended with an error or ran out of time."""

    def __init__(self, command: Sequence[str], reason: str, output: str) -> None:
        # The last lines name the cause with every tool used here; the whole output would bury it.
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-15:])
        super().__init__(f"`{' '.join(command[:12])}` {reason}" + (f":\n{tail}" if tail else ""))
        self.output = output
