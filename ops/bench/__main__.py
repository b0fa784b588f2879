"""Runs the parts: `python -m ops.bench [PART …]`."""

import importlib
import sys

from rich.console import Console
from rich.table import Table

from ops.bench.figures import Figure, Part, PeerMissing, write

PARTS = ("decode", "step", "values", "kitesim", "ack", "wire", "restart", "flatten", "failover", "simulation")
"""Each is a module of this package with a function `measure()`."""
ON_REQUEST = frozenset({"failover", "flatten"})
"""Parts that need the cluster and minutes: only when named."""


def main() -> int:
    """Measure the parts that were asked for, or all that need no cluster."""
    asked = sys.argv[1:]
    if unknown := [name for name in asked if name not in PARTS]:
        print(f"bench: no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    figures: dict[str, Figure] = {}
    code = 0
    for name in asked or [part for part in PARTS if part not in ON_REQUEST]:
        with console.status(f"measuring {name}"):
            measure: Part = importlib.import_module(f"ops.bench.{name}").measure
            try:
                figures |= measure()
            except PeerMissing as missing:
                print(f"bench: {name} was not measured: {missing}", file=sys.stderr)
                code = 1
    table = Table("figure", "value", "unit", "peer", "target", box=None, padding=(0, 2))
    for name, figure in figures.items():
        peer = "-" if figure.peer is None else f"{figure.peer:,.4g}"
        table.add_row(name, f"{figure.value:,.4g}", figure.unit, peer, figure.target)
    console.print(table)
    console.print(f"written to {write(figures)}")
    return code


sys.exit(main())
