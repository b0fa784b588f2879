"""The report of a day: one page that a trader reads in two minutes, and the same as text for a message."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from ops.postclose.day import Day, Trade

INDIA: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))
MOST_TRADES: Final = 40
MOST_INCIDENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the day ran with, and what was kept of it."""

    session: str
    account: str
    config_hash: str
    git_sha: str
    images: tuple[str, ...]
    token: str
    snapshot_rows: int
    logs: int
    drills: Sequence[dict[str, Any]] = field(default_factory=tuple)
    metrics: str = ""
    """Why metrics are missing; empty when they were read."""
    logs_missing: Sequence[str] = ()
    redactions: int = 0
    """How often a secret stood in the logs; it was blanked."""


def rupees(paise: int, *, sign: bool = False) -> str:
    """With paise, grouped as in India: 12,34,567.89."""
    whole, rest = divmod(abs(paise), 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    mark = "-" if paise < 0 else "+" if sign and paise > 0 else ""
    return f"{mark}₹{','.join([*groups, tail])}.{rest:02d}"


def headline(day: Day) -> tuple[str, str]:
    """The verdict in a word (`good`, `look`, `bad`), and in a line."""
    if day.open_positions:
        return "bad", f"{day.open_positions} positions are still open"
    if day.standing_kill is not None:
        return "look", f"Flat. Kill {day.standing_kill.kill_id} stands: nothing trades until it is released"
    if day.incidents:
        count = len(day.incidents)
        return "look", f"Flat. {count} thing{'s' if count > 1 else ''} to look at"
    return "good", "Flat, and nothing to look at"


def _account(day: Day, made: Provenance) -> str:
    return f"account {made.account}, on paper" if day.is_on_paper else f"account {made.account}"


def as_text(day: Day, made: Provenance) -> str:
    """For a mail, a message or a terminal."""
    lines = [
        f"{made.session} · {_account(day, made)} · {day.date}",
        headline(day)[1] + ".",
        "",
        f"Profit after charges  {rupees(day.profit, sign=True)} {_share(day)}".rstrip(),
        f"Charges               {rupees(day.charges)}",
        f"Trades                {_trades(day)}",
        f"Orders                {day.orders}, filled {day.fills}, refused {day.rejected}",
        f"Denied by guards      {_denials(day, made)}",
        f"Leader changes        {day.leader_changes}{_epochs(day)}",
        f"Kills                 {len(day.kills)}",
        f"Drills                {_drills(day, made)}",
        f"Token                 {made.token}",
        "",
    ]
    if day.trades:
        lines.append("Trades")
        lines += [f"  {' '.join(_row(each))}" for each in day.trades[:MOST_TRADES]]
        lines += _more(len(day.trades), MOST_TRADES)
    if day.incidents:
        lines.append("To look at")
        lines += [f"  {_clock(each.at)} {each.what}" for each in day.incidents[:MOST_INCIDENTS]]
        lines += _more(len(day.incidents), MOST_INCIDENTS)
    lines += [
        "",
        f"config {made.config_hash[:10]} · git {made.git_sha[:10]} · {', '.join(made.images) or 'no image'}",
        f"kept: {made.snapshot_rows} rows, restored and compared; {_logs(made)}",
    ]
    return "\n".join(lines) + "\n"


def as_html(day: Day, made: Provenance) -> str:
    """One page: nothing is loaded, nothing runs, it prints on a sheet."""
    tone, line = headline(day)
    tiles = (
        ("Profit after charges", rupees(day.profit, sign=True), _share(day), "up" if day.profit >= 0 else "down"),
        ("Charges", rupees(day.charges), "", ""),
        ("Trades", *_split(_trades(day)), ""),
        ("Orders", str(day.orders), f"{day.fills} filled, {day.rejected} refused", ""),
        ("Leader changes", str(day.leader_changes), _epochs(day).strip(" ()"), ""),
        ("Kills", str(len(day.kills)), "one stands" if day.standing_kill else "", "down" if day.kills else ""),
    )
    parts = [
        f"<header><h1>{escape(made.session)}</h1><p>{escape(_long_date(day.date))} · {escape(_account(day, made))}</p></header>",
        f'<p class="headline {tone}">{escape(line)}.</p>',
        '<section class="tiles">' + "".join(_tile(*each) for each in tiles) + "</section>",
        _trade_table(day),
        _list(
            "To look at", [f"<b>{_clock(each.at)}</b> {escape(each.what)}" for each in day.incidents], MOST_INCIDENTS
        ),
        _facts(day, made),
    ]
    return _PAGE.format(title=escape(f"{made.session} {day.date}"), body="\n".join(part for part in parts if part))


def _tile(name: str, figure: str, note: str, tone: str) -> str:
    return (
        f'<div><span>{escape(name)}</span><strong class="{tone}">{escape(figure)}</strong><em>{escape(note)}</em></div>'
    )


def _trade_table(day: Day) -> str:
    if not day.trades:
        return "<section><h2>Trades</h2><p>None: no signal became an order.</p></section>"
    names = ("Time", "Instrument", "Side", "Filled", "Entry", "Exit", "Closed by", "Charges", "Profit")
    head = "".join(f"<th>{each}</th>" for each in names)
    rows = []
    for each in day.trades[:MOST_TRADES]:
        cells = _row(each)
        tone = "up" if each.profit > 0 else "down" if each.profit < 0 else ""
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells[:-1])
        rows.append(f'<tr>{body}<td class="{tone}">{escape(cells[-1])}</td></tr>')
    rest = "".join(f"<p>{escape(line.strip())}</p>" for line in _more(len(day.trades), MOST_TRADES))
    return f"<section><h2>Trades</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{rest}</section>"


