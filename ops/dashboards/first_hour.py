"""The first hour: "am I safe?" on one screen. Every panel's title is a question, every threshold is its alert's. Pure.

Queries name the session by Grafana's variables; `queries()` gives them with values in their place, for promtool and Prometheus.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "first-hour.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
OF = 'namespace="$namespace", session="$session"'
Panel = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One panel: what is asked, how it is shown, and from where on the answer is bad."""

    title: str
    kind: str
    queries: tuple[tuple[str, str], ...]
    """Legend and expression."""
    width: int
    unit: str = "none"
    red_from: float | None = None
    runbook: str = ""
    colours: tuple[tuple[str, str], ...] = ()
    """Of series by name, where the name is the answer."""


# What is not here is green: it does what it should at this time of day.
STATE_COLOURS = (("halted", "red"), ("reducing", "orange"), ("recovering", "orange"))


def _of(metric: str, more: str = "") -> str:
    return f"{metric}{{{OF}{', ' if more else ''}{more}}}"


def _one(metric: str) -> tuple[tuple[str, str], ...]:
    return (("", f"max({_of(metric)})"),)


def _share(metric: str, by: str, quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (le{by}) (increase({_of(metric + '_bucket')}[5m])))"


ROWS: tuple[tuple[str, int, tuple[Question, ...]], ...] = (
    (
        "Am I safe?",
        4,
        (
            Question(
                "What does it do?",
                "stat",
                (("{{state}}", f"max by (state) ({_of('trader_state')}) == 1"),),
                4,
                colours=STATE_COLOURS,
            ),
            Question("Is the market open?", "stat", _one("trader_market_open"), 2),
            Question(
                "Does exactly one lead?",
                "stat",
                (("", f"sum({_of('trader_is_leader')})"),),
                2,
                runbook="LeaderLockLost",
            ),
            Question("Which epoch?", "stat", _one("trader_leader_epoch"), 2),
            Question(
                "How much is at risk?",
                "gauge",
                _one("trader_portfolio_heat_ratio"),
                4,
                "percentunit",
                0.02,
                "HeatGuardBreach",
            ),
            Question("Positions without a stop?", "stat", _one("trader_naked_positions"), 2, red_from=1),
            Question(
                "Exits without a position?",
                "stat",
                _one("trader_orphan_oco_siblings"),
                2,
                "none",
                1,
                "OrphanOCOSiblings",
            ),
            Question("Orders twice?", "stat", _one("trader_duplicate_client_ids"), 2, "none", 1, "DuplicateClientIDs"),
            Question("Orders in doubt?", "stat", _one("trader_orders_outcome_unknown"), 2, red_from=1),
            Question(
                "How old is the book?",
                "stat",
                (
                    (
                        "",
                        f"time() - max({_of('trader_reconcile_last_success_timestamp_seconds')} > 0)",
                    ),
                ),
                2,
                "s",
                30,
                "TraderReconcileStale",
            ),
        ),
    ),
    (
        "Do we hear, and are we heard?",
        8,
        (
            Question(
                "How old are the prices?",
                "timeseries",
                (("{{bucket}}", f"max by (bucket) ({_of('trader_marketdata_heartbeat_seconds')})"),),
                6,
                "s",
                5,
                "MarketDataHeartbeatStale",
            ),
            Question(
                "When did the order stream last speak?",
                "timeseries",
                (("order stream", f"max({_of('trader_order_stream_heartbeat_seconds')})"),),
                6,
                "s",
                5,
                "OrderStreamHeartbeatStale",
            ),
            Question(
                "How fast does the broker acknowledge? (p95)",
                "timeseries",
                (("{{operation}}", _share("trader_order_ack_duration_seconds", ", operation", 0.95)),),
                6,
                "s",
                0.5,
                "OrderAckLatencySLOBreach",
            ),
            Question(
                "How did order calls end?",
                "timeseries",
                (
                    (
                        "{{operation}} {{outcome}}",
                        f"sum by (operation, outcome) (increase({_of('trader_order_outcomes_total')}[1m])) > 0",
                    ),
                ),
                6,
            ),
        ),
    ),
    (
        "What is it doing?",
        8,
        (
            Question(
                "What did the guards deny?",
                "timeseries",
                (("{{guard}}", f"sum by (guard) (increase({_of('trader_guard_trips_total')}[5m])) > 0"),),
                6,
                runbook="FreezeBandSpam",
            ),
            Question(
                "How many orders so far?",
                "timeseries",
                (
                    ("placed", f"sum({_of('trader_orders_placed_total')})"),
                    ("working", f"max({_of('trader_working_orders')})"),
                    ("positions", f"max({_of('trader_open_positions')})"),
                ),
                6,
            ),
            Question(
                "What is it worth?",
                "timeseries",
                (
                    ("profit of the day", f"max({_of('trader_day_profit_rupees')})"),
                    ("at risk", f"max({_of('trader_portfolio_heat_rupees')})"),
                ),
                6,
                "currencyINR",
            ),
            Question(
                "How near are the broker's limits?",
                "timeseries",
                (("{{type}}", f"max by (type) ({_of('trader_throttle_queue_depth')})"),),
                6,
            ),
        ),
    ),
    (
        "What had to be done again, and what fires?",
        7,
        (
            Question(
                "Reconnects and new tokens?",
                "timeseries",
                (
                    ("reconnects", f"sum(increase({_of('trader_stream_reconnects_total')}[5m]))"),
                    ("{{type}}", f"sum by (type) (increase({_of('trader_retries_total')}[5m]))"),
                ),
                8,
            ),
            Question(
                "Does the loop keep up? (p99)",
                "timeseries",
                (
                    ("loop lag", _share("trader_event_loop_lag_seconds", "", 0.99)),
                    ("commit", _share("trader_commit_duration_seconds", "", 0.99)),
                ),
                8,
                "s",
            ),
            Question(
                "Which alerts fire?",
                "table",
                (("", f'max by (alertname, severity) (ALERTS{{{OF}, alertstate="firing"}})'),),
                8,
            ),
        ),
    ),
)


