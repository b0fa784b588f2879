"""Every metric of the trader, declared once; names bind (architecture §6, checklist).

What happens is counted when the engine tells of it. What *is* (heat, positions, heartbeats) is read from the engine's
snapshot at the moment of the scrape, so that no gauge can be older than the scrape that shows it. Unknown is NaN, never 0.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trader.adapters.kite.mirror import MirrorFigures
from trader.app.ledger import Ledger
from trader.domain.values import SECOND, Epoch, GuardCode, KillReason, MachineTime, Standing, TradingState
from trader.engine.settings import Snapshot

log = structlog.get_logger(__name__)
disable_created_metrics()  # type: ignore[no-untyped-call]

BUCKETS: Final = ("index", "future", "option", "equity")
_ACK: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_FLATTEN: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 5, 10, 30)
_QUICK: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_GAPS: Final = (0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 30)
_WINDOWS: Final = {"per_second": 1.0, "per_minute": 60.0}
_ORDER_OPERATIONS: Final = ("place", "modify", "cancel")
_ORDER_OUTCOMES: Final = ("accepted", "refused", "gate_closed", "rate_limited", "token_dead", "unknown")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the gauges of a scrape come from."""

    snapshot: Callable[[], Snapshot]
    machine_time: Callable[[], MachineTime]
    market_open: Callable[[], bool]
    ticked_at: Callable[[], dict[str, MachineTime]]
    """When the last tick of each instrument class came."""
    stream_at: Callable[[], MachineTime | None]
    """When the last frame of the stream came, heartbeats included."""
    reconnects: Callable[[], int]
    token_renewals: Callable[[], int]
    throttled: Callable[[float], float]
    """How many order requests of the last so many seconds the account's budget counts; asks nobody outside."""
    exchange: str
    mirror: Callable[[], MirrorFigures] | None = None
    """What became of the quotes that were shown to a mirror; None without one."""