def _facts(day: Day, made: Provenance) -> str:
    rows = (
        ("Denied by guards", _denials(day, made)),
        ("Drills", _drills(day, made)),
        ("Token", made.token),
        ("Opening worth", rupees(day.opening)),
        ("Configuration", made.config_hash),
        ("Source", made.git_sha),
        ("Image", ", ".join(made.images) or "none: a run by hand"),
        ("Kept", f"{made.snapshot_rows} rows of the database, restored and compared; {_logs(made)}"),
    )
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<section><h2>For the record</h2><table class="facts">{body}</table></section>'


def _list(title: str, items: Sequence[str], most: int) -> str:
    if not items:
        return ""
    rest = [escape(line.strip()) for line in _more(len(items), most)]
    return (
        f"<section><h2>{title}</h2><ul>{''.join(f'<li>{each}</li>' for each in [*items[:most], *rest])}</ul></section>"
    )


def _row(trade: Trade) -> tuple[str, ...]:
    return (
        _clock(trade.at),
        trade.instrument.partition(":")[2] or trade.instrument,
        trade.side,
        f"{trade.filled}/{trade.quantity}",
        f"{trade.entry / 100:,.2f}" if trade.entry else "-",
        f"{trade.exit / 100:,.2f}" if trade.exit else "-",
        trade.how,
        rupees(trade.charges),
        rupees(trade.profit, sign=True),
    )


def _trades(day: Day) -> str:
    closed = [each for each in day.trades if each.filled and not each.is_open]
    won = sum(1 for each in closed if each.profit > 0)
    return f"{len(closed)}, {won} won and {len(closed) - won} lost" if closed else "0"


def _split(text: str) -> tuple[str, str]:
    head, _, tail = text.partition(", ")
    return head, tail


def _share(day: Day) -> str:
    return f"{day.profit / day.opening:+.2%} of the opening worth" if day.opening else ""


def _epochs(day: Day) -> str:
    return f" (epochs {', '.join(map(str, day.epochs))})" if len(day.epochs) > 1 else ""


def _denials(day: Day, made: Provenance) -> str:
    if made.metrics:
        return f"unknown: {made.metrics}"
    return ", ".join(f"{code} {count}" for code, count in day.denials.items()) or "none"


def _drills(day: Day, made: Provenance) -> str:
    """Each drill by name; the same verdict with several configurations is told once."""
    counted = Counter(_drill(each, day.date) for each in made.drills)
    told = [f"{words} ({count} configurations)" if count > 1 else words for words, count in counted.items()]
    return ", ".join(told) or "none given"


def _drill(each: Mapping[str, Any], date: str) -> str:
    words = f"{each.get('name', '?')} {str(each.get('verdict', '?')).lower()}"
    ran = each.get("tradingDate", date)
    return words if ran == date else f"{words} on {ran}"


def _logs(made: Provenance) -> str:
    words = [f"{made.logs} log file{'' if made.logs == 1 else 's'}"]
    if made.logs_missing:
        words.append(f"missing: {', '.join(made.logs_missing)}")
    if made.redactions:
        words.append(f"A SECRET STOOD IN THEM, {made.redactions} TIMES: blanked here, rotate it")
    return "; ".join(words)


def _more(count: int, most: int) -> list[str]:
    return [f"  and {count - most} more in the archive"] if count > most else []


def _clock(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment / 1e9, INDIA).strftime("%H:%M:%S")


def _long_date(date: str) -> str:
    return dt.date.fromisoformat(date).strftime("%A, %d %B %Y")


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ --ink: #16202b; --soft: #5c6b7a; --line: #dfe5ea; --up: #0b7a46; --down: #b3261e; --look: #8a5a00; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 60rem; padding: 2rem 1.5rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }}
h1 {{ margin: 0; font-size: 1.6rem; }} h2 {{ margin: 2rem 0 .5rem; font-size: 1rem; }}
header p {{ margin: .1rem 0 0; color: var(--soft); }}
.headline {{ margin: 1.2rem 0; padding: .7rem 1rem; border-left: .3rem solid var(--up); background: #eef8f2; font-weight: 600; }}
.headline.look {{ border-color: #d99000; background: #fff8e8; }}
.headline.bad {{ border-color: var(--down); background: #fdeeed; color: var(--down); }}
.tiles {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: .8rem; }}
.tiles div {{ padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .4rem; }}
.tiles span, .tiles em {{ display: block; color: var(--soft); font-size: .8rem; font-style: normal; }}
.tiles strong {{ display: block; font-size: 1.25rem; white-space: nowrap; }}
.up {{ color: var(--up); }} .down {{ color: var(--down); }}
section {{ overflow-x: auto; }}
table {{ width: 100%; border-collapse: collapse; font-size: .88rem; }}
th, td {{ padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }}
thead th {{ color: var(--soft); font-weight: 500; }}
thead th:nth-child(n+4):not(:nth-child(7)), tbody td:nth-child(n+4):not(:nth-child(7)) {{ text-align: right; }}
.facts th {{ width: 11rem; color: var(--soft); font-weight: 500; }}
.facts td {{ text-align: left !important; white-space: normal; overflow-wrap: anywhere; }}
ul {{ margin: 0; padding-left: 1.1rem; }} li {{ overflow-wrap: anywhere; }}
@media (max-width: 40rem) {{ body {{ padding: 1rem; }} .tiles {{ grid-template-columns: repeat(2, 1fr); gap: .5rem; }}
  .tiles div {{ padding: .5rem .6rem; }} .tiles strong {{ font-size: 1.05rem; }}
  .facts th {{ width: 7rem; white-space: normal; }} }}
@media print {{ body {{ padding: 0; font-size: 12px; }} }}
</style></head><body>
{body}
</body></html>
"""
