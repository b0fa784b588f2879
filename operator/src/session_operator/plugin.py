"""What `kubectl tsn` shows: pure text from a TradingSession, so that it can be tested without a cluster or a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from session_operator.domain.money import grouped

COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}
OUTCOMES = {"Success": "green", "Failure": "bold red", "Inconclusive": "yellow", "Error": "yellow"}
PHASES = {"Live": "green", "Halted": "red", "Invalid": "red", "Reducing": "yellow", "Suspended": "yellow"}


def _facts(session: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec, status = session["spec"], session.get("status") or {}
    leader, config, report = (status.get(name) or {} for name in ("leader", "config", "report"))
    epoch = leader.get("epoch")
    found = [
        ("account", f"{spec['account']['id']} at {spec['account']['broker']['type']}"),
        ("mode", spec.get("mode", "Paper") + (", suspended" if spec.get("suspend") else "")),
        ("leader", f"{leader['holder']}, epoch {epoch}, since {leader['since']}" if leader else "nobody"),
        ("configuration", _configuration(config)),
    ]
    if status.get("rollout"):
        found.append(("rollout", _rollout(status["rollout"])))
    if report:
        money = "on paper, not money: " if report.get("onPaper") else ""
        found += [
            ("positions", f"{report['openPositions']} open, {report['workingOrders']} orders working"),
            ("heat", f"{money}₹{grouped(report['heatRupees'])} at risk of ₹{grouped(report['netLiquidationRupees'])}"),
            ("profit today", f"{money}₹{grouped(report['dayProfitRupees'])}"),
        ]
    return found


def _configuration(config: Mapping[str, Any]) -> str:
    """Say what holds, and what it falls back to."""
    if not config:
        return "?"
    stable, candidate = config.get("stable"), config.get("candidate")
    stage = f" in stage {config['stage']}" if config.get("stage") not in (None, "stable") else ""
    known = f"stable {stable}" if stable else "nothing stable yet"
    return f"{config.get('profile', '?')}{stage}, {known}" + (f", wanted {candidate}" if candidate != stable else "")


def _rollout(rollout: Mapping[str, Any]) -> str:
    """Say where the rollout stands, in one line."""
    step = f"stage {rollout['stage']} ({rollout['step']} of {rollout['steps']})"
    seen = ""
    if rollout["phase"] in ("Progressing", "Paused"):
        traded = rollout.get("marketSeconds", 0) - rollout.get("soakFromSeconds", 0)
        seen = f", {_duration(traded)} traded, {rollout.get('orders', 0)} orders"
    return f"{rollout['revision']} {rollout['phase']} ({rollout['reason']}), {step}{seen}"


def _duration(seconds: int) -> str:
    hours, rest = divmod(max(0, seconds), 3600)
    return f"{hours} h {rest // 60:02d} min" if hours else f"{rest // 60} min {rest % 60:02d} s"


def _analysis(rollout: Mapping[str, Any]) -> Table:
    """Show each check of the stage, with its figures."""
    table = Table.grid(padding=(0, 2))
    for each in rollout.get("analysis") or ():
        outcome = Text(each["outcome"], style=OUTCOMES.get(each["outcome"], ""))
        table.add_row(Text(each["slo"]), outcome, Text(each.get("message", "")))
    return table


VERDICTS = {"Passed": "green", "Failed": "bold red", "Error": "yellow"}


def _proofs(status: Mapping[str, Any]) -> Table | None:
    """Show what the gates ask for, each drill, the burn-in and the sealed day; None where there is nothing of it."""
    table = Table.grid(padding=(0, 2))
    gates = status.get("gates")
    if gates:
        missing = gates.get("missing") or []
        state = Text("closed" if missing else "open", style="red" if missing else "green")
        table.add_row(Text("gates", style="dim"), state, Text("; ".join(missing) or "all are satisfied"))
    for number, run in enumerate(status.get("runs") or ()):
        what = f"drill {run['name']}" if run["kind"] == "Drill" else "post-close"
        config = f", configuration {run['configHash'][:10]}" if run.get("configHash") else ""
        text = f"{run['tradingDate']}{config}, Job {run['job']}, due since {run['since']}"
        table.add_row(Text(what, style="dim"), Text("waits" if number else "runs", style="cyan"), Text(text))
    judged = (gates or {}).get("configHash")
    for each in status.get("drills") or ():
        if judged in (None, each["configHash"]):
            what = f"{each['tradingDate']}, {each.get('seconds', 0)} s" + (
                f": {each['reason']}" if each.get("reason") else ""
            )
            table.add_row(Text(f"drill {each['name']}", style="dim"), _verdict(each), Text(what))
    burn_in = status.get("burnIn")
    if burn_in and burn_in.get("days"):
        last = burn_in["days"][-1]
        why = f" ({last['reason']})" if last.get("reason") else ""
        text = f"last {last['date']}, {last['judgement'].lower()}{why}; {burn_in.get('earnedDays', 0)} earned"
        table.add_row(Text("burn-in", style="dim"), Text(f"{burn_in.get('cleanDays', 0)} clean"), Text(text))
    sealed = status.get("postClose")
    if sealed:
        where = (
            f"{sealed.get('archive')} on {sealed['claim']}" if sealed.get("claim") else "not kept: no claim is named"
        )
        text = f"{sealed['date']}: {where if sealed['verdict'] == 'Passed' else sealed.get('reason', '')}"
        table.add_row(Text("post-close", style="dim"), _verdict(sealed), Text(text))
    return table if table.row_count else None


def _verdict(each: Mapping[str, Any]) -> Text:
    return Text(each["verdict"], style=VERDICTS.get(each["verdict"], ""))


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
    rollout = status.get("rollout") or {}
    if rollout.get("phase") in ("Progressing", "Paused", "Halted", "RolledBack"):
        style = "yellow" if rollout["phase"] in ("Progressing", "Paused") else "bold red"
        parts.append(Text(rollout.get("message", ""), style=style))
        if rollout.get("analysis"):
            parts += [Text(""), _analysis(rollout)]
    proofs = _proofs(status)
    if proofs is not None:
        parts += [Text(""), proofs]
    kill = status.get("kill")
    if kill:
        flat = f"flat since {kill['flatAt']}" if kill.get("flatAt") else "not flat yet"
        by = f" by {kill['by']}" if kill.get("by") else ""
        words = f"kill {kill['id']}{by}: {kill.get('reason') or 'no reason given'}; {flat}"
        parts.append(Text(words, style="bold red"))
    return Group(*parts, Text(""), conditions)