class TraderTelemetry:
    """The engine's `Telemetry`, and the page that Prometheus reads."""

    def __init__(self, instance: str, version: str, config_hash: str) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.ledger = Ledger()
        self._instance = instance
        registry = self.registry
        Gauge("trader_build_info", "What runs here.", ["version", "config_hash"], registry=registry).labels(
            version, config_hash
        ).set(1)
        self._leader = Gauge("trader_is_leader", "1 while this process leads.", ["instance_id"], registry=registry)
        self._leader.labels(instance).set(0)
        self._placed = Counter("trader_orders_placed", "Placements that the broker accepted.", registry=registry)
        self._outcomes = Counter(
            "trader_order_outcomes", "How order requests ended.", ["operation", "outcome"], registry=registry
        )
        self._ack = Histogram(
            "trader_order_ack_duration_seconds",
            "From handing an order request to the transport until its reply or deadline.",
            ["operation"],
            buckets=_ACK,
            registry=registry,
        )
        self._reads = Counter(
            "trader_reads",
            "How reads of the broker's book, positions and funds ended.",
            ["what", "outcome"],
            registry=registry,
        )
        self._book_read = Gauge(
            "trader_reconcile_last_success_timestamp_seconds",
            "Machine clock (Unix) of the last successful read of the order book; NaN before the first.",
            registry=registry,
        )
        self._book_read.set(math.nan)
        self._commits = Histogram(
            "trader_commit_duration_seconds",
            "Journal and outbox commits.",
            ["outcome"],
            buckets=_QUICK,
            registry=registry,
        )
        self._guards = Counter("trader_guard_trips", "Intents that a guard denied.", ["guard"], registry=registry)
        self._kills = Counter("trader_kill_switch", "Kills engaged.", ["reason"], registry=registry)
        self._flatten = Histogram(
            "trader_kill_flatten_duration_seconds",
            "From the kill's arrival in this process until the broker's book proved us flat.",
            ["trigger"],
            buckets=_FLATTEN,
            registry=registry,
        )
        self._flattening_since: float | None = None
        Gauge(
            "trader_kill_flatten_pending_seconds",
            "For how long a kill has waited for its proof of flat in this process; 0 when none waits.",
            registry=registry,
        ).set_function(self._flattening_seconds)
        self._lag = Histogram(
            "trader_event_loop_lag_seconds", "How late the loop took its clock tick.", buckets=_QUICK, registry=registry
        )
        self._waiting = Gauge(
            "trader_events_waiting", "Events that waited for the loop at its last tick.", registry=registry
        )
        self._conflated = Counter(
            "trader_quotes_conflated", "Quotes replaced by newer ones before the loop saw them.", registry=registry
        )
        self._gap = Histogram(
            "trader_stream_gap_seconds", "Time between two frames of the stream.", buckets=_GAPS, registry=registry
        )
        self._at_scrape: _AtScrape | None = None
        self._failures = Counter("trader_failures", "Tasks that ended with an unexpected error.", registry=registry)
        self._touch()

    def _flattening_seconds(self) -> float:
        since = self._flattening_since
        return 0.0 if since is None else time.monotonic() - since

    def _touch(self) -> None:
        """Every label that can occur exists from the start: a rate over an absent series is no zero."""
        for code in GuardCode:
            self._guards.labels(code.value)
        for reason in KillReason:
            self._kills.labels(reason.value)
            self._flatten.labels(reason.value)
        for operation in _ORDER_OPERATIONS:
            self._ack.labels(operation)
            for outcome in _ORDER_OUTCOMES:
                self._outcomes.labels(operation, outcome)

    def attach(self, sources: Sources) -> None:
        """Read these at each scrape, and no others any more."""
        if self._at_scrape is not None:
            self.registry.unregister(self._at_scrape)
        self._at_scrape = _AtScrape(sources)
        self.registry.register(self._at_scrape)

    def page(self) -> bytes:
        """What `/metrics` answers."""
        return generate_latest(self.registry)

    # --- what the engine tells (engine.ports.Telemetry); from any thread ---

    def leader(self, is_leader: bool) -> None:
        """The elector's last word."""
        self._leader.labels(self._instance).set(int(is_leader))

    def standing(self, standing: Standing, epoch: Epoch) -> None:
        """Logged; the gauges read the snapshot."""
        log.info("standing_changed", standing=standing.value, epoch=epoch)

    def committed(self, outcome: str, seconds: float) -> None:
        """A commit ended."""
        self._commits.labels(outcome).observe(seconds)

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the broker ended."""
        self.ledger.performed(operation, outcome, seconds)
        if operation not in _ORDER_OPERATIONS:
            self._reads.labels(operation, outcome).inc()
            if operation == "book" and outcome == "answered":
                self._book_read.set_to_current_time()
            return
        self._outcomes.labels(operation, outcome).inc()
        if outcome != "gate_closed":  # nothing left, so there was nothing to acknowledge
            self._ack.labels(operation).observe(seconds)
        if operation == "place" and outcome == "accepted":
            self._placed.inc()

    def denied(self, code: GuardCode) -> None:
        """A guard denied an intent."""
        self._guards.labels(code.value).inc()
        self.ledger.denied(code)

    def killed(self, reason: KillReason) -> None:
        """A kill was engaged."""
        self._kills.labels(reason.value).inc()

    def flattened(self, reason: KillReason, seconds: float) -> None:
        """A kill reached flat."""
        self._flatten.labels(reason.value).observe(seconds)
        self.ledger.flattened(seconds)

    def flattening(self, *, is_pending: bool) -> None:
        """Whether a kill waits for its proof now: a histogram never sees what never ends."""
        if not is_pending:
            self._flattening_since = None
        elif self._flattening_since is None:
            self._flattening_since = time.monotonic()

    def lagged(self, seconds: float, waiting: int) -> None:
        """The loop's own pulse."""
        self._lag.observe(seconds)
        self._waiting.set(waiting)

    def conflated(self, quotes: int) -> None:
        """Quotes that were overtaken."""
        self._conflated.inc(quotes)

    def stream_gap(self, seconds: float) -> None:
        """Between two frames."""
        self._gap.observe(seconds)

    def failed(self, where: str, error: BaseException) -> None:
        """Something broke that nobody expected."""
        self._failures.inc()
        log.error("task_failed", where=where, error=repr(error), exc_info=error)


