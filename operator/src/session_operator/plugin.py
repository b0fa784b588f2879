"""What `kubectl tsn` shows: pure text from a TradingSession, so that it can be tested without a cluster or a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from session_operator.domain.money import grouped

COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}
PHASES = {"Live": "green", "Halted": "red", "Invalid": "red", "Reducing": "yellow", "Suspended": "yellow"}


def _facts(session: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec, status = session["spec"], session.get("status") or {}
    leader, config, report = (status.get(name) or {} for name in ("leader", "config", "report"))
    epoch = leader.get("epoch")
    found = [
        ("account", f"{spec['account']['id']} at {spec['account']['broker']['type']}"),
        ("mode", spec.get("mode", "Paper") + (", suspended" if spec.get("suspend") else "")),
        ("leader", f"{leader['holder']}, epoch {epoch}, since {leader['since']}" if leader else "nobody"),
        (
            "configuration",
            f"{config.get('profile', '?')} {config.get('stable') or config.get('desired') or ''}".strip(),
        ),
    ]
    if report:
        found += [
            ("positions", f"{report['openPositions']} open, {report['workingOrders']} orders working"),
            ("heat", f"₹{grouped(report['heatRupees'])} at risk of ₹{grouped(report['netLiquidationRupees'])}"),
            ("profit today", f"₹{grouped(report['dayProfitRupees'])}"),
        ]
    return found


def describe(session: Mapping[str, Any]) -> Group:
    """Show one session: what it is, its conditions, a kill if one stands."""
    metadata, status = session["metadata"], session.get("status") or {}
    phase = status.get("phase", "Pending")
    head = Text.assemble(
        (f"{metadata['namespace']}/{metadata['name']}", "bold"), "  ", (phase, PHASES.get(phase, "cyan"))
    )
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(session):
        facts.add_row(Text(name, style="dim"), Text(value))
    conditions = Table.grid(padding=(0, 2))
    for each in status.get("conditions") or ():
        state = Text(each["status"], style=COLOURS.get(each["status"], ""))
        conditions.add_row(Text(each["type"]), state, Text(each["reason"]), Text(each["message"]))
    parts: list[Any] = [head, facts]
    kill = status.get("kill")
    if kill:
        flat = f"flat since {kill['flatAt']}" if kill.get("flatAt") else "not flat yet"
        by = f" by {kill['by']}" if kill.get("by") else ""
        words = f"kill {kill['id']}{by}: {kill.get('reason') or 'no reason given'}; {flat}"
        parts.append(Text(words, style="bold red"))
    return Group(*parts, Text(""), conditions)
