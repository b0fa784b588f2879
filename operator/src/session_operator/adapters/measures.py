"""What the operator measures of itself, for Prometheus."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from session_operator.proofs import Verdict
from session_operator.status import Phase, Status

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
        self._drills = Gauge(
            "operator_drill_passed",
            "1 for a drill that passed last with the configuration that the gates are judged for, 0 for one that did not.",
            ["namespace", "session", "drill"],
            registry=self._registry,
        )
        self._gates = Gauge(
            "operator_gates_passed",
            "1 while all gates of a session are satisfied, 0 while one is not; absent without gates.",
            ["namespace", "session"],
            registry=self._registry,
        )
        self._post_close = Gauge(
            "operator_post_close_succeeded",
            "1 when the last sealing of a trading day succeeded, 0 when it did not; absent before the first.",
            ["namespace", "session"],
            registry=self._registry,
        )
        self._clean_days = Gauge(
            "operator_burn_in_clean_days",
            "Clean trading days in a row, up to the last one.",
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

    def proofs(self, namespace: str, name: str, status: Status) -> None:
        """Show what was proved of a session."""
        self._forget_proofs(namespace, name)
        if status.gates is not None:
            self._gates.labels(namespace, name).set(not status.gates.missing)
        judged = status.gates.config_hash if status.gates is not None else None
        for each in status.drills:  # asked for by hand, without gates: the last one of each name is shown
            if judged in (None, each.config_hash):
                self._drills.labels(namespace, name, each.name).set(each.verdict is Verdict.PASSED)
        if status.post_close is not None:
            self._post_close.labels(namespace, name).set(status.post_close.verdict is Verdict.PASSED)
        if status.burn_in is not None:
            self._clean_days.labels(namespace, name).set(status.burn_in.clean_days)

    def gone(self, namespace: str, name: str) -> None:
        """Stop showing a session."""
        self._forget_proofs(namespace, name)
        for gauge in (self._phase, self._active):
            gauge.remove_by_labels({"namespace": namespace, "session": name})

    def _forget_proofs(self, namespace: str, name: str) -> None:
        for gauge in (self._drills, self._gates, self._post_close, self._clean_days):
            gauge.remove_by_labels({"namespace": namespace, "session": name})

    def exposition(self) -> bytes:
        """Write the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