class _AtScrape(Collector):
    """Gauges of what is, at the moment somebody looks."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Registering must not scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        yield from self._heartbeats()
        snapshot = self._sources.snapshot()
        yield _gauge("trader_leader_epoch", "The epoch that this process leads; 0 when it does not.", snapshot.epoch)
        retries = CounterMetricFamily("trader_retries", "What had to be had again.", labels=["type"])
        retries.add_metric(["token_refresh"], self._sources.token_renewals())
        yield retries
        reconnects = CounterMetricFamily(
            "trader_stream_reconnects", "New connections after the first.", labels=["stream"]
        )
        reconnects.add_metric(["market_data"], self._sources.reconnects())
        yield reconnects
        is_open = GaugeMetricFamily("trader_market_open", "1 in trading hours.", labels=["exchange"])
        is_open.add_metric([self._sources.exchange], int(self._sources.market_open()))
        yield is_open
        depth = GaugeMetricFamily(
            "trader_throttle_queue_depth",
            "Order requests that the account's limits count now; this process's own where no Redis tells of the others'.",
            labels=["type"],
        )
        for kind, seconds in _WINDOWS.items():
            depth.add_metric([kind], self._sources.throttled(seconds))
        yield depth
        yield _gauge(
            "trader_on_paper", "1 while it trades on paper: none of its figures is money.", int(snapshot.on_paper)
        )
        if self._sources.mirror is not None:
            yield from _of_mirror(self._sources.mirror())
        yield from _of_view(snapshot)

    def _heartbeats(self) -> Iterable[Metric]:
        now = self._sources.machine_time()
        age = GaugeMetricFamily(
            "trader_marketdata_heartbeat_seconds",
            "Seconds since the last tick of an instrument class.",
            labels=["bucket"],
        )
        for bucket, at in self._sources.ticked_at().items():
            age.add_metric([bucket], (now - at) / SECOND)
        yield age
        # A standby listens to no stream: no series, so that no alert asks it for one.
        stream_at = self._sources.stream_at()
        if stream_at is not None:
            yield _gauge(
                "trader_order_stream_heartbeat_seconds",
                "Seconds since the last frame of the order stream, heartbeats included.",
                (now - stream_at) / SECOND,
            )


def _of_mirror(figures: MirrorFigures) -> Iterable[Metric]:
    """How well a mirror follows the live market."""
    quotes = CounterMetricFamily(
        "trader_mirror_quotes", "Live quotes by what became of them at the paper exchange.", labels=["outcome"]
    )
    for outcome, count in (
        ("pushed", figures.pushed),
        ("overtaken", figures.overtaken),
        ("unknown", figures.unknown),
    ):
        quotes.add_metric([outcome], count)
    yield quotes
    yield _gauge(
        "trader_mirror_lag_seconds", "Age of the oldest live quote that waits to be pushed.", figures.lag_seconds
    )


def _of_view(snapshot: Snapshot) -> Iterable[Metric]:
    """What the domain's picture says; only of a leader, for a standby holds none."""
    view = snapshot.view
    states = GaugeMetricFamily("trader_state", "1 for the trading state that holds.", labels=["state"])
    for state in TradingState:
        states.add_metric([state.value.lower()], int(view is not None and snapshot.trading_state is state))
    yield states
    if view is None:
        return
    known = view.net_liquidation > 0
    worth = view.net_liquidation / 100
    for name, text, value in (
        ("trader_portfolio_heat_rupees", "Open risk of positions and orders.", view.heat / 100),
        ("trader_portfolio_heat_ratio", "Heat over net liquidation.", view.heat / 100 / worth if known else math.nan),
        ("trader_net_liquidation_rupees", "What the account would be worth now.", worth if known else math.nan),
        ("trader_day_profit_rupees", "Realised and open profit of the day.", view.day_profit / 100),
        (
            "trader_open_positions",
            "Instruments in which we hold something.",
            sum(1 for p in view.positions if p.quantity),
        ),
        ("trader_working_orders", "Orders of ours that work at the broker.", view.working_orders),
        ("trader_orders_outcome_unknown", "Orders in doubt.", view.in_doubt_orders),
        ("trader_duplicate_client_ids", "Accepted twice for one intent, leg and attempt.", view.duplicates),
        ("trader_orphan_oco_siblings", "Working exits of brackets that hold nothing.", view.orphans),
        ("trader_naked_positions", "Brackets that hold a quantity without a live stop for all of it.", view.naked),
        ("trader_kill_standing", "1 while a kill stands.", int(view.kill is not None)),
        ("trader_is_flat", "1 when the broker's book proves that nothing of ours is open.", int(view.is_flat)),
    ):
        yield _gauge(name, text, value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
