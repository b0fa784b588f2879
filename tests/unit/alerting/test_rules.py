"""The alerts fire when they must and are silent when they must; promtool of the pinned release judges."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.alerting import rules
from tests.unit.alerting.healthy import document, session

# The first test of a fresh machine waits until promtool is built from its module.
pytestmark = pytest.mark.timeout(1800)

SLO = rules.TESTS / "slo.yaml"
TWINS = {
    "KillFlattenSLOBreach": "trader_kill_flatten_pending_seconds",
    "OrderAckLatencySLOBreach": "trader_order_ack_duration_seconds_count",
    "DuplicateClientIDs": "trader_duplicate_client_ids",
    "OrphanOCOSiblings": "trader_orphan_oco_siblings",
    "HeatGuardBreach": "trader_portfolio_heat_ratio",
    "LeaderLockLost": "trader_is_leader",
    "MarketDataHeartbeatStale": "trader_marketdata_heartbeat_seconds",
    "OrderStreamHeartbeatStale": "trader_order_stream_heartbeat_seconds",
}


def judged(tests: dict[str, Any], folder: Path, text: str = "", only: str = ".*") -> str:
    """What promtool says; empty when all tests held."""
    done = rules.run_tests(tests, text or rules.RULES.read_text(), folder, only)
    assert "FAILED" in done.stdout + done.stderr or done.returncode == 0, done.stderr
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_reads_the_rules() -> None:
    """Every expression parses, and promtool has nothing to complain of."""
    done = rules.run_promtool("check", "rules", "--lint-fatal", str(rules.RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_and_is_silent_as_the_tests_say(tmp_path: Path) -> None:
    """Each check states the whole set of firing alerts."""
    assert judged(yaml.safe_load(SLO.read_text()), tmp_path) == ""


def test_nothing_fires_for_a_healthy_session(tmp_path: Path) -> None:
    """In the market's hours and out of them."""
    series = session("day") + session("night", market_open=False)
    assert judged(document(series, 190, {}), tmp_path) == ""


@pytest.mark.parametrize("what", ["without", "not_a_number"])
def test_each_twin_fires_when_its_metric_is_absent_or_no_number(what: str, tmp_path: Path) -> None:
    """One session for each metric; no other alert but the twin fires for it, and not before half a minute."""
    series, expected = session("well"), {}
    for alert, metric in TWINS.items():
        absent, wrong = (metric, "") if what == "without" else ("", metric)
        series += session(alert, without=absent, not_a_number=wrong)
        expected[alert] = [f"{alert}Unknown", *(["LeaderLockLost"] if alert == "LeaderLockLost" else [])]
    assert judged(document(series, 190, expected), tmp_path) == ""
    early = {"LeaderLockLost": ["LeaderLockLost"]}
    # The session is expected to lead from 60 s on; the other twins' metrics were absent from the start.
    late = {alert: names for alert, names in expected.items() if alert != "LeaderLockLost"}
    assert judged(document(series, 75, {**late, **early}), tmp_path) == ""
    assert judged(document(series, 25, {}), tmp_path) == ""


@pytest.mark.parametrize(
    "metric", ["trader_kill_flatten_duration_seconds_bucket", "trader_order_ack_duration_seconds_bucket"]
)
def test_a_histogram_without_the_bucket_at_its_limit_is_not_trusted(metric: str, tmp_path: Path) -> None:
    """A renamed bucket edge would silence the alert for ever."""
    alert = "KillFlattenSLOBreachUnknown" if "kill" in metric else "OrderAckLatencySLOBreachUnknown"
    assert judged(document(session("s", without=metric), 190, {"s": [alert]}), tmp_path) == ""


def test_a_calendar_that_is_gone_does_not_switch_the_heartbeats_off(tmp_path: Path) -> None:
    """Without `trader_market_open` nobody knows the market's hours: a leader that hears nothing is told all the same."""
    series = [
        each
        for each in session("s", without="trader_market_open")
        if not each["series"].startswith(("trader_marketdata", "trader_order_stream"))
    ]
    expected = {"s": ["MarketDataHeartbeatStaleUnknown", "OrderStreamHeartbeatStaleUnknown"]}
    assert judged(document(series, 190, expected), tmp_path) == ""


