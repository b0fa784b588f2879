"""A session in which all is well, as Prometheus sees it; and the same with one series missing, or not a number."""

from typing import Any

HEALTHY = {
    "trader_is_leader": ('pod="a",instance_id="a"', "1"),
    "trader_market_open": ('pod="a",exchange="NFO"', "1"),
    "trader_kill_flatten_pending_seconds": ('pod="a"', "0"),
    "trader_kill_flatten_duration_seconds_count": ('pod="a",trigger="manual"', "0"),
    "trader_kill_flatten_duration_seconds_bucket": ('pod="a",trigger="manual",le="2.0"', "0"),
    "trader_order_ack_duration_seconds_count": ('pod="a",operation="place"', "3"),
    "trader_order_ack_duration_seconds_bucket": ('pod="a",operation="place",le="0.5"', "3"),
    "trader_duplicate_client_ids": ('pod="a"', "0"),
    "trader_orphan_oco_siblings": ('pod="a"', "0"),
    "trader_portfolio_heat_ratio": ('pod="a"', "0.004"),
    "trader_marketdata_heartbeat_seconds": ('pod="a",bucket="future"', "0.4"),
    "trader_order_stream_heartbeat_seconds": ('pod="a"', "0.4"),
    "operator_session_active": ('pod="op"', "1"),
}
SAMPLES = 40
"""Of 5 s each: 200 s."""


def session(name: str, *, without: str = "", not_a_number: str = "", market_open: bool = True) -> list[dict[str, str]]:
    """The series of one session."""
    found = []
    for metric, (labels, value) in HEALTHY.items():
        if metric == without:
            continue
        text = f"{value}x{SAMPLES}"
        if metric == not_a_number:
            text = " ".join(["NaN"] * SAMPLES)  # promtool cannot repeat NaN
        if metric == "trader_market_open" and not market_open:
            text = f"0x{SAMPLES}"
        found.append({"series": f'{metric}{{namespace="t",session="{name}",{labels}}}', "values": text})
    seen_at = {"series": f'trader_reconcile_last_success_timestamp_seconds{{namespace="t",session="{name}",pod="a"}}'}
    return [*found, {**seen_at, "values": f"0+5x{SAMPLES}"}]


def document(series: list[dict[str, str]], seconds: int, expected: dict[str, list[str]]) -> dict[str, Any]:
    """A promtool test: after so many seconds exactly these alerts fire, by session."""
    samples = [
        {"labels": f'{{alertname="{alert}", session="{name}"}}', "value": 1}
        for name, names in expected.items()
        for alert in names
    ]
    operator = {"series": 'operator_build_info{namespace="t",pod="op"}', "values": f"1x{SAMPLES}"}
    check = {
        "expr": 'count by (alertname, session) (ALERTS{alertstate="firing"})',
        "eval_time": f"{seconds}s",
        "exp_samples": samples,
    }
    test = {"interval": "5s", "input_series": [operator, *series], "promql_expr_test": [check]}
    return {"evaluation_interval": "5s", "tests": [test]}
