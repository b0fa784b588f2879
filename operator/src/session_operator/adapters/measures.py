"""What the operator measures of itself, for Prometheus."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from session_operator.status import Phase

WITHOUT_TRADERS = (Phase.PENDING, Phase.INVALID)
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class PrometheusMeasures:
    """Metrics with a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        build = Info("operator_build", "The operator's build.", registry=self._registry)
        build.info({"version": version("trading-session-operator")})
        self._duration = Histogram(
            "operator_reconcile_duration_seconds",
            "How long one look at one session took.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._errors = Counter(
            "operator_reconcile_errors_total",
            "Looks at a session that failed, by the error's class.",
            ["error"],
            registry=self._registry,
        )
        self._phase = Gauge(
            "operator_session_phase",
            "1 for the phase that a session is in, 0 for the others.",
            ["namespace", "session", "phase"],
            registry=self._registry,
        )

        self._active = Gauge(
            "operator_session_active",
            "1 for a session whose traders are deployed, so that one of them must lead; 0 for one that has none yet.",
            ["namespace", "session"],
            registry=self._registry,
        )

    def reconciled(self, seconds: float) -> None:
        """Count a look at a session and how long it took."""
        self._duration.observe(seconds)

    def failed(self, error: str) -> None:
        """Count a failure by the error's class."""
        self._errors.labels(error).inc()

    def phase(self, namespace: str, name: str, phase: str) -> None:
        """Show a session's phase."""
        for each in Phase:
            self._phase.labels(namespace, name, each.value).set(each.value == phase)
        self._active.labels(namespace, name).set(phase not in WITHOUT_TRADERS)

    def gone(self, namespace: str, name: str) -> None:
        """Stop showing a session."""
        for gauge in (self._phase, self._active):
            gauge.remove_by_labels({"namespace": namespace, "session": name})

    def exposition(self) -> bytes:
        """Write the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