# The test that must find it, what is right, and the bug.
MUTANTS = {
    "Go's bucket name only": ("one slow kill", r'le=~"2(\\.0)?"}[5m]', 'le="2"}[5m]'),
    "a kill that never ends is not seen": ("one slow kill", "pending_seconds) > 2", "pending_seconds) > 1e9"),
    "two slow replies page": ("ack", "slow:increase30m > 2.5", "slow:increase30m > 0"),
    "slow once, pages for half an hour": ("ack", "slow:increase5m > 0.5", "slow:increase5m > -1"),
    "any share of slow replies": ("ack", "> 0.05 * session:trader_order_acks:", "> 0 * session:trader_order_acks:"),
    "two duplicates needed": ("levels", "(trader_duplicate_client_ids) > 0", "(trader_duplicate_client_ids) > 1"),
    "an orphan of a moment": ("levels", "siblings) > 0\n    for: 10s", "siblings) > 0"),
    "heat at its bound": ("levels", "(trader_portfolio_heat_ratio) > 0.02", "(trader_portfolio_heat_ratio) >= 0.02"),
    "two leaders are fine": ("not exactly", "(session:trader_leaders:sum == 1)", "(session:trader_leaders:sum >= 1)"),
    "a new session pages": ("not exactly", "operator_session_active offset 1m", "operator_session_active"),
    "no grace at the opening bell": ("heartbeats", "min_over_time(", "max_over_time("),
    "market data has no hours": ("heartbeats", "data_heartbeat_seconds) > 5\n      and", "data_heartbeat_seconds) > 5\n      or"),
    "the order stream has no hours": ("heartbeats", "am_heartbeat_seconds) > 5\n      and", "am_heartbeat_seconds) > 5\n      or"),
    "standbys must read the book": ("a book", "and on (namespace, pod) trader_is_leader == 1", ""),
    "bands are never spam": ("spam", 'guard="FREEZE_BAND"}[5m])) > 5.5', 'guard="FREEZE_BAND"}[5m])) > 5000'),
    "spreads are always spam": ("spam", 'guard="SPREAD_BLOWOUT"}[5m])) > 20.5', 'guard="SPREAD_BLOWOUT"}[5m])) > 1'),
    "no drill fails": ("what was", "(operator_drill_passed) == 0", "(operator_drill_passed) == 2"),
    "one drill speaks for all": ("what was", "min by (namespace, session, drill)", "max by (namespace, session)"),
    "a day that is not sealed is fine": ("what was", "close_succeeded) == 0", "close_succeeded) == 2"),
    "a gate of a moment": ("what was", "settled:bool == 1\n    for: 5m", "settled:bool == 1"),
    "burn-in days page": ("what was", "gates_passed[1d])) == 1", "gates_passed[1d])) >= 0"),
    "gates have no hours": ("what was", "session:trader_market_settled:bool == 1\n    for", "operator_gates_passed\n    for"),
    "nobody misses the operator": ("the inventory", "absent(operator_build_info)", "absent(vector(1))"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_found(name: str, tmp_path: Path) -> None:
    """Each of these bugs, planted in the rules, turns a test red."""
    test, right, wrong = MUTANTS[name]
    text = rules.RULES.read_text()
    assert right in text
    found = judged(yaml.safe_load(SLO.read_text()), tmp_path, text.replace(right, wrong), f"^{test}.*")
    assert found != ""


def test_every_alert_is_seen_firing() -> None:
    """An alert that no test lets fire is a guess."""
    fired = set(re.findall(r'alertname="(\w+)"', SLO.read_text())) | {f"{name}Unknown" for name in TWINS}
    assert set(rules.alerts()) - fired == set()


def test_the_eight_of_the_checklist_and_their_twins_are_there() -> None:
    """The names bind."""
    names = set(rules.alerts())
    assert set(rules.EIGHT) == set(TWINS)
    assert {*rules.EIGHT, *(f"{name}Unknown" for name in rules.EIGHT), "FreezeBandSpam", "SpreadBlowoutSpam"} <= names


@pytest.mark.parametrize("alert", rules.alerts().values(), ids=rules.alerts())
def test_an_alert_tells_the_desk_what_to_do(alert: rules.Alert) -> None:
    """Severity, what happened, what the engine has done, one line of action, and where to read on."""
    assert alert.labels["severity"] in {"critical", "warning"}
    assert set(alert.annotations) == {"summary", "description", "action", "runbook_url"}
    for text in alert.annotations.values():
        assert "\n" not in text
        assert text.strip() == text != ""
    assert len(alert.annotations["action"]) <= 120
    assert alert.runbook.is_file(), f"{alert.runbook} is missing"
    assert alert.runbook.stem == alert.name.removesuffix("Unknown")


def test_groups_are_judged_every_five_seconds() -> None:
    """`for: 10s` means nothing with the usual thirty."""
    assert {group["interval"] for group in rules.groups()} == {"5s"}