def queries(namespace: str, session: str) -> list[str]:
    """Every expression, for one session."""
    found = [expression for _, _, row in ROWS for question in row for _, expression in question.queries]
    return [each.replace("$namespace", namespace).replace("$session", session) for each in found]


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    panels: list[Panel] = []
    top = 0
    for title, height, row in ROWS:
        place = {"x": 0, "y": top, "w": 24, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        left = 0
        for question in row:
            place = {"x": left, "y": top + 1, "w": question.width, "h": height}
            panels.append({"id": len(panels) + 1, **_panel(question), "gridPos": place})
            left += question.width
        top += height + 1
    return {
        "uid": "trading-session-first-hour",
        "title": "Trading session: the first hour",
        "tags": ["trading-session"],
        "schemaVersion": 39,
        "refresh": "5s",
        "timezone": "Asia/Kolkata",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": panels,
    }


def _panel(question: Question) -> Panel:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if question.red_from is not None:
        steps.append({"color": "red", "value": question.red_from})
    custom: dict[str, Any] = {}
    if question.kind == "timeseries" and question.red_from is not None:
        custom = {"custom": {"thresholdsStyle": {"mode": "line"}}}
    limits = {"min": 0, "max": 0.03} if question.kind == "gauge" else {}
    panel: Panel = {
        "type": question.kind,
        "title": question.title,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend or "__auto",
                "instant": question.kind in {"stat", "gauge", "table"},
                "format": "table" if question.kind == "table" else "time_series",
            }
            for number, (legend, expression) in enumerate(question.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": question.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                **limits,
                **custom,
            },
            "overrides": [_coloured(name, colour) for name, colour in question.colours],
        },
    }
    if question.kind == "stat":
        text = "name" if question.title == "What does it do?" else "value"
        panel["options"] = {"colorMode": "background", "graphMode": "none", "textMode": text}
    if question.runbook:
        panel["description"] = f"Alert and runbook: ops/runbooks/{question.runbook}.md"
    return panel


def _coloured(series: str, colour: str) -> dict[str, Any]:
    """Grafana's override of one series' colour, whatever its value."""
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
    return {"matcher": {"id": "byName", "options": series}, "properties": [fixed]}


def _variables() -> list[dict[str, Any]]:
    def listed(name: str, query: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "sort": 1,
        }

    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        listed("namespace", "label_values(trader_is_leader, namespace)"),
        listed("session", 'label_values(trader_is_leader{namespace="$namespace"}, session)'),
    ]


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
