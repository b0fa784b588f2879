"""The names that alerts, dashboards and runbooks rely on exist, and say only what is known."""

import math
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.trader.app.pictures import SNAPSHOT, VIEW
from trader.app.telemetry import Sources, TraderTelemetry
from trader.domain.values import SECOND, GuardCode, KillReason, MachineTime, Paise
from trader.engine.settings import Snapshot

NOW = MachineTime(100 * SECOND)


def telemetry(snapshot: Snapshot, stream_at: MachineTime | None = None) -> TraderTelemetry:
    """With sources that say this."""
    made = TraderTelemetry("trader-0", "1.2.3", "3f00")
    made.attach(
        Sources(
            snapshot=lambda: snapshot,
            machine_time=lambda: NOW,
            market_open=lambda: True,
            ticked_at=lambda: {"future": MachineTime(97 * SECOND)},
            stream_at=lambda: stream_at,
            reconnects=lambda: 2,
            token_renewals=lambda: 3,
            throttled={1.0: 3.0, 60.0: 41.0}.__getitem__,
            exchange="NFO",
        )
    )
    return made


def samples(made: TraderTelemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the page by name and labels."""
    found = {}
    for family in text_string_to_metric_families(made.page().decode()):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(made: TraderTelemetry, name: str, **labels: str) -> float:
    """One sample."""
    return samples(made)[name, tuple(sorted(labels.items()))]


def test_the_names_of_the_architecture_exist() -> None:
    """Architecture §6, word for word, from the first scrape on."""
    made = telemetry(SNAPSHOT, MachineTime(99 * SECOND))
    assert value(made, "trader_is_leader", instance_id="trader-0") == 0
    assert value(made, "trader_retries_total", type="token_refresh") == 3
    assert value(made, "trader_marketdata_heartbeat_seconds", bucket="future") == 3
    assert value(made, "trader_order_stream_heartbeat_seconds") == 1
    assert value(made, "trader_orders_placed_total") == 0
    assert value(made, "trader_portfolio_heat_rupees") == 250
    for reason in KillReason:
        assert value(made, "trader_kill_switch_total", reason=reason.value) == 0
    for code in GuardCode:
        assert value(made, "trader_guard_trips_total", guard=code.value) == 0


def test_what_slos_judge_is_there() -> None:
    """Acknowledgement, flatten, duplicates, orphans, naked positions, doubt."""
    made = telemetry(SNAPSHOT)
    assert value(made, "trader_order_ack_duration_seconds_count", operation="place") == 0
    assert value(made, "trader_kill_flatten_duration_seconds_count", trigger="manual") == 0
    for name in ("duplicate_client_ids", "orphan_oco_siblings", "naked_positions", "orders_outcome_unknown"):
        assert value(made, f"trader_{name}") == 0


def test_an_order_that_never_left_was_not_acknowledged() -> None:
    """Our own gate's refusals count as outcomes, and do not flatter the latency."""
    made = telemetry(SNAPSHOT)
    made.performed("place", "accepted", 0.2)
    made.performed("place", "gate_closed", 0.0001)
    made.performed("place", "unknown", 2.0)
    assert value(made, "trader_orders_placed_total") == 1
    assert value(made, "trader_order_ack_duration_seconds_count", operation="place") == 2
    assert value(made, "trader_order_outcomes_total", operation="place", outcome="gate_closed") == 1


def test_the_throttle_shows_what_the_limits_count() -> None:
    """The account's requests of the last second and of the last minute, as its budget counts them."""
    made = telemetry(SNAPSHOT)
    assert value(made, "trader_throttle_queue_depth", type="per_second") == 3
    assert value(made, "trader_throttle_queue_depth", type="per_minute") == 41


def test_unknown_is_not_zero() -> None:
    """Before net liquidation is known it is NaN, and so is what is divided by it."""
    made = telemetry(replace(SNAPSHOT, view=replace(VIEW, net_liquidation=Paise(0))))
    assert math.isnan(value(made, "trader_net_liquidation_rupees"))
    assert math.isnan(value(made, "trader_portfolio_heat_ratio"))


def test_a_standby_says_nothing_of_what_it_does_not_hold() -> None:
    """No heartbeat of a stream that it does not listen to, no heat: alerts ask the leader."""
    names = {name for name, _ in samples(telemetry(replace(SNAPSHOT, is_leader=False, view=None)))}
    assert "trader_order_stream_heartbeat_seconds" not in names
    assert "trader_portfolio_heat_rupees" not in names
    assert "trader_is_leader" in names


@pytest.mark.parametrize(("state", "expected"), [("live", 1), ("halted", 0)])
def test_the_trading_state_is_a_set(state: str, expected: int) -> None:
    """Exactly one of the states is 1."""
    assert value(telemetry(SNAPSHOT), "trader_state", state=state) == expected
